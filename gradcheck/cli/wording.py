"""What Python's keywords are called on the command line.

>>> in_options("say which with wrt=('W', 'b'), or set on_kink= or resolution=")
'say which with --wrt W,b, or set --on-kink or --resolution'
>>> in_options("`on_kink`: expected one of these")
'--on-kink: expected one of these'

Messages and reports speak to those who write Python; what has no option is left out.
"""

from __future__ import annotations

import re

__all__ = ["in_options"]

KEYWORDS = "wrt|on_kink|resolution|approximate|method|bounds|intermediates|vectorized"

CODE = "\n  reproduce:\n"
"""After this line of a report comes code."""


def in_options(text: str) -> str:
    """A message or report, with options in the place of keywords.

    Parameters
    ----------
    text : str
    """
    said, line, code = text.partition(CODE)
    said = re.sub(r"; or allow more with inconclusive=", "", said)
    said = re.sub(r"`inconclusive=` allows (\d+%)", r"\1 may be", said)
    said = re.sub(rf"^`({KEYWORDS})`(?=:| is | names )", _option, said)
    value = r"\([^()]*\)|'[^']*'|[\w.+-]*\w"
    said = re.sub(rf"\b({KEYWORDS})=({value})?", _option, said)
    return said + line + code


def _option(match: re.Match[str]) -> str:
    name, value = match[1], match[2] if match.re.groups > 1 else None
    option = f"--{name.replace('_', '-')}"
    if not value or name == "vectorized":
        return option
    words = re.findall(r"'([^']*)'", value)
    return f"{option} {','.join(words) if words else value}"
