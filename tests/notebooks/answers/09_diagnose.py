# %% right: as the report has it
def diagnose(s1, s2):
    return "write-after-read race", s1


# %% right: a list, and with a variable
def diagnose(s1, s2):
    kind = "write" + "-after-" + "read race"
    return [kind, s1]


# %% right: it asks the sanitizer
def diagnose(s1, s2):
    with mtia_lab.sanitizer() as report:
        x = torch.ones(4).to("mtia")
        with s2:
            x.sum()
        with s1:
            x.zero_()
    waits = {s.stream_id: s for s in (s1, s2)}[report[0].second.where[1]]
    return report[0].kind, waits


# %% wrong: the reader after the writer, which is in order -> kind: a read-after-write race: which
def diagnose(s1, s2):
    return "read-after-write race", s1


# %% wrong: the reader should wait -> who must wait: s2 waits already: for what
def diagnose(s1, s2):
    return "write-after-read race", s2


# %% wrong: the stream by its number -> who must wait: \d+ is no stream: return s1 or s2 itself
def diagnose(s1, s2):
    return "write-after-read race", s1.stream_id


# %% wrong: the stream by its name -> who must wait: 's1' is no stream
def diagnose(s1, s2):
    return "write-after-read race", "s1"


# %% wrong: the stream of the notebook, whatever is given -> neither s1 nor s2
mine = torch.Stream("mtia")


def diagnose(s1, s2):
    return "write-after-read race", mine


# %% wrong: a kind that there is not -> kind: 'race' is none of read-after-write race, write
def diagnose(s1, s2):
    return "race", s1


# %% wrong: the kind alone -> returned 'write-after-read race', where a kind and a stream
def diagnose(s1, s2):
    return "write-after-read race"


# %% wrong: nothing -> returned None, where a kind and a stream
def diagnose(s1, s2):
    print("the writer")


# %% wrong: the other way round -> kind: torch.Stream .* is none of
def diagnose(s1, s2):
    return s1, "write-after-read race"
