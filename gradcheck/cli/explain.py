"""What each word in a report means: verdicts, findings, kinds of mistake, reasons.

>>> print(explain("sum-for-mean"))
sum-for-mean (diagnosis): a sum where the mean is due
  example: dW2 = dZ2 @ A1.T  # 1/m is missing
  help: divide by the number of examples
>>> nearest("sum-of-mean")
['sum-for-mean']

The kinds of mistake stand in `kinds`; here is the rest. A word that is both a finding and a
diagnosis, as ``transposed`` is, has two entries.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator, Mapping

from gradcheck.diagnosis.kinds import KINDS, Kind
from gradcheck.errors import InvalidInput
from gradcheck.reasons import REASONS, Reason

__all__ = ["FINDINGS", "VERDICTS", "WORDS", "explain", "listed", "nearest"]

VERDICTS = {
    "PASS": Kind(
        "claimed and measured values agree within bars narrow enough to mean something",
        "read its resolution, a share of the scale: no larger error could pass",
        "PASS: the gradient agrees with its numerical derivatives",
    ),
    "FAIL": Kind(
        "they differ by more than any bar allows, or the form of the gradient is wrong",
        "read the cause and the help below it, then the equation it names",
        "W1[2, 2]: analytic -0.207871310801, numerical -0.0415742621592 +- 4.2e-11",
    ),
    "INCONCLUSIVE": Kind(
        "too little is known of the derivative to say either",
        "look up the reason it gives, such as noise or kink",
        "x[0]: analytic 1, numerical 0.99 +- 5.1e-02 (the noise of the cost hides it)",
    ),
    "KINK": Kind(
        "the value lies between the two slopes of a kink; counts as inconclusive",
        "move the point, or say on_kink='accept' (--on-kink accept)",
        "np.maximum(x, 0.0) at x = 0",
    ),
}
"""What a check says of an entry, a block, or all of them."""

FINDINGS = {
    "missing-block": Kind(
        "the gradient has nothing for a block",
        "return it under the parameter's name, or with a d before it",
        'return {"dW1": dW1}  # and db1?',
    ),
    "extra-block": Kind(
        "it has something that is no gradient of a parameter",
        "leave it out, or mend its name",
        'return {"dW1": dW1, "dw2": dW2}  # for dW2',
    ),
    "none": Kind("a gradient is None", "return it", "def grad(params): dW = ..."),
    "rank-1": Kind(
        "shape (n,) where a column (n, 1) is due: it would broadcast to a matrix in the update",
        "sum with keepdims=True",
        "db1 = np.sum(dZ1, axis=1) / m",
    ),
    "row-vector": Kind(
        "shape (1, n) where a column is due",
        "sum with axis=1, keepdims=True, or transpose",
        "db1 = np.sum(dZ1, axis=1)[None] / m",
    ),
    "scalar-bias": Kind(
        "one number for a whole bias",
        "give np.sum its axis=1, and keepdims=True",
        "db1 = np.sum(dZ1) / m",
    ),
    "not-summed": Kind(
        "one column for each example: the sum over the examples is missing",
        "sum with axis=1, keepdims=True",
        "db1 = dZ1 / m",
    ),
    "transposed": Kind(
        "the shape of the transpose",
        "transpose it, or exchange the factors: (A B^T)^T = B A^T",
        "dW = X @ dZ.T  # for dZ @ X.T",
    ),
    "wrong-shape": Kind(
        "another wrong shape",
        "a gradient has the shape of its parameter",
        "dW = dW.ravel()",
    ),
    "wrong-structure": Kind(
        "another container than that of the parameters",
        "return it in the structure of the parameters",
        "return [dW1, db1]  # for a dict",
    ),
    "wrong-type": Kind(
        "no array of numbers: text, a sparse or masked array",
        "convert it, for instance by .toarray()",
        "return scipy.sparse.csr_array(dW)",
    ),
    "single-precision": Kind(
        "PyTorch or JAX was called in single precision: the bars are as wide as that",
        "leave double=True, the default",
        "check_jax(f, x, double=False)",
    ),
    "dtype": Kind(
        "integers, fewer digits than the parameter has, complex for real or the reverse",
        "compute it in the dtype of the parameters",
        "dW = np.zeros(W.shape, dtype=int)",
    ),
    "not-finite": Kind(
        "NaN or infinity in the gradient",
        "look for a division by zero, an overflow, or the log or root of 0",
        "dA2 = -Y / A2",
    ),
    "mutates-input": Kind(
        "a function changes what it is given",
        "write a = a - b in place of a -= b",
        "params['W'] -= 1.0",
    ),
    "aliases-input": Kind(
        "the gradient shares memory with the parameters it was given",
        "return a copy",
        "def grad(x): return x  # of x**2 / 2",
    ),
    "aliases-output": Kind(
        "the gradient comes in the same memory at each call",
        "return a new array",
        "buffer[:] = 2 * x; return buffer",
    ),
    "nondeterministic": Kind(
        "two calls at the same point differ",
        "draw what is random once, before the check, or seed each call alike",
        "mask = rng.random(A1.shape) < keep",
    ),
    "stale-cache": Kind(
        "the gradient uses what an earlier call left",
        "run the forward pass inside of the gradient, at its own argument",
        "def grad(params): return backward(self.cache)",
    ),
    "cost-not-scalar": Kind(
        "the cost is no single real number",
        "return the mean or the sum of the losses",
        "return (A2 - Y) ** 2",
    ),
    "raises-nearby": Kind(
        "the function raised at a step away from the point, or when it was called again",
        "say where it may be called with bounds=, or let it be called twice",
        "math.log(x)  # at x = 1e-9",
    ),
    "conjugated": Kind(
        "the gradient by a complex parameter is the conjugate of what is due",
        "return its conjugate: it is dJ/dRe z + i dJ/dIm z",
        "return np.conj(dz)",
    ),
    "not-adjoint": Kind(
        "jvp and vjp belong to different Jacobians",
        "check both against jac, and see which differs",
        "vjp = lambda x, w: J(x) @ w  # for J(x).T @ w",
    ),
    "not-symmetric": Kind(
        "a Hessian that is not symmetric",
        "look for a mixed derivative that is computed twice, in two ways",
        "H[0, 1] = 2 * x[0]; H[1, 0] = x[0]",
    ),
    "gradient-wrong": Kind(
        "the gradient fails, so that its Hessian was not checked",
        "mend the gradient first",
        "check_hessian(cost, hess, x, grad=wrong)",
    ),
    "empty-block": Kind(
        "a block has no entries", "leave it out of the parameters", "W = np.empty((0, 3))"
    ),
    "cotangent-ignored": Kind(
        "backward gives the same whatever cotangent comes in",
        "multiply by the cotangent that comes in",
        "def backward(dout, cache): return 2 * cache",
    ),
    "not-linear": Kind(
        "backward is not linear in its cotangent",
        "look for a sign, a maximum or a limit that is taken of the cotangent",
        "def backward(dout, cache): return np.clip(dout, -1, 1) * cache",
    ),
    "mutates-cache": Kind(
        "backward changes the cache that it is given",
        "work on copies of what the cache holds",
        "def backward(dout, cache): cache *= dout; return cache",
    ),
    "not-differentiated": Kind(
        "an input of a layer is no array of floats, and was handed over as it is",
        "make it floats if the layer is to be differentiated by it",
        "x = np.array([1, 2, 3])",
    ),
}
"""By their codes: what shows before any number is compared."""

WORDS: dict[str, Mapping[str, Kind | Reason]] = {
    "verdict": VERDICTS,
    "finding": FINDINGS,
    "diagnosis": KINDS,
    "reason": REASONS,
}
"""All that can be explained, by what it is a name of."""


def explain(word: str) -> str:
    """What a word in a report means, with an example and what to do.

    Parameters
    ----------
    word : str
        Such as ``rank-1``, ``FAIL[rank-1]`` or ``noise``; case does not matter.

    Raises
    ------
    InvalidInput
        If there is no such word; the message has those that are written most like it.
    """
    bare = _bare(word)
    found = [(of, w, kind) for of, words in WORDS.items() for w, kind in words.items()]
    entries = [_entry(of, w, kind) for of, w, kind in found if w.lower() == bare]
    if not entries:
        near = nearest(word)
        remedy = f"the nearest: {', '.join(near)}" if near else "`gradcheck explain` lists all"
        raise InvalidInput(f"nothing here is called {word!r}; {remedy}")
    return "\n".join(entries)


def nearest(word: str) -> list[str]:
    """The words written most like `word`, the nearest first."""
    known = {w.lower(): w for words in WORDS.values() for w in words}
    bare = _bare(word)
    near = difflib.get_close_matches(bare, known, n=4, cutoff=0.6)
    inside = [w for w in known if bare in w.split("-")] if bare else []
    return [known[w] for w in dict.fromkeys([*near, *inside])]


def listed() -> str:
    """All words with their meanings, one a line."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    wide = max(len(word) for words in WORDS.values() for word in words)
    for of, words in WORDS.items():
        yield f"{_PLURAL[of]}:"
        for word, kind in words.items():
            text = f"  {word:{wide}}  {kind.meaning}"
            yield textwrap.fill(text, 100, subsequent_indent=" " * (wide + 4))


_PLURAL = {
    "verdict": "verdicts",
    "finding": "findings, which need no arithmetic",
    "diagnosis": "diagnoses, which explain wrong numbers",
    "reason": "reasons of what is inconclusive",
}


def _bare(word: str) -> str:
    """A word as it is known: without the head of a message around it, in small letters."""
    inside = re.search(r"\[([\w-]+)\]", word)
    return (inside.group(1) if inside else word).strip("[]` ").lower().replace("_", "-")


def _entry(of: str, word: str, kind: Kind | Reason) -> str:
    lines = [textwrap.fill(f"{word} ({of}): {kind.meaning}", 100, subsequent_indent="    ")]
    lines += [f"  example: {kind.example}"] if kind.example else []
    return "\n".join([*lines, f"  help: {kind.hint}"])
