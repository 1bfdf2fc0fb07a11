"""Arrays by name reach a cost and its gradient: which of them each takes, and how.

>>> def cost(params, X):
...     return np.sum((params["W"] @ X) ** 2)
>>> def grad(W, X):
...     return 2 * W @ X @ X.T
>>> arrays = {"W": np.ones((1, 2)), "X": np.ones((2, 3))}
>>> bound = plan(cost, grad, arrays).at(arrays)
>>> bound.names, float(bound.cost(bound.params, *bound.args))
(('W',), 12.0)

Arguments that are called like arrays get them. The first, if it is not, gets all that are left,
as a mapping or in a structure of the user's. What comes out is ready for
``check_gradient(bound.cost, bound.grad, bound.params, args=bound.args)``.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import combinations
from typing import Any, NoReturn

import numpy as np

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import describe
from gradcheck.functions import copy_arrays, in_short
from gradcheck.parameters import children

__all__ = ["Bound", "Plan", "Taking", "plan"]

Function = Callable[..., Any]

CANDIDATES = 16
"""Arrays among which the parameters are looked for by their shapes, at most."""


@dataclass(frozen=True)
class Bound:
    """A cost and its gradient at some arrays.

    Attributes
    ----------
    cost : callable
        ``cost(params, *args)``.
    grad : callable or None
        ``grad(params, *args)``, a mapping like `params` wherever the user's result allows it;
        None if `cost` returns both.
    params : dict of str to ndarray or float
        The arrays by which is differentiated.
    args : tuple
        The others.
    jac : bool
        Whether `cost` returns the pair of value and gradient.
    """

    cost: Function
    grad: Function | None
    params: dict[str, Any]
    args: tuple[Any, ...]
    jac: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arrays by which is differentiated."""
        return tuple(self.params)


@dataclass(frozen=True)
class Taking:
    """How one callable takes arrays.

    Attributes
    ----------
    called : str
        ``cost`` or ``grad``, for messages.
    function : callable
    named : tuple of str
        Arguments that get the arrays of their names.
    positional : tuple of str
        Those of them that have to stand in order, without their names.
    whole : str
        The argument that gets all arrays that are left; empty if there is none.
    structure : callable, optional
        Makes the value of `whole` from arrays by name; default a dict.
    left : tuple of str
        The arrays that are left, for `whole` or a ``**`` argument.
    sequence : tuple of str
        `named` and `whole` in the order of the signature.
    """

    called: str
    function: Function = field(repr=False)
    named: tuple[str, ...]
    positional: tuple[str, ...] = ()
    whole: str = ""
    structure: Function | None = None
    left: tuple[str, ...] = ()
    sequence: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        called: str,
        function: Any,
        names: Sequence[str],
        structure: Function | None = None,
        inside: tuple[str, ...] = (),
        like: Taking | None = None,
    ) -> Taking:
        """Read the signature of a callable.

        Parameters
        ----------
        called : str
        function : callable
        names : sequence of str
            Of all arrays, in their order.
        structure : callable, optional
            Makes the first argument,
        inside : tuple of str
            from these arrays.
        like : Taking, optional
            What a callable that takes anything, ``*args``, takes too.

        Raises
        ------
        InvalidInput
            If it has arguments that no array is for.
        """
        if not callable(function):
            raise InvalidType(f"`{called}`: expected a callable, got {type(function).__name__}")
        try:
            arguments = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            if like:  # functions of NumPy have no signature before version 2
                return replace(like, called=called, function=function, positional=like.sequence)
            raise InvalidInput(
                f"`{called}` does not tell the names of its arguments; wrap it in a function "
                f"such as def {called}({', '.join(names)})"
            ) from None
        kinds = {a.kind for a in arguments}
        anything = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
        if like and inspect.Parameter.VAR_POSITIONAL in kinds <= anything:
            return replace(like, called=called, function=function, positional=like.sequence)
        named = tuple(a.name for a in arguments if a.name in names and _takes_one(a))
        left = tuple(name for name in names if name not in named)
        unknown = [a for a in arguments if a.name not in names and _takes_one(a) and _required(a)]
        whole = ""
        if unknown and unknown[0] is arguments[0]:
            left = inside if structure else left
            whole = unknown.pop(0).name
            _check_whole(called, whole, left, names)
        if unknown:
            _refuse(called, unknown, names, whole)
        positional = [a.name for a in arguments if a.kind == a.POSITIONAL_ONLY]
        if not whole and inspect.Parameter.VAR_KEYWORD not in kinds:
            if kinds == {inspect.Parameter.VAR_POSITIONAL}:
                named, positional = tuple(names), list(names)
            left = ()
        if not (named or left):
            raise InvalidInput(
                f"`{called}` takes none of the arrays {_some(names)}; name its arguments like "
                "them, or let its first take them all as a mapping"
            )
        taken = (*named, whole) if whole else named
        ordered = tuple(name for name in positional if name in taken)
        sequence = tuple(a.name for a in arguments if a.name in taken) or taken
        return cls(called, function, named, ordered, whole, structure, left, sequence)

    @property
    def names(self) -> tuple[str, ...]:
        """All arrays that it takes, in the order in which it does."""
        return (*self.left, *self.named) if self.whole else (*self.named, *self.left)

    def __call__(self, arrays: Mapping[str, Any]) -> Any:
        """Call it with the arrays that it takes."""
        values = {name: arrays[name] for name in self.named}
        left = {name: arrays[name] for name in self.left}
        if self.whole:
            values[self.whole] = self.structure(**left) if self.structure else left
            left = {}
        first = [values.pop(name) for name in self.positional]
        return self.function(*first, **values, **left)

    def __str__(self) -> str:
        parts = [f"{', '.join(self.left)} together as `{self.whole}`"] if self.whole else []
        return " and ".join([*parts, *([f"{', '.join(self.named)} by name"] if self.named else [])])


def _takes_one(argument: inspect.Parameter) -> bool:
    return argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)


def _required(argument: inspect.Parameter) -> bool:
    return argument.default is argument.empty


def _check_whole(called: str, whole: str, left: Sequence[str], names: Sequence[str]) -> None:
    same = [name for name in names if name.casefold() == whole.casefold()]
    if same:
        raise InvalidInput(
            f"`{called}` takes `{whole}`, but the array is called `{same[0]}`; call both the same"
        )
    if not left:
        raise InvalidInput(
            f"`{called}` takes `{whole}`, but all arrays go to its other arguments; describe "
            f"`{whole}` too, or bind it with functools.partial"
        )


def _refuse(
    called: str, unknown: Sequence[inspect.Parameter], names: Sequence[str], whole: str
) -> NoReturn:
    word = unknown[0].name
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(word.casefold(), folded, 1)
    meant = f"; is it `{folded[close[0]]}`" if close else ""
    others = f" (`{whole}` gets all that have no argument of their name)" if whole else ""
    raise InvalidInput(
        f"`{called}` takes `{word}`, which is none of the arrays {_some(names)}{meant}{others}; "
        "describe it too, give it a default, or bind it with functools.partial"
    )


@dataclass(frozen=True)
class Plan:
    """How arrays reach a cost and its gradient, for any arrays of the same names.

    Attributes
    ----------
    cost : Taking
    grad : Taking or None
        None if `cost` returns both.
    names : tuple of str
        The arrays by which is differentiated.
    order : tuple of str
        Those of which the gradient is, where it has no names.
    """

    cost: Taking
    grad: Taking | None
    names: tuple[str, ...]
    order: tuple[str, ...]

    @property
    def taken(self) -> set[str]:
        """The arrays that cost or gradient take."""
        return {*self.cost.names, *(self.grad.names if self.grad else ())}

    def at(self, arrays: Mapping[str, Any]) -> Bound:
        """Cost and gradient at some arrays."""
        data = tuple(name for name in arrays if name in self.taken and name not in self.names)
        layout = self.names, data, self.order
        return Bound(
            _Call(self.cost, *layout) if self.grad else _Pair(self.cost, *layout),
            _Gradient(self.grad, *layout) if self.grad else None,
            {name: arrays[name] for name in self.names},
            tuple(arrays[name] for name in data),
            self.grad is None,
        )


class _Call:
    """A callable of the user's as ``call(params, *args)``, with arrays by name in both.

    Attributes
    ----------
    function : callable
        The user's own, by which a diagnosis finds what it holds.
    """

    def __init__(
        self,
        taking: Taking,
        params: tuple[str, ...],
        data: tuple[str, ...],
        order: tuple[str, ...],
    ) -> None:
        self.function = taking.function
        self._taking = taking
        self._params, self._data, self._order = params, data, order
        kind = inspect.Parameter.POSITIONAL_ONLY
        names = ["params" if "params" not in data else "parameters", *data]
        self.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])

    def __call__(self, params: Mapping[str, Any], *args: Any) -> Any:
        return self._taking({**dict(zip(self._data, args, strict=True)), **params})

    def laid_out(self, gradient: Any) -> Any:
        """A gradient as a mapping, without what belongs to arrays that are no parameters."""
        named = _items(gradient)
        if named is not None and any(_owner(key, self._params) for key in named):
            kept = (k for k in named if _owner(k, self._params) or not _owner(k, self._data))
            return {key: named[key] for key in kept}
        if isinstance(gradient, (tuple, list)):
            if len(gradient) == len(self._order):
                parts = dict(zip(self._order, gradient, strict=True))
                return {f"d{name}": parts[name] for name in self._params if name in parts}
        elif len(self._order) == 1 and named is None and gradient is not None:
            return {f"d{self._order[0]}": gradient}
        return gradient


class _Gradient(_Call):
    """Likewise, its result laid out like the parameters."""

    def __call__(self, params: Mapping[str, Any], *args: Any) -> Any:
        return self.laid_out(super().__call__(params, *args))


class _Pair(_Call):
    """Likewise, for a cost that returns its value and the gradient."""

    def __call__(self, params: Mapping[str, Any], *args: Any) -> Any:
        result = super().__call__(params, *args)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            return result
        return result[0], self.laid_out(result[1])


def plan(
    cost: Function,
    grad: Function | None,
    arrays: Mapping[str, Any],
    *,
    jac: bool = False,
    wrt: str | Sequence[str] | None = None,
    params: Function | None = None,
    data: Collection[str] = (),
) -> Plan:
    """How a cost and its gradient take arrays, of these and for any others of the same names.

    Parameters
    ----------
    cost, grad : callable
        They take arrays by the names of their arguments; the first argument, if no array is
        called so, gets those that are left. `grad` is None if `jac` is true.
    arrays : mapping of str to ndarray or float
        Their shapes should differ, for a gradient without names to be told by them.
    jac : bool
        Whether `cost` returns the pair ``(value, gradient)``.
    wrt : str or sequence of str, optional
        The arrays by which is differentiated. Default those of which the gradient has the names,
        ``W1`` or ``dW1``; if it has none, those whose shapes it has, in the order in which they
        are taken.
    params : callable, optional
        Makes the first argument, from arrays by name: a NamedTuple or dataclass, such as
        ``backprop.Parameters``. Default a dict.
    data : collection of str
        Arrays by which nobody differentiates, such as labels.

    Returns
    -------
    Plan

    Raises
    ------
    InvalidInput
        If an argument has no array, or if it is not clear by which arrays is differentiated.
    """
    names = tuple(arrays)
    if jac and grad is not None:
        raise InvalidInput("with jac=True the gradient comes from `cost`: give None for `grad`")
    if grad is None and not jac:
        raise InvalidInput(
            "`grad` is None, expected a callable; if `cost` returns both, say jac=True"
        )
    inside = _fields(params, names) if params else ()
    by_cost = Taking.of("cost", cost, names, params, inside)
    by_grad = None if jac else Taking.of("grad", grad, names, params, inside, by_cost)
    chosen = _selected(wrt, by_cost)
    if inside:
        return Plan(by_cost, by_grad, _of_floats(chosen or inside, arrays), inside)
    gradient = _result(by_grad or by_cost, arrays, jac)
    if chosen and (_items(gradient) is not None or _count(gradient) == len(chosen)):
        return Plan(by_cost, by_grad, _of_floats(chosen, arrays), chosen)
    order = _of_floats(_differentiated(gradient, by_cost, arrays, data), arrays)
    lost = [name for name in chosen if name not in order]
    if lost:
        raise InvalidInput(
            f"`wrt` names {_some(lost)}, but the gradient seems to be that of {_some(order)}; "
            "return a mapping such as {'dW1': ..., 'db1': ...}"
        )
    return Plan(by_cost, by_grad, chosen or order, order)


def _of_floats(names: tuple[str, ...], arrays: Mapping[str, Any]) -> tuple[str, ...]:
    """The names, if none is that of an array of whole numbers."""
    whole = [name for name in names if not _is_float(arrays[name])]
    if whole:
        raise InvalidInput(
            f"{_some(whole)}: whole numbers have no small steps to differentiate by; make them "
            f"floats, as by {whole[0]}.astype(float) or another domain, or leave them out with wrt="
        )
    return names


def _count(gradient: Any) -> int:
    return len(gradient) if isinstance(gradient, (tuple, list)) else 1


def _fields(structure: Function, names: Sequence[str]) -> tuple[str, ...]:
    """Names of the arrays that a structure holds."""
    if hasattr(structure, "_fields"):
        found = tuple(structure._fields)
    elif is_dataclass(structure):
        found = tuple(f.name for f in fields(structure) if f.init)
    elif callable(structure):
        found = tuple(p.name for p in inspect.signature(structure).parameters.values())
    else:
        raise InvalidType(
            "`params`: expected a NamedTuple, a dataclass or a function that makes the parameters "
            f"from arrays by name, got {type(structure).__name__}"
        )
    missing = [name for name in found if name not in names]
    if missing or not found:
        raise InvalidInput(
            f"`params` takes {_some(found)}, but the arrays are {_some(names)}; call both the same"
        )
    return found


def _selected(wrt: str | Sequence[str] | None, by_cost: Taking) -> tuple[str, ...]:
    if wrt is None:
        return ()
    chosen = (wrt,) if isinstance(wrt, str) else tuple(wrt) if isinstance(wrt, Iterable) else ()
    if not chosen or any(name not in by_cost.names for name in chosen):
        raise InvalidInput(
            f"`wrt` is {wrt!r}, expected some of the arrays that `cost` takes: "
            f"{', '.join(by_cost.names)}"
        )
    return tuple(name for name in by_cost.names if name in chosen)


def _result(source: Taking, arrays: Mapping[str, Any], jac: bool) -> Any:
    """What the user's gradient is at the arrays."""
    try:
        with np.errstate(all="ignore"):
            result = source(copy_arrays(dict(arrays)))
    except Exception as error:
        raise InvalidInput(
            f"`{source.called}` raised {in_short(error)}; it got {source}"
        ) from error
    if not jac:
        return result
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise InvalidType(
            "with jac=True `cost` returns the pair (value, gradient), but it returned "
            f"{describe(result)}"
        )
    return result[1]


def _differentiated(
    result: Any, by_cost: Taking, arrays: Mapping[str, Any], data: Collection[str]
) -> tuple[str, ...]:
    """The arrays of which a gradient is, by its names or by its shapes."""
    if result is None:
        raise InvalidInput("the gradient is None; a function without `return` returns None")
    named = _items(result)
    if named is not None:
        owners = {_owner(key, arrays) for key in named}
        chosen = tuple(name for name in _ordered(by_cost, arrays) if name in owners)
        if chosen:
            _check_left_out(chosen, by_cost, data)
            return chosen
        if isinstance(result, Mapping):
            raise InvalidInput(
                f"the gradient has {_some(list(named))}, which are names of none of the arrays "
                f"{_some(list(arrays))}; call the gradient of `W` either `W` or `dW`"
            )
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    candidates = [n for n in by_cost.names if n not in data]
    if by_cost.whole and by_cost.named:
        candidates = [n for n in candidates if n in by_cost.left]
    shapes = [_shape(part) for part in parts]
    floats = [n for n in candidates if _is_float(arrays[n])]
    # Of whole numbers it is if it fits them alone: they are then refused by their names.
    exact = _exact(shapes, floats, arrays) or _exact(shapes, candidates, arrays)
    return exact if set(exact) - set(floats) else _fitting(shapes, floats, arrays)


def _ordered(by_cost: Taking, arrays: Mapping[str, Any]) -> list[str]:
    return [*by_cost.names, *(name for name in arrays if name not in by_cost.names)]


def _check_left_out(chosen: Sequence[str], by_cost: Taking, data: Collection[str]) -> None:
    """Refuse a gradient that lacks some of what its cost takes as parameters."""
    lost = [n for n in by_cost.left if n not in chosen and n not in data]
    if by_cost.whole and by_cost.named and lost:
        raise InvalidInput(
            f"`cost` gets {', '.join(by_cost.left)} as `{by_cost.whole}`, but the gradient has no "
            f"{_some(lost)}; return it as `d{lost[0]}`, or say wrt={tuple(chosen)!r} to check the "
            "others alone"
        )


def _exact(
    shapes: list[tuple[int, ...] | None], candidates: list[str], arrays: Mapping[str, Any]
) -> tuple[str, ...]:
    """The first candidates, in their order, that have exactly these shapes; none if too many."""
    chosen = combinations(candidates if len(candidates) <= CANDIDATES else (), len(shapes))
    fits = (c for c in chosen if [np.shape(arrays[name]) for name in c] == shapes)
    return next(fits, ())


def _fitting(
    shapes: list[tuple[int, ...] | None], candidates: list[str], arrays: Mapping[str, Any]
) -> tuple[str, ...]:
    """The candidates, in their order, that have as many of these shapes as possible."""
    count = len(shapes)
    if count == len(candidates):
        return tuple(candidates)
    came = f"the gradient is {count} arrays of shapes {', '.join(map(str, shapes))}"
    came = came if count != 1 else f"the gradient is one array of shape {shapes[0]}"
    remedy = "return a mapping such as {'dW1': ..., 'db1': ...}"
    if count > len(candidates) or len(candidates) > CANDIDATES:
        known = ", ".join(candidates) or "none"
        raise InvalidInput(f"{came}, the arrays that may be parameters are {known}; {remedy}")
    fits: dict[int, list[tuple[str, ...]]] = {}
    for chosen in combinations(candidates, count):
        pairs = zip(chosen, shapes, strict=True)
        agreeing = sum(np.shape(arrays[name]) == shape for name, shape in pairs)
        fits.setdefault(agreeing, []).append(chosen)
    most = max(fits)
    best = fits[most]
    if most and len(best) == 1:
        return best[0]
    which = " or ".join(f"({', '.join(chosen)})" if count > 1 else chosen[0] for chosen in best[:3])
    more = ", ..." if len(best) > 3 else ""
    said = best[0] if count > 1 else best[0][0]
    raise InvalidInput(
        f"{came}, which may belong to {which}{more}; say which with wrt={said!r}, or {remedy}"
    )


def _items(result: Any) -> dict[Any, Any] | None:
    """Parts of a gradient by their names; None if they have none."""
    below = children(result)
    if below is None or isinstance(result, list) or type(result) is tuple:
        return None
    return {key: value for (_, key), value in below}


def _owner(key: Any, names: Collection[str]) -> str | None:
    """The array whose gradient is called so: ``W1`` or ``dW1``."""
    if not isinstance(key, str):
        return None
    if key in names:
        return key
    return key[1:] if key.startswith("d") and key[1:] in names else None


def _shape(part: Any) -> tuple[int, ...] | None:
    try:
        return np.shape(part)
    except ValueError:  # a ragged list
        return None


def _is_float(value: Any) -> bool:
    return bool(np.asarray(value).dtype.kind in "fc")


def _some(names: Sequence[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)
