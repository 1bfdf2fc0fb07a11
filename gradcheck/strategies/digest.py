"""A digest of what a test checks, for the key of its counterexamples in Hypothesis' database.

>>> double, triple = (lambda x: 2 * x), (lambda x: 3 * x)
>>> digest("x: n", double) == digest("x: n", double)
True
>>> digest("x: n", double) == digest("x: n", triple)
False

A counterexample of one mistake is, to another mistake, a large draw that nobody has shrunk.
Comments and layout make no difference; Python's own version does, as it does to the draws of
a test of Hypothesis that is derandomized.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType
from typing import Any

__all__ = ["digest"]

PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
"""Kinds of values whose representation says all of them, and the same in each process."""


def digest(spec: str, *functions: Any) -> str:
    """A few digits that change with a spec, and with the code of functions.

    Parameters
    ----------
    spec : str
    *functions : object
        With what they call of their own modules, and the plain values that they hold.
    """
    hasher = hashlib.sha256(spec.encode())
    seen: dict[int, Any] = {}
    for function in functions:
        for part in _parts(function, seen):
            hasher.update(f"{len(part)}:{part}".encode(errors="surrogatepass"))
    return hasher.hexdigest()[:32]


def _parts(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    """What a value is made of, as text; each function once."""
    if isinstance(value, PLAIN):
        yield repr(value)
    elif isinstance(value, tuple):
        yield "tuple"
        yield from _all(value, seen)
    elif isinstance(value, frozenset):
        yield from sorted(map(repr, value))
    elif id(value) in seen:
        yield "seen"
    else:
        seen[id(value)] = value
        yield from _composed(value, seen)


def _composed(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Those of a value that may hold itself."""
    yield type(value).__name__
    if isinstance(value, FunctionType):
        yield from _parts(value.__code__, seen)
        yield from _parts(value.__defaults__, seen)
        for _, default in sorted((value.__kwdefaults__ or {}).items()):
            yield from _parts(default, seen)
        yield from _all(_held(value), seen)
    elif isinstance(value, CodeType):
        yield value.co_code.hex()
        yield from (*value.co_names, *value.co_varnames)
        yield from _all(value.co_consts, seen)
    elif isinstance(value, partial):
        yield from _all((value.func, value.args, *sorted(value.keywords.items())), seen)
    elif inspect.ismethod(value):
        yield from _all((value.__func__, value.__self__), seen)
    elif isinstance(value, type):
        yield value.__qualname__
        yield from (
            ()
            if value.__module__ == "builtins"
            else _all((v for v in vars(value).values() if isinstance(v, FunctionType)), seen)
        )
    else:
        yield from _all((type(value), getattr(value, "__wrapped__", None)), seen)
        state = getattr(value, "__dict__", None)
        for name, entry in state.items() if isinstance(state, dict) else ():
            yield from (str(name), repr(entry)) if isinstance(entry, PLAIN) else ()


def _all(values: Iterable[Any], seen: dict[int, Any]) -> Iterator[str]:
    for value in values:
        yield from _parts(value, seen)


def _held(function: FunctionType) -> Iterator[Any]:
    """What a function finds in its closure, and the functions of its own module that it calls."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet bound
            continue
    for name in _names(function.__code__):
        found = function.__globals__.get(name)
        is_code = isinstance(found, (FunctionType, type))
        if isinstance(found, PLAIN) or (is_code and found.__module__ == function.__module__):
            yield found


def _names(code: CodeType) -> Iterator[str]:
    """Names that code looks up, also that of the functions inside of it."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
