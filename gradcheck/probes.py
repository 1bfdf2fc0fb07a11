"""Named intermediates: values of a forward pass that the harness can read and replace.

>>> def cost(w):
...     z = probe("z", 2 * w)
...     return np.sum(z**2)
>>> float(cost(np.array([3.0])))
36.0
>>> recorded(lambda: cost(np.array([3.0]))).values["z"]
array([6.])
>>> with replacing({"z": np.array([1.0])}):
...     float(cost(np.array([3.0])))
1.0

Outside of a check `probe` gives back its value untouched. Whether a check is running is known
to the current thread alone (a context variable), so that others see their own values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from gradcheck.errors import InvalidInput, InvalidType

__all__ = ["Recording", "probe", "recorded", "replacing", "unprobed"]

Value = TypeVar("Value")


@dataclass
class Recording:
    """What the probes of one call have seen, and what they give back instead.

    Attributes
    ----------
    values : dict of str to ndarray
        Copies, in the order in which the probes were met. A name that is met again is
        ``h[1]``, ``h[2]`` and so on.
    instead : mapping of str to ndarray
        What a probe gives back in place of its value.
    result : object
        What the call returned.
    """

    instead: Mapping[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    result: Any = None

    def at(self, name: str, value: Any) -> Any:
        """Take note of a value, and give back what stands for it."""
        count = self.met.get(name, 0)
        self.met[name] = count + 1
        key = name if count == 0 else f"{name}[{count}]"
        self.values[key] = np.array(value)
        if key not in self.instead:
            return value
        instead = self.instead[key]
        if np.shape(instead) != np.shape(value):
            raise InvalidInput(
                f"probe `{key}` has shape {np.shape(value)} now and had {np.shape(instead)}: its "
                "shape may not depend on other values"
            )
        return np.array(instead)


_RECORDING: ContextVar[Recording | None] = ContextVar("gradcheck.probes", default=None)


def probe(name: str, value: Value) -> Value:
    """Name an intermediate value of a forward pass.

    Parameters
    ----------
    name : str
        Such as ``Z1``; the backward pass calls its gradient ``dZ1`` or ``Z1``.
    value : array or number

    Returns
    -------
    array or number
        The value itself, untouched; within a check, what the check puts in its place.

    Raises
    ------
    InvalidType
        Within a check, if `name` is no text.
    """
    recording = _RECORDING.get()
    if recording is None:
        return value
    if not isinstance(name, str):
        raise InvalidType(f"probe: expected the name as text, got {type(name).__name__}")
    instead: Value = recording.at(name, value)
    return instead


@contextmanager
def replacing(instead: Mapping[str, Any]) -> Iterator[Recording]:
    """Record all probes, while some give back other values.

    Parameters
    ----------
    instead : mapping of str to ndarray

    Yields
    ------
    Recording
    """
    recording = Recording(instead)
    token = _RECORDING.set(recording)
    try:
        yield recording
    finally:
        _RECORDING.reset(token)


@contextmanager
def unprobed() -> Iterator[None]:
    """Hide all probes from a recording outside, as within a check that a cost makes itself."""
    token = _RECORDING.set(None)
    try:
        yield
    finally:
        _RECORDING.reset(token)


def recorded(call: Callable[[], Any], instead: Mapping[str, Any] | None = None) -> Recording:
    """The probes that a call meets, and its result.

    Parameters
    ----------
    call : callable
    instead : mapping of str to ndarray, optional
        What some of the probes give back.

    Returns
    -------
    Recording
    """
    with replacing(instead or {}) as recording:
        recording.result = call()
    return recording
