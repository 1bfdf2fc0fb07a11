import pytest

from gradcheck.cli.wording import in_options


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("say wrt=('W',) to check", "say --wrt W to check"),
        ("say wrt='W', or", "say --wrt W, or"),
        ("say on_kink='accept'.", "say --on-kink accept."),
        ("say resolution=1e-4.", "say --resolution 1e-4."),
        ("`wrt` names `x`", "--wrt names `x`"),
        ("`x`: the shape of `wrt`", "`x`: the shape of `wrt`"),
        ("3 of 4 draws; `inconclusive=` allows 50%", "3 of 4 draws; 50% may be"),
        ("set on_kink=\n  or resolution=; or allow more with inconclusive=\nmore",
         "set --on-kink\n  or --resolution\nmore"),
        ("W: n scale=2", "W: n scale=2"),
        ("FAIL: set wrt=\n  reproduce:\nplan(wrt=('x',))",
         "FAIL: set --wrt\n  reproduce:\nplan(wrt=('x',))"),
    ],
)  # fmt: skip
def test_keywords_are_options_but_in_code(text, said):
    assert in_options(text) == said
