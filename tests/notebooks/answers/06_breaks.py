# %% wrong: it does make the stream current -> 'sets' is kept: exchangeStream makes
breaks = {"exchangeStream": "sets", "record": "again", "block": "no_wait"}

# %% wrong: later work does wait -> 'orders' is kept: block makes
breaks = {"exchangeStream": "nothing_else", "record": "again", "block": "orders"}

# %% wrong: nothing is recorded again, so no old wait can be lost -> 'keeps_waits' is kept
breaks = {"exchangeStream": "nothing_else", "record": "keeps_waits", "block": "no_wait"}

# %% wrong: a misspelled word -> 'nothing else' is none of its clauses: sets
breaks = {"exchangeStream": "nothing else", "record": "again", "block": "no_wait"}

# %% wrong: a clause of another method -> 'block.no_wait' is none of its clauses
breaks = {"exchangeStream": "nothing_else", "record": "block.no_wait", "block": "no_wait"}

# %% wrong: one of three, and that one wrong -> 'sets' is kept
breaks = {"exchangeStream": "sets", "record": ..., "block": ...}

# %% wrong: one of three, and that one right -> 1 of 3 right\n  record, block: not started
breaks = {"exchangeStream": "nothing_else", "record": ..., "block": ...}

# %% wrong: no names -> wanted a dict, got a list
breaks = ["nothing_else", "again", "no_wait"]

# %% wrong: numbers -> 1 is none of its clauses
breaks = {"exchangeStream": 1, "record": 2, "block": 3}

# %% right: the words
breaks = {"exchangeStream": "nothing_else", "record": "again", "block": "no_wait"}

# %% right: the whole keys
breaks = {
    "block": "block.no_wait",
    "record": "record.again",
    "exchangeStream": "exchangeStream.nothing_else",
}

# %% right: some of each, and a note
breaks = {"block": "no_wait", "record": "again", "note": "with care"}
breaks["exchangeStream"] = "exchangeStream.nothing_else"
