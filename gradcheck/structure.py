"""Whether a gradient is built as its parameters are: names, shapes, dtypes, finiteness.

`match` lays a gradient beside the parameters, block by block. What fits comes back as flat
vectors; what does not is a `Finding`, which names the block, what came, what was expected
and what usually causes it. Nothing is broadcast or reshaped to make it fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.findings import Finding, describe, some
from gradcheck.parameters import Block, Key, Layout, children, path_name

__all__ = [
    "SHAPES",
    "SHAPE_CAUSE",
    "SHAPE_DUE",
    "Claim",
    "axis_of_examples",
    "match",
    "of_conjugation",
    "of_emptiness",
    "of_examples",
    "of_no_examples",
    "of_right_values",
]


@dataclass(frozen=True)
class Claim:
    """The gradient that the user claims, as far as its structure allows.

    Attributes
    ----------
    values : dict of str to ndarray
        For each block whose gradient has the right form, its numbers, flat.
    eps : dict of str to float
        Rounding unit of the dtype that each came in.
    labels : dict of str to str
        What the user's gradient calls each block: ``db1`` or ``gradient of b1``.
    findings : list of Finding
    blocks : tuple of Block
    misshapen : dict of str to ndarray
        For each block whose gradient has the wrong shape, what came. Where its numbers can be
        recognised, `values` has them too.
    whole : set of str
        Blocks whose gradient came as whole numbers.
    summed : dict of str to int
        For each block of wrong shape whose `values` are sums of what came, the axis.
    more : bool
        Whether others may stand beside the gradients of the parameters.
    """

    values: dict[str, NDArray[Any]]
    eps: dict[str, float]
    labels: dict[str, str]
    findings: list[Finding]
    blocks: tuple[Block, ...] = ()
    misshapen: dict[str, NDArray[Any]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    summed: dict[str, int] = field(default_factory=dict)
    more: bool = False

    @property
    def compared(self) -> list[Block]:
        """The blocks that have values, in their order."""
        return [block for block in self.blocks if block.name in self.values]

    @property
    def rows(self) -> Iterator[tuple[Block, slice]]:
        """The blocks that have values, and where theirs stand among all values."""
        start = 0
        for block in self.compared:
            yield block, slice(start, start + block.size)
            start += block.size

    @property
    def entries(self) -> NDArray[np.intp]:
        """Places in the flat vector of all values, shape (q,)."""
        ranges = [np.arange(block.start, block.stop) for block in self.compared]
        return np.concatenate([np.empty(0, dtype=np.intp), *ranges])

    def without(self, name: str) -> None:
        """Take back the numbers of a block."""
        del self.values[name]

    def column(self, of_block: Callable[[int, Block], Any]) -> NDArray[Any]:
        """One number for each entry, shape (q, 1), from the number and the block it is in."""
        parts = [np.broadcast_to(of_block(k, b), b.size) for k, b in enumerate(self.compared)]
        return np.concatenate(parts)[:, None]

    def vector(self) -> NDArray[Any]:
        """All values, shape (q, 1)."""
        return self.column(lambda _, block: self.values[block.name])


def match(layout: Layout, gradient: Any, names: Sequence[str], more: bool = False) -> Claim:
    """The gradient laid beside the parameters.

    Parameters
    ----------
    layout : Layout
    gradient : object
        In the structure of the parameters; a mapping, NamedTuple or dataclass may call the
        gradient of ``W1`` either ``W1`` or ``dW1``.
    names : sequence of str
        Blocks that are to be checked; no finding concerns another.
    more : bool
        Whether the gradient may hold others beside those of the parameters.

    Returns
    -------
    Claim
    """
    claim = Claim({}, {}, {}, [], layout.blocks, more=more)
    blocks = iter(layout.blocks)
    for block, label, leaf in _pairs(layout.params, gradient, (), (), blocks, claim):
        claim.labels[block.name] = label
        if block.name in names:
            _read(block, label, leaf, claim)
    # A mistake above a block is reported once for each, so keep those that are asked for.
    claim.findings[:] = [f for f in claim.findings if f.block is None or f.block in names]
    return claim


class _Missing:
    """Stands where the gradient has nothing."""


class _Unreadable:
    """Stands where a finding has already said that the structure is wrong."""


def _pairs(
    node: Any,
    gradient: Any,
    path: tuple[Key, ...],
    own: tuple[Key, ...],
    blocks: Iterator[Block],
    claim: Claim,
) -> Iterator[tuple[Block, str, Any]]:
    """Each block, what the gradient calls it, and what the gradient has for it."""
    below = children(node)
    if below is None:
        block = next(blocks)
        renamed = [key for _, key in own] != [key for _, key in path]
        yield block, path_name(own) if renamed else f"gradient of {block.name}", gradient
        return
    keys = [key for key, _ in below]
    found: dict[Any, tuple[Any, Any]] | None = {}
    absent = gradient
    if gradient is not _Missing and gradient is not _Unreadable:
        found = _found(node, keys, gradient, path, claim)
        absent = _Unreadable if found is None else _Missing
    for key, child in below:
        name, value = (found or {}).get(key[1], (key[1], absent))
        yield from _pairs(child, value, (*path, key), (*own, (key[0], name)), blocks, claim)


def _found(
    node: Any, keys: list[Key], gradient: Any, path: tuple[Key, ...], claim: Claim
) -> dict[Any, tuple[Any, Any]] | None:
    """For each key of the parameters, the key and the value that the gradient has for it.

    None if the two structures cannot be compared.
    """
    place = f"`{path_name(path)}`" if path else "the gradient"
    wanted = f"{type(node).__name__} of {some([path_name((*path, key)) for key in keys], quote='')}"
    if gradient is None:
        claim.findings.append(_nothing(None, place, wanted))
        return None
    came = children(gradient)
    named = _named(node) and _named(gradient)
    if came is None or not (named or (_ordered(node) and _ordered(gradient))):
        claim.findings.append(
            Finding(
                "wrong-structure",
                None,
                "error",
                f"{place} is {describe(gradient)}, expected {wanted}",
                "what is found by name cannot be told by its place, nor an array from several",
                "return the gradient in the structure of the parameters",
            )
        )
        return None
    if named:
        present = {key: value for (_, key), value in came}
        found = {}
        for _, key in keys:
            for alias in (key, f"d{key}"):
                if alias in present:
                    found[key] = (alias, present.pop(alias))
                    break
        extra = [path_name((*path, ("key", k))) for k in present if not claim.more]
    else:
        found = {key: (key, value) for (_, key), (_, value) in zip(keys, came, strict=False)}
        extra = [path_name((*path, key)) for key, _ in came[len(keys) :]]
    if extra:
        claim.findings.append(
            Finding(
                "extra-block",
                None,
                "warning",
                f"{place} has {some(extra)} beside what the parameters have",
                help="leave out what is no gradient of a parameter, or mend its name",
            )
        )
    return found


def _named(node: Any) -> bool:
    """Whether the children of a container have names."""
    return all(kind != "index" for (kind, _), _ in children(node) or ())


def _ordered(node: Any) -> bool:
    """Whether the children of a container have an order that means something."""
    return not isinstance(node, Mapping)


def _read(block: Block, label: str, leaf: Any, claim: Claim) -> None:
    """Take the leaf as the gradient of the block, or say why it cannot be."""

    def find(
        code: str,
        message: str,
        note: str = "",
        remedy: str = "",
        severity: str = "error",
    ) -> None:
        claim.findings.append(Finding(code, block.name, severity, message, note, remedy))

    if leaf is _Unreadable:
        return
    if leaf is _Missing:
        find(
            "missing-block",
            f"the gradient has no `{block.name}`, expected shape {block.shape}",
            "it was left out where it is returned, or has another name there",
            remedy=f"return it under the name `{block.name}` or `d{block.name}`",
        )
        return
    if leaf is None:
        wanted = f"an array of shape {block.shape}"
        claim.findings.append(_nothing(block.name, f"`{label}`", wanted))
        return
    if isinstance(leaf, np.ma.MaskedArray) or not _is_numeric(leaf):
        find(
            "wrong-type",
            f"`{label}` is {describe(leaf)}, expected a numpy array of shape {block.shape}",
            "text, objects, masked and sparse arrays are no plain arrays of numbers",
            "sparse or wrapped arrays need a call such as .toarray() or .numpy()",
        )
        return
    array = np.asarray(leaf)
    if array.shape != block.shape:
        code, note, remedy = _shape_story(block, label, array.shape)
        axis = axis_of_examples(block.shape, array.shape)
        if axis == 1 and _grown(array):
            axis, code = None, "wrong-shape"
            note = "a rank-1 array added to a column makes such a matrix"
            remedy = "sum with keepdims=True"
        find(code, f"`{label}` has shape {array.shape}, expected {block.shape}", note, remedy)
        claim.misshapen[block.name] = array
        recognised = _recognised(block, code, array, axis)
        if recognised is None:
            return
        if axis is not None:
            claim.summed[block.name] = axis
        array = recognised
    if array.dtype.kind == "b" or (array.dtype.kind == "c") != block.is_complex:
        note, remedy = "", ""
        if block.is_complex:
            note = "the gradient of a real cost by a complex parameter z is dJ/dRe z + i dJ/dIm z"
        elif array.dtype.kind == "c":
            note = "complex numbers on the way, as of np.fft or of a root of what is negative"
            remedy = "the gradient by a real parameter is real"
        else:
            note = "a comparison gives truth values, which say where and not how much"
            remedy = "multiply what is due by them, or make them floats"
        find("dtype", f"`{label}` has dtype {array.dtype}, expected {block.dtype}", note, remedy)
        return
    if array.dtype.kind in "iu":
        find(
            "dtype",
            f"`{label}` has dtype {array.dtype}, expected {block.dtype}",
            "whole numbers cut off what stands behind the point",
            "compute it in floats, for instance from np.zeros_like(parameter, dtype=float)",
            severity="warning",
        )
        array = array.astype(float)
        claim.whole.add(block.name)
    eps = float(np.finfo(array.dtype).eps)
    if eps > np.finfo(block.dtype).eps:
        find(
            "dtype",
            f"`{label}` has dtype {array.dtype}, its parameter {block.dtype}",
            f"a gradient in {array.dtype} carries only that many digits",
            "compute it in the precision of the parameters",
            severity="warning",
        )
    flat = np.ascontiguousarray(array.ravel())
    if block.is_complex:
        flat = flat.view(flat.real.dtype)
    bad = np.flatnonzero(~np.isfinite(flat))
    if bad.size:
        find(
            "not-finite",
            f"`{label}` is not finite in {bad.size} of {flat.size} entries, the first being "
            f"`{block.entry(int(bad[0]))}` = {flat[bad[0]]}",
            "a division by zero, an overflow, or the log or root of 0 gives such values",
            "write that in a stable form, such as np.logaddexp(0, z) for log(1 + exp(z))",
        )
    claim.values[block.name] = flat.astype(np.result_type(flat.dtype, np.float64))
    # Among subnormal numbers the rounding unit does not shrink with what it belongs to.
    largest = float(np.abs(flat).max(initial=0))
    least = float(np.finfo(flat.dtype).smallest_subnormal)
    claim.eps[block.name] = max(eps, least / largest) if largest > 0 else eps


def _grown(array: NDArray[Any]) -> bool:
    """Whether a square matrix has equal rows, as broadcasting makes them."""
    square = array.shape[0] == array.shape[1]
    return square and bool(array.dtype.kind in "fc" and (array == array[0]).all())


def axis_of_examples(due: tuple[int, ...], came: tuple[int, ...]) -> int | None:
    """The axis along which an array may have one bias for each example; None if there is none."""
    if len(came) == 1 and due == () and came[0] > 1:
        return 0
    if len(came) != 2:
        return None
    units = (came[1], came[0])
    layouts = (((1, units[0]), units[:1]), ((units[1], 1), units[1:]))
    # A column is what a bias is by the equations, and so comes first where both would do.
    return next((k for k in (1, 0) if came[k] > 1 and due in layouts[k]), None)


def _recognised(
    block: Block, code: str, array: NDArray[Any], axis: int | None
) -> NDArray[Any] | None:
    """The numbers of a gradient of the wrong shape, laid out as its block; None if unclear."""
    if code == "transposed":
        return array.T
    if axis is not None:
        return array.sum(axis=axis).reshape(block.shape)
    if code == "scalar-bias" or array.size == 1 < block.size:
        return np.full(block.shape, array.item())
    return array.reshape(block.shape) if array.size == np.prod(block.shape) else None


def of_examples(
    findings: Sequence[Finding], block: Block, axis: int, count: int, *, mean: bool
) -> list[Finding]:
    """The findings, with that about the shape of one block saying that it was not summed."""
    due = "mean" if mean else "sum"
    along = ("rows", "columns")[axis] if block.shape else "numbers"
    note = f"{count} {along} are one for each example: the {due} over the examples is missing"
    remedy = _sum_over(axis, block.shape) + (", and divide by their number" if mean else "")
    return [
        replace(f, code="not-summed", note=note, help=remedy)
        if f.block == block.name and f.code in SHAPES
        else f
        for f in findings
    ]


def of_no_examples(findings: Sequence[Finding], block: Block) -> list[Finding]:
    """The findings, without the guess that the shape of one block is that of examples."""
    return [
        replace(f, code="wrong-shape", help=SHAPE_DUE)
        if f.block == block.name and f.code in ("not-summed", "wrong-shape")
        else f
        for f in findings
    ]


def of_right_values(findings: Sequence[Finding], block: str) -> list[Finding]:
    """The findings, with those of one block saying that its values are right."""
    right = "the values are right, the shape is not"

    def told(finding: Finding) -> Finding:
        if finding.code == "transposed":
            return replace(
                finding,
                note=f"{right}; the two factors of the product stand in the wrong order",
                help="transpose it, or exchange the factors: (A B^T)^T = B A^T",
            )
        return replace(finding, note=f"{right}; {finding.note}" if finding.note else right)

    return [
        told(f) if f.block == block and f.code in SHAPES and f.code != "scalar-bias" else f
        for f in findings
    ]


SHAPE_CAUSE = "an axis was summed over, cut or added on the way"
SHAPE_DUE = "a gradient has the shape of its parameter"
"""Note and help where nothing more is known of a wrong shape."""

SHAPES = ("rank-1", "row-vector", "scalar-bias", "not-summed", "transposed", "wrong-shape")
"""Codes of findings about a wrong shape."""


def _nothing(block: str | None, place: str, wanted: str) -> Finding:
    return Finding(
        "none",
        block,
        "error",
        f"{place} is None, expected {wanted}",
        "a function without `return` returns None",
        "return the gradient",
    )


def _sum_over(axis: int, due: tuple[int, ...]) -> str:
    """How to sum over an axis, to a given shape."""
    return f"sum with np.sum(..., axis={axis}{', keepdims=True' if len(due) == 2 else ''})"


def _shape_story(block: Block, label: str, came: tuple[int, ...]) -> tuple[str, str, str]:
    """Code, note and help for a gradient of the shape `came`."""
    due, name = block.shape, block.name
    column = len(due) == 2 and due[1] == 1
    row = len(due) == 2 and due[0] == 1 < due[1]
    update = f"`{name} - alpha * {label}`" if " " not in label else "the update"
    try:
        spread = np.broadcast_shapes(due, came)
        grows = f"{update} would broadcast to {spread}" if spread != due else ""
    except ValueError:
        grows = ""
    # The examples are the columns where a bias is a column, and the rows where it is a row.
    axis, units = (1, "row") if column else (0, "column")
    sum_with = _sum_over(axis, due)
    if (column or row) and came == (max(due),):
        return (
            "rank-1",
            grows or "np.sum without keepdims=True makes a rank-1 array",
            f"{sum_with}, or reshape to {due}",
        )
    if (column or row) and int(np.prod(came)) == 1:
        return (
            "scalar-bias",
            f"np.sum without axis={axis} adds up the units as well as the examples",
            f"{sum_with}, which leaves one {units} for each unit",
        )
    if column and came == due[::-1]:
        return "row-vector", grows, f"a bias is a column: {sum_with}, or transpose"
    if column and len(came) == 2 and came[0] == due[0]:
        return "not-summed", grows, sum_with
    if len(due) == 2 and came == due[::-1]:
        return "transposed", "rows and columns are exchanged", SHAPE_DUE
    if row and came[1:] == (1,):
        return "wrong-shape", grows, f"{sum_with}, which leaves one column for each unit"
    if int(np.prod(came)) == int(np.prod(due)):
        note = "; ".join(filter(None, ("a reshape or ravel was not undone", grows)))
        return "wrong-shape", note, f"reshape to {due}"
    return "wrong-shape", grows or SHAPE_CAUSE, SHAPE_DUE


def of_emptiness(block: Block) -> Finding:
    """A finding about a block without entries."""
    return Finding(
        "empty-block",
        block.name,
        "warning",
        f"`{block.name}` has shape {block.shape}: there is nothing to check",
        help="leave it out of the parameters, or of `wrt`",
    )


def of_conjugation(block: Block, label: str) -> Finding:
    """A finding about a complex gradient that is right but for its conjugation."""
    return Finding(
        "conjugated",
        block.name,
        "error",
        f"`{label}` is the conjugate of what is due",
        "the gradient by a complex z is dJ/dRe z + i dJ/dIm z, along which z - alpha g descends",
        "return its conjugate",
    )


def _is_numeric(leaf: Any) -> bool:
    """Whether the leaf is an array of numbers, or converts to one without loss."""
    if isinstance(leaf, (str, bytes, dict)):
        return False
    try:
        return np.asarray(leaf).dtype.kind in "fciub"
    except Exception:
        return False
