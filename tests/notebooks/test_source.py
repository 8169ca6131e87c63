"""C++ shown by its tag, in plain sight or behind a click."""

from mtia_lab.exercises.source import source


def test_what_is_closed_shows_its_first_line_and_holds_the_same_code():
    shown, closed = source("hooks.class"), source("hooks.class", closed=True)
    assert closed == shown and repr(closed) == str(shown)
    markdown = closed._repr_markdown_()
    summary, _, rest = markdown.partition("</summary>")
    assert summary.endswith("<summary>struct MTIAHooks final : at::MTIAHooksInterface")
    assert shown._repr_markdown_() in rest and rest.endswith("</details>")


def test_the_comment_above_a_function_is_not_its_name():
    summary = source("guard.exchange_stream", closed=True)._repr_markdown_().partition("</s")[0]
    assert summary.endswith("MTIAGuardImpl::exchangeStream(c10::Stream stream) const")
