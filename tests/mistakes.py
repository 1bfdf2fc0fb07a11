"""Mistakes that people make in gradients, each with the diagnosis that it must get.

    python tests/mistakes.py

prints how many of them are diagnosed rightly. `mistakes_aside` holds more of the same, which
nobody looks at while diagnoses are written.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial, wraps
from typing import Any

import functions as f
import numpy as np

from gradcheck import GradientReport, check_gradient

__all__ = ["MISTAKES", "Mistake", "score", "summary"]

SEEDS = (0, 1)

Draw = Callable[[np.random.Generator], f.Problem]
Gradient = Callable[..., Any]
Change = Callable[[f.Problem], Gradient]

DB1 = "np.sum(dZ1, axis=1, keepdims=True)"
DB2 = "np.sum(dZ2, axis=1, keepdims=True)"


@dataclass(frozen=True, eq=False)
class Mistake:
    """One mistake in one right gradient.

    Attributes
    ----------
    problem : callable
        Draws the `functions.Problem` from a random generator.
    name : str
        What was done wrong.
    change : callable
        The wrong gradient, made from the problem.
    kinds : set of str
        Names of the diagnosis. Of several, one suffices unless `names_all`.
    block : str or None
        Block that must be named, or several with blanks between them; None if the mistake
        concerns all of them alike, or their container.
    exact : bool
        Whether all other blocks are right.
    names_all : bool
        Whether each of `kinds` is true of the very same numbers, so that all must be named.
    """

    problem: Draw
    name: str
    change: Change
    kinds: set[str]
    block: str | None
    exact: bool = True
    names_all: bool = False

    @cached_property
    def title(self) -> str:
        return f"{self.drawn(0).name}: {self.name}"

    @property
    def blocks(self) -> tuple[str, ...]:
        return tuple((self.block or "").split())

    def drawn(self, seed: int) -> f.Problem:
        return self.problem(np.random.default_rng(seed))

    def is_diagnosed(self, report: GradientReport) -> bool:
        """Whether each block has a right kind first, or among the first where several fit."""
        names = self.blocks or ((None,) if len(report.blocks) > 1 else tuple(report.blocks))
        return all(self._is_named(block, report) for block in names)

    def _is_named(self, block: str | None, report: GradientReport) -> bool:
        told = [d.kind for d in report.diagnoses if _concerns(d, block, report)]
        if self.names_all:
            return self.kinds <= set(told[: len(self.kinds) + 1])
        return not self.kinds.isdisjoint(told[: min(len(self.kinds), 2)])


def _concerns(diagnosis: Any, block: str | None, report: GradientReport) -> bool:
    """Whether a diagnosis speaks of the block; that of two swapped ones may stand at the other."""
    if block is None or diagnosis.block in (block, None):
        return diagnosis.block in (block, None)
    return diagnosis.kind == "swapped" and block in str(diagnosis.evidence)


@cache
def report_of(mistake: Mistake, seed: int) -> GradientReport:
    problem = mistake.drawn(seed)
    wrong = mistake.change(problem)
    with np.errstate(all="ignore"):
        return check_gradient(problem.cost, wrong, problem.params, args=problem.args)


def score(mistakes: tuple[Mistake, ...], seeds: tuple[int, ...] = SEEDS) -> list[str]:
    """One line for each mistake that is not diagnosed rightly, with what was said of it."""
    misses = []
    for mistake in mistakes:
        for seed in seeds:
            report = report_of(mistake, seed)
            if not mistake.is_diagnosed(report):
                due = (" and " if mistake.names_all else " or ").join(sorted(mistake.kinds))
                told = ", ".join(f"{d.kind} of {d.block}" for d in report.diagnoses[:6])
                place = mistake.block or "all"
                misses.append(
                    f"{mistake.title} ({seed=}): {due} of {place}, not {told or 'a word'}"
                )
                break
    return misses


def summary(mistakes: tuple[Mistake, ...]) -> str:
    """How many mistakes are diagnosed rightly, and which are not."""
    misses = score(mistakes)
    count = f"{len(mistakes)} mistakes, {len(mistakes) - len(misses)} right, misses:"
    return "\n  ".join([count, *misses])


def edit(*changes: str) -> Change:
    """Replace text in the source of the gradient: ``edit(old, new, old, new, ...)``."""

    def change(problem: f.Problem) -> Gradient:
        source = inspect.getsource(problem.gradient)
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
            source = source.replace(old, new)
        namespace = dict(problem.gradient.__globals__)
        exec(compile(source, "mistake", "exec"), namespace)
        return namespace[problem.gradient.__name__]

    return change


def after(**changes: Callable[[Any], Any]) -> Change:
    """Change blocks of the right gradient: ``after(W1=np.abs)``."""

    def change(problem: f.Problem) -> Gradient:
        @wraps(problem.gradient)
        def wrong(*arguments: Any) -> Any:
            gradient = problem.gradient(*arguments)
            return gradient | {name: made(gradient[name]) for name, made in changes.items()}

        return wrong

    return change


def rounded(value: Any, dtype: type) -> Any:
    """Arrays of floats rounded to another precision, all else as it is."""
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if is_float else value


def in_half_precision(problem: f.Problem) -> Gradient:
    """Compute in half precision and hand the result over in double."""

    @wraps(problem.gradient)
    def wrong(params: f.Params, *args: Any) -> f.Params:
        low = {name: rounded(block, np.float16) for name, block in params.items()}
        gradient = problem.gradient(low, *(rounded(value, np.float16) for value in args))
        return {name: np.float16(block).astype(float) for name, block in gradient.items()}

    return wrong


def data_in_single_precision(problem: f.Problem) -> Gradient:
    """Read the data from arrays in single precision."""

    @wraps(problem.gradient)
    def wrong(params: f.Params, *args: Any) -> f.Params:
        return problem.gradient(params, *(rounded(value, np.float32) for value in args))

    return wrong


def differences(step: float, back: float, *names: str) -> Change:
    """Take (J(w + step) - J(w - back)) / (step + back) for the gradient, or for some blocks."""

    def change(problem: f.Problem) -> Gradient:
        @wraps(problem.gradient)
        def wrong(params: f.Params, *args: Any) -> f.Params:
            def cost_at(name: str, index: tuple[int, ...], by: float) -> float:
                moved = {other: block.copy() for other, block in params.items()}
                moved[name][index] += by
                return problem.cost(moved, *args)

            gradient = problem.gradient(params, *args)
            for name in names or params:
                gradient[name] = np.empty(params[name].shape)
                for index in np.ndindex(params[name].shape):
                    rise = cost_at(name, index, step) - cost_at(name, index, -back)
                    gradient[name][index] = rise / (step + back)
            return gradient

        return wrong

    return change


def accumulated(problem: f.Problem) -> Gradient:
    """Add to the buffers of the last call, which were never set back to zero."""
    buffers = {name: np.zeros(block.shape) for name, block in problem.params.items()}

    @wraps(problem.gradient)
    def wrong(*arguments: Any) -> f.Params:
        for name, block in problem.gradient(*arguments).items():
            buffers[name] += block
        return buffers

    return wrong


def kept(problem: f.Problem) -> Gradient:
    """Return what was computed before the last step of a descent, whatever the parameters are."""
    before = {name: 1.1 * block + 0.01 for name, block in problem.params.items()}
    cache = problem.gradient(before, *problem.args)

    @wraps(problem.gradient)
    def wrong(*_: Any) -> f.Params:
        return {name: block.copy() for name, block in cache.items()}

    return wrong


def one_call_late(problem: f.Problem) -> Gradient:
    """Return the gradient at the parameters of the call before."""
    last = [{name: 1.1 * block + 0.01 for name, block in problem.params.items()}]

    @wraps(problem.gradient)
    def wrong(params: f.Params, *args: Any) -> f.Params:
        last.append(params)
        return problem.gradient(last[-2], *args)

    return wrong


def minibatch(problem: f.Problem) -> Gradient:
    """Draw in each call anew which examples, in rows, enter the mean."""
    rng = np.random.default_rng(0)

    @wraps(problem.gradient)
    def wrong(params: f.Params, X: Any, Y: Any, *args: Any) -> f.Params:
        chosen = rng.choice(len(X), len(X) // 2, replace=False)
        return problem.gradient(params, X[chosen], Y[chosen], *args)

    return wrong


def net(activation: str = "tanh", **sizes: int) -> Draw:
    return partial(f.net, activation=activation, **sizes)


def penalised(activation: str = "tanh", **sizes: int) -> Draw:
    return partial(f.penalised_net, activation=activation, **sizes)


def dead_relu(rng):
    """No unit is on, so that only the penalty has a slope in W1."""
    drawn = f.penalised_net(rng, "relu")
    params = drawn.params | {"b1": drawn.params["b1"] - 50}
    return replace(drawn, name="dead relu", params=params)


def equal_biases(rng):
    drawn = f.penalised_net(rng)
    return replace(drawn, name="equal biases", params=drawn.params | {"b1": np.full((5, 1), 0.7)})


def imaginary_regression(rng):
    """The gradient is imaginary, so that its conjugate is its negative."""
    X, Y, z = rng.normal(size=(7, 4)), 1j * rng.normal(size=7), 1j * rng.normal(size=4)
    return f.Problem("imaginary regression", f.complex_cost, f.complex_gradient, {"z": z}, (X, Y))


def large_feature(rng):
    drawn = f.linear_regression(rng)
    X, Y = drawn.args
    return replace(drawn, name="one large feature", args=(X * np.array([1, 1, 30, 1]), Y))


def large_inputs(rng):
    drawn = f.net(rng, "tanh")
    X, *others = drawn.args
    params = drawn.params | {"W1": drawn.params["W1"] / 30}
    return replace(drawn, name="large inputs", params=params, args=(30 * X, *others))


MISTAKES = (
    Mistake(
        f.net, "dW1 not divided by m", edit("dZ1 @ X.T / m", "dZ1 @ X.T"), {"sum-for-mean"}, "W1"
    ),
    Mistake(
        net("relu"), "sum of the losses", edit("m = X.shape[1]", "m = 1"), {"sum-for-mean"}, None
    ),
    Mistake(
        net("leaky_relu"),
        "mean taken twice",
        edit("dZ2 = A2 - Y", "dZ2 = (A2 - Y) / m"),
        {"mean-for-sum"},
        None,
    ),
    Mistake(net("sigmoid"), "sign of dW2", edit("dW2 = dZ2", "dW2 = -dZ2"), {"sign"}, "W2"),
    Mistake(net("relu"), "absolute value of dW1", after(W1=np.abs), {"sign"}, "W1"),
    Mistake(
        f.net,
        "db1 without keepdims",
        edit(DB1, "np.sum(dZ1, axis=1)"),
        {"keepdims-forgotten"},
        "b1",
    ),
    Mistake(f.net, "db1 not summed", edit(DB1 + " / m", "dZ1 / m"), {"not-summed"}, "b1"),
    Mistake(
        net("sigmoid"),
        "db1 summed over units",
        edit(DB1, "np.sum(dZ1, axis=0, keepdims=True)"),
        {"summed-over-wrong-axis"},
        "b1",
    ),
    Mistake(
        partial(f.net, m=5),
        "db1 a row, summed over units, as many as examples",
        edit(DB1, "np.sum(dZ1, axis=0, keepdims=True)"),
        {"summed-over-wrong-axis"},
        "b1",
    ),
    Mistake(
        net("relu"),
        "derivative of the activation forgotten",
        edit(" * g1_prime(Z1)", ""),
        {"activation-derivative-missing", "unexplained"},
        "W1 b1",
    ),
    Mistake(
        net("softplus", m=1),
        "derivative of the activation forgotten, one example",
        edit(" * g1_prime(Z1)", ""),
        {"activation-derivative-missing", "ratio-by-row"},
        "W1",
        exact=False,
    ),
    Mistake(
        net("softplus"),
        "derivative of the sigmoid for that of softplus",
        edit("g1_prime(Z1)", "A1 * (1 - A1)"),
        {"activation-derivative-of-another", "unexplained"},
        "W1 b1",
    ),
    Mistake(
        net("leaky_relu"),
        "derivative of relu for that of leaky_relu",
        edit("g1_prime(Z1)", "(Z1 > 0)"),
        {"activation-derivative-of-another", "unexplained"},
        "W1 b1",
    ),
    Mistake(
        f.net,
        "activation for its derivative",
        edit("g1_prime(Z1)", "A1"),
        {"activation-derivative-of-another", "unexplained"},
        "W1 b1",
    ),
    Mistake(
        f.net,
        "derivative of the sigmoid twice",
        edit("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)"),
        {"unexplained"},
        "W1 b1 W2 b2",
    ),
    Mistake(
        net("softplus"), "Z1 for A1 in dW2", edit("dZ2 @ A1.T", "dZ2 @ Z1.T"), {"unexplained"}, "W2"
    ),
    Mistake(
        net("leaky_relu"),
        "W2 forgotten in dA1",
        edit("dA1 = W2.T @ dZ2", "dA1 = np.sum(dZ2, axis=0)"),
        {"unexplained"},
        "W1 b1",
    ),
    Mistake(
        net("sigmoid"),
        "first example twice in dW2",
        edit("dW2 = dZ2 @ A1.T / m", "dW2 = (dZ2 @ A1.T + np.outer(dZ2[:, 0], A1[:, 0])) / m"),
        {"single-example"},
        "W2",
    ),
    Mistake(
        f.net,
        "last unit left out of the loop",
        edit(
            "dZ1 @ X.T / m",
            "np.zeros_like(W1)\n    for i in range(len(W1) - 1): dW1[i] = X @ dZ1[i] / m",
        ),
        {"single-row"},
        "W1",
    ),
    Mistake(
        net("softplus"),
        "last column of dW2 left out of the loop",
        edit(
            "dZ2 @ A1.T / m",
            "np.zeros_like(W2)\n    for j in range(len(A1) - 1): dW2[:, j] = dZ2 @ A1[j] / m",
        ),
        {"single-column"},
        "W2",
    ),
    Mistake(
        net("leaky_relu"),
        "one entry set to 1",
        edit("    db1 =", "    dW1[1, 2] = 1\n    db1 ="),
        {"single-entry"},
        "W1",
    ),
    Mistake(
        f.net,
        "db2 returned for db1",
        edit('"b1": db1', '"b1": db2'),
        {"another-block", "wrong-shape"},
        "b1",
    ),
    Mistake(
        partial(f.net, n2=5),
        "db2 returned for db1, of one shape",
        edit('"b1": db1', '"b1": db2'),
        {"another-block"},
        "b1",
    ),
    Mistake(
        net("relu"),
        "dW1 never filled",
        edit("dW1 = dZ1 @ X.T / m", "dW1 = np.zeros_like(W1)"),
        {"zero"},
        "W1",
    ),
    Mistake(
        net("leaky_relu"),
        "mask of dropout drawn in each call",
        edit("dZ1 = dA1", "dZ1 = np.random.default_rng().integers(2, size=dA1.shape) * dA1"),
        {"nondeterministic"},
        "W1 b1",
        exact=False,
    ),
    Mistake(f.net, "gradient of the step before", kept, {"stale-cache"}, "W1 b1 W2 b2"),
    Mistake(
        net("softplus"),
        "gradients accumulated over calls",
        accumulated,
        {"nondeterministic"},
        "W1 b1 W2 b2",
        exact=False,
    ),
    Mistake(
        large_inputs,
        "a buffer of whole numbers",
        edit(
            "dW1 = dZ1 @ X.T / m", "dW1 = np.zeros(W1.shape, dtype=int)\n    dW1[:] = dZ1 @ X.T / m"
        ),
        {"integer-truncation"},
        "W1",
    ),
    Mistake(large_inputs, "dW1 rounded", after(W1=np.round), {"integer-truncation"}, "W1"),
    Mistake(
        net("relu"), "outputs in reverse order", after(b2=lambda d: d[::-1]), {"permuted"}, "b2"
    ),
    Mistake(
        net("softplus"),
        "dW2 rolled by one unit",
        edit("dZ2 @ A1.T", "dZ2 @ np.roll(A1, 1, axis=0).T"),
        {"shifted", "permuted"},
        "W2",
    ),
    Mistake(
        f.net,
        "dW1 read in column order",
        after(W1=lambda d: d.ravel(order="F").reshape(d.shape)),
        {"permuted", "unexplained"},
        "W1",
    ),
    Mistake(
        partial(f.net, n0=5),
        "square dW1 read in column order",
        after(W1=lambda d: d.ravel(order="F").reshape(d.shape)),
        {"transposed"},
        "W1",
    ),
    Mistake(
        penalised("relu"),
        "penalty of W2 doubled",
        edit('lam / m * params["W2"]', '2 * lam / m * params["W2"]'),
        {"regulariser-doubled"},
        "W2",
    ),
    Mistake(
        penalised("sigmoid"),
        "lam for lam / m",
        edit('lam / m * params["W1"]', 'lam * params["W1"]'),
        {"regulariser-factor"},
        "W1",
    ),
    Mistake(
        penalised("softplus"),
        "penalty of absolute values",
        edit('lam / m * params["W1"]', 'lam / m * np.sign(params["W1"])'),
        {"unexplained"},
        "W1",
    ),
    Mistake(
        f.penalised_net,
        "central differences",
        differences(1e-2, 1e-2),
        {"finite-difference"},
        "W1 b1 W2 b2",
    ),
    Mistake(
        partial(f.deep_net, n0=5, n2=5),
        "dW1 and dW2 exchanged",
        edit('"W1": dW1', '"W1": dW2', '"W2": dW2', '"W2": dW1'),
        {"swapped"},
        "W1 W2",
    ),
    Mistake(
        f.deep_net,
        "half forgotten",
        edit("dZ3 = W3 @ A2 + b3 - Y", "dZ3 = 2 * (W3 @ A2 + b3 - Y)"),
        {"scaled-loss"},
        None,
    ),
    Mistake(
        f.deep_net,
        "mean of db2 taken twice",
        edit("db2 = np.sum(", "db2 = np.mean("),
        {"mean-for-sum"},
        "b2",
    ),
    Mistake(
        f.deep_net,
        "m - 1 for m",
        edit("m = X.shape[1]", "m = X.shape[1] - 1"),
        {"scaled-loss"},
        None,
    ),
    Mistake(
        partial(f.deep_net, n0=5, n2=5),
        "dW1 returned for dW2",
        edit('"W2": dW2', '"W2": dW1'),
        {"another-block"},
        "W2",
    ),
    Mistake(
        f.deep_net,
        "every sign reversed in the last layer",
        edit("dW3 = dZ3", "dW3 = -dZ3", "db3 = np", "db3 = -np"),
        {"sign"},
        "W3 b3",
    ),
    Mistake(
        partial(f.softmax_regression, scale=1000.0),
        "exponentials overflow",
        edit(
            "A = softmax(W @ X + b, axis=0)", "E = np.exp(W @ X + b)\n    A = E / np.sum(E, axis=0)"
        ),
        {"not-finite"},
        "W b",
    ),
    Mistake(
        f.softmax_regression,
        "softmax over examples",
        edit("softmax(W @ X + b, axis=0)", "softmax(W @ X + b, axis=1)"),
        {"unexplained"},
        "W b",
    ),
    Mistake(
        f.softmax_regression,
        "db a sum of everything, repeated",
        edit("np.sum(dZ, axis=1, keepdims=True)", "np.full(b.shape, np.sum(dZ))"),
        {"summed-over-all-axes", "zero"},
        "b",
    ),
    Mistake(
        f.softmax_regression,
        "mean of db taken twice",
        edit("db = np.sum(", "db = np.mean("),
        {"mean-for-sum"},
        "b",
    ),
    Mistake(
        f.softmax_regression,
        "dW transposed",
        edit("dW = dZ @ X.T", "dW = X @ dZ.T"),
        {"transposed"},
        "W",
    ),
    Mistake(
        f.softmax_regression,
        "last class left at its start",
        edit("    db =", "    dW[-1] = 0\n    db ="),
        {"single-row"},
        "W",
    ),
    Mistake(
        f.weighted_outputs,
        "weights forgotten",
        edit("weight * (sigmoid(Z) - Y)", "sigmoid(Z) - Y"),
        {"ratio-by-row"},
        "W",
        exact=False,
    ),
    Mistake(
        f.weighted_outputs,
        "scale forgotten",
        edit("dZ @ (X / scale).T", "dZ @ X.T"),
        {"ratio-by-column"},
        "W",
    ),
    Mistake(
        f.weighted_outputs,
        "multiplied by the scale",
        edit("dZ @ (X / scale).T", "dZ @ (X * scale).T"),
        {"ratio-by-column"},
        "W",
    ),
    Mistake(
        f.weighted_outputs,
        "weights twice in dW",
        edit("dW = dZ", "dW = weight * dZ"),
        {"ratio-by-row"},
        "W",
    ),
    Mistake(
        f.weighted_outputs,
        "weights made to sum to 1",
        edit("dZ = weight *", "dZ = weight / np.sum(weight) *"),
        {"scaled-loss"},
        None,
    ),
    Mistake(
        f.batch_norm,
        "term of the mean forgotten",
        edit("(dZ_hat - by_mean - by_variance)", "(dZ_hat - by_variance)"),
        {"unexplained"},
        "W",
    ),
    Mistake(
        f.batch_norm,
        "term of the variance forgotten",
        edit("(dZ_hat - by_mean - by_variance)", "(dZ_hat - by_mean)"),
        {"unexplained"},
        "W",
    ),
    Mistake(
        f.batch_norm,
        "statistics held constant",
        edit("(dZ_hat - by_mean - by_variance)", "dZ_hat"),
        {"unexplained"},
        "W",
    ),
    Mistake(
        f.batch_norm,
        "deviation forgotten",
        edit("(dZ_hat - by_mean - by_variance) / deviation", "dZ_hat - by_mean - by_variance"),
        {"ratio-by-row"},
        "W",
    ),
    Mistake(
        f.batch_norm,
        "gamma forgotten",
        edit("dZ_hat = dA * gamma", "dZ_hat = dA"),
        {"ratio-by-row"},
        "W",
    ),
    Mistake(
        f.batch_norm,
        "running mean",
        edit(
            "mean = np.mean(Z, axis=1, keepdims=True)\n",
            "mean = 0.9 * np.mean(Z, axis=1, keepdims=True)\n",
        ),
        {"unexplained"},
        "W gamma beta",
    ),
    Mistake(
        f.batch_norm,
        "unbiased variance",
        edit("np.var(Z, axis=1, keepdims=True)", "np.var(Z, axis=1, ddof=1, keepdims=True)"),
        {"unexplained"},
        "W gamma",
    ),
    Mistake(
        f.batch_norm,
        "dbeta returned for dgamma",
        edit('"gamma": dgamma', '"gamma": dbeta'),
        {"another-block"},
        "gamma",
    ),
    Mistake(
        f.batch_norm,
        "dgamma and dbeta exchanged",
        edit('"gamma": dgamma, "beta": dbeta', '"gamma": dbeta, "beta": dgamma'),
        {"swapped"},
        "gamma beta",
    ),
    Mistake(
        f.batch_norm,
        "mean of dbeta taken twice",
        edit("dbeta = np.sum(", "dbeta = np.mean("),
        {"mean-for-sum"},
        "beta",
    ),
    Mistake(
        f.layer_norm,
        "gamma forgotten",
        edit("dZ_hat = dA * gamma", "dZ_hat = dA"),
        {"unexplained"},
        "W",
    ),
    Mistake(
        f.layer_norm,
        "mean over examples",
        edit(
            "by_mean = np.mean(dZ_hat, axis=0)", "by_mean = np.mean(dZ_hat, axis=1, keepdims=True)"
        ),
        {"unexplained"},
        "W",
    ),
    Mistake(
        partial(f.layer_norm, m=5),
        "dbeta summed over units, as many as examples",
        edit("dbeta = np.sum(dA, axis=1, keepdims=True)", "dbeta = np.sum(dA, axis=0)[:, None]"),
        {"summed-over-wrong-axis"},
        "beta",
    ),
    Mistake(
        f.layer_norm,
        "dbeta not summed",
        edit("dbeta = np.sum(dA, axis=1, keepdims=True)", "dbeta = dA"),
        {"not-summed"},
        "beta",
    ),
    Mistake(
        f.layer_norm,
        "dgamma a row",
        edit("return {", "dgamma = dgamma.T\n    return {"),
        {"row-vector"},
        "gamma",
    ),
    Mistake(
        f.recurrent_net,
        "H of the same step",
        edit("dZ @ H[t].T", "dZ @ H[t + 1].T"),
        {"unexplained"},
        "Wh",
    ),
    Mistake(
        f.recurrent_net,
        "Wh not transposed",
        edit("Wh.T @ dZ", "Wh @ dZ"),
        {"unexplained"},
        "Wx Wh b",
    ),
    Mistake(
        f.recurrent_net,
        "last step only",
        edit("reversed(range(len(X)))", "[len(X) - 1]"),
        {"unexplained"},
        "Wx Wh b",
    ),
    Mistake(
        f.recurrent_net,
        "dWx not accumulated over time",
        edit("dWx +=", "dWx ="),
        {"unexplained"},
        "Wx",
    ),
    Mistake(
        f.recurrent_net,
        "derivative of tanh at the step before",
        edit("H[t + 1] ** 2", "H[t] ** 2"),
        {"activation-derivative-at-wrong-argument", "unexplained"},
        "Wx Wh b",
    ),
    Mistake(
        f.recurrent_net,
        "inputs off by one step",
        edit("dZ @ X[t].T", "dZ @ X[t - 1].T"),
        {"unexplained"},
        "Wx",
    ),
    Mistake(
        f.recurrent_net, "dWh transposed", edit("dZ @ H[t].T", "H[t] @ dZ.T"), {"transposed"}, "Wh"
    ),
    Mistake(
        f.recurrent_net,
        "db grown by broadcasting",
        edit("db += np.sum(dZ, axis=1, keepdims=True)", "db = db + np.sum(dZ, axis=1)"),
        {"keepdims-forgotten", "wrong-shape"},
        "b",
    ),
    Mistake(
        f.recurrent_net,
        "sign of the residual",
        edit("(H[-1] - Y) / m", "(Y - H[-1]) / m"),
        {"sign"},
        None,
    ),
    Mistake(
        f.recurrent_net,
        "state of the call before",
        one_call_late,
        {"nondeterministic", "stale-cache"},
        "Wx Wh b",
        exact=False,
    ),
    Mistake(
        f.attention,
        "root of d forgotten",
        edit("keepdims=True)) / np.sqrt(d)", "keepdims=True))"),
        {"constant-ratio"},
        "Wq Wk",
    ),
    Mistake(
        f.attention,
        "second term of the softmax forgotten",
        edit("(dA - np.sum(A * dA, axis=1, keepdims=True))", "dA"),
        {"unexplained"},
        "Wq Wk",
    ),
    Mistake(f.attention, "A not transposed", edit("A.T @ dO", "A @ dO"), {"unexplained"}, "Wv"),
    Mistake(
        f.attention,
        "dWq and dWk exchanged",
        edit('"Wq": dWq, "Wk": dWk', '"Wq": dWk, "Wk": dWq'),
        {"swapped"},
        "Wq Wk",
    ),
    Mistake(
        f.attention,
        "mean of dWv taken twice",
        edit("dWv = X.T @ dV", "dWv = X.T @ dV / m"),
        {"mean-for-sum"},
        "Wv",
    ),
    Mistake(
        f.attention,
        "mean over the outputs too",
        edit("(A @ V - Y) / m", "(A @ V - Y) / Y.size"),
        {"scaled-loss", "mean-for-sum"},
        None,
    ),
    Mistake(
        f.attention,
        "dWv transposed",
        edit("dWv = X.T @ dV", "dWv = dV.T @ X"),
        {"transposed"},
        "Wv",
    ),
    Mistake(
        f.linear_regression,
        "sign of the residual",
        edit("r = X @ w + b - Y", "r = Y - X @ w - b"),
        {"sign"},
        None,
    ),
    Mistake(
        f.linear_regression,
        "dw summed over everything",
        edit("X.T @ r / m", "np.sum(X.T @ r) / m"),
        {"summed-over-all-axes"},
        "w",
    ),
    Mistake(
        f.linear_regression,
        "dw summed over features",
        edit("X.T @ r / m", "np.sum(X * r[:, None], axis=1) / m"),
        {"summed-over-wrong-axis", "wrong-shape"},
        "w",
    ),
    Mistake(
        partial(f.linear_regression, m=5, n=5),
        "dw summed over features, as many as examples",
        edit("X.T @ r / m", "np.sum(X * r[:, None], axis=1) / m"),
        {"summed-over-wrong-axis"},
        "w",
    ),
    Mistake(
        f.linear_regression,
        "column of targets broadcast",
        edit("X @ w + b - Y", "X @ w + b - Y[:, None]", "np.sum(r) / m", "np.mean(r)"),
        {"not-summed", "wrong-shape"},
        "w",
    ),
    Mistake(
        f.linear_regression,
        "db not divided by m",
        edit("np.sum(r) / m", "np.sum(r)"),
        {"sum-for-mean"},
        "b",
    ),
    Mistake(
        f.linear_regression,
        "last weight left out",
        edit("dw = X.T @ r / m", "dw = np.zeros_like(w)\n    dw[:-1] = X[:, :-1].T @ r / m"),
        {"single-entry"},
        "w",
    ),
    Mistake(
        partial(f.linear_regression, n=5),
        "features in reverse order",
        edit("X.T @ r", "X[:, ::-1].T @ r"),
        {"permuted"},
        "w",
    ),
    Mistake(
        partial(f.linear_regression, n=6),
        "features off by one",
        edit("X.T @ r", "np.roll(X, 1, axis=1).T @ r"),
        {"shifted", "permuted"},
        "w",
    ),
    Mistake(
        f.linear_regression,
        "intercept forgotten in dw",
        edit("X.T @ r", "X.T @ (r - b)"),
        {"unexplained"},
        "w",
    ),
    Mistake(
        f.linear_regression,
        "an object for an array",
        edit('"w": dw', '"w": {"value": dw}'),
        {"wrong-type", "wrong-structure"},
        "w",
    ),
    Mistake(
        f.logistic_regression,
        "lam / m for lam",
        edit("lam * w", "lam / m * w"),
        {"regulariser-factor"},
        "w",
    ),
    Mistake(
        f.logistic_regression,
        "intercept penalised",
        edit("db = np.mean(r)", "db = np.mean(r) + lam * b"),
        {"regulariser-on-bias"},
        "b",
    ),
    Mistake(
        f.logistic_regression,
        "2 lam for lam",
        edit("lam * w", "2 * lam * w"),
        {"regulariser-doubled"},
        "w",
    ),
    Mistake(
        f.logistic_regression,
        "first weight taken for the intercept",
        edit("lam * w", "lam * np.append(0, w[1:])"),
        {"single-entry"},
        "w",
    ),
    Mistake(
        f.logistic_regression,
        "examples drawn in each call",
        minibatch,
        {"nondeterministic"},
        "w b",
        exact=False,
    ),
    Mistake(
        f.logistic_regression,
        "penalty about -1",
        edit("lam * w", "lam * (w + 1)"),
        {"constant-residual"},
        "w",
    ),
    Mistake(
        f.logistic_regression,
        "sigmoid forgotten",
        edit("sigmoid(X @ w + b)", "(X @ w + b)"),
        {"unexplained"},
        "w",
        exact=False,
    ),
    Mistake(
        f.logistic_regression,
        "central differences",
        differences(1e-2, 1e-2),
        {"finite-difference"},
        "w b",
    ),
    Mistake(
        partial(f.logistic_regression, n=6),
        "forward differences of w",
        differences(1e-6, 0, "w"),
        {"finite-difference"},
        "w",
    ),
    Mistake(
        f.poisson_regression,
        "sum of the losses",
        edit("(rate - Y) / m", "rate - Y"),
        {"sum-for-mean"},
        None,
    ),
    Mistake(
        f.poisson_regression,
        "counts forgotten in dw",
        edit("dw = X.T @ r", "dw = X.T @ rate / m"),
        {"argument-ignored", "unexplained"},
        "w",
    ),
    Mistake(
        f.poisson_regression,
        "rate cut to whole numbers",
        edit("(rate - Y)", "(rate.astype(int) - Y)"),
        {"unexplained", "integer-truncation"},
        "w",
        exact=False,
    ),
    Mistake(
        partial(f.poisson_regression, n=6),
        "dw clipped",
        edit("dw = X.T @ r", "dw = np.clip(X.T @ r, -0.5, 0.5)"),
        {"clipped"},
        "w",
    ),
    Mistake(
        f.poisson_regression,
        "first example twice",
        edit("    dw =", "    r[0] *= 2\n    dw ="),
        {"single-example"},
        "w",
        exact=False,
    ),
    Mistake(
        f.gaussian,
        "constant of the logarithm forgotten",
        edit("dlog_sigma = 1 - np", "dlog_sigma = -np"),
        {"constant-residual"},
        "log_sigma",
    ),
    Mistake(f.gaussian, "sign of dmu", edit("dmu = -np", "dmu = np"), {"sign"}, "mu"),
    Mistake(
        f.gaussian,
        "dmu and dlog_sigma exchanged",
        edit('"mu": dmu, "log_sigma": dlog_sigma', '"mu": dlog_sigma, "log_sigma": dmu'),
        {"swapped"},
        "mu log_sigma",
    ),
    Mistake(
        f.gaussian,
        "sum of the losses in dlog_sigma",
        edit(
            "dlog_sigma = 1 - np.sum(R**2, axis=1, keepdims=True) / m",
            "dlog_sigma = m - np.sum(R**2, axis=1, keepdims=True)",
        ),
        {"sum-for-mean"},
        "log_sigma",
    ),
    Mistake(
        f.gaussian,
        "mean forgotten in one term",
        edit(
            "dlog_sigma = 1 - np.sum(R**2, axis=1, keepdims=True) / m",
            "dlog_sigma = 1 - np.sum(R**2, axis=1, keepdims=True)",
        ),
        {"unexplained"},
        "log_sigma",
    ),
    Mistake(
        f.gaussian,
        "dmu a sum over everything, repeated",
        edit(
            "dmu = -np.sum(R / sigma, axis=1, keepdims=True) / m",
            "dmu = np.full(mu.shape, -np.sum(R / sigma) / m)",
        ),
        {"summed-over-all-axes"},
        "mu",
    ),
    Mistake(
        f.covariance,
        "sign of the determinant",
        edit("/ m - by_determinant", "/ m + by_determinant"),
        {"unexplained"},
        "L",
    ),
    Mistake(
        f.covariance,
        "dL transposed",
        edit("/ m - by_determinant)", "/ m - by_determinant).T"),
        {"transposed"},
        "L",
    ),
    Mistake(f.covariance, "sign of dmu", edit("dmu = -L", "dmu = L"), {"sign"}, "mu"),
    Mistake(
        f.covariance,
        "L transposed in dmu",
        edit("dmu = -L @", "dmu = -L.T @"),
        {"unexplained"},
        "mu",
    ),
    Mistake(
        f.covariance,
        "rounded to two decimals",
        after(L=lambda d: np.round(d, 2)),
        {"unexplained", "precision"},
        "L",
    ),
    Mistake(
        f.covariance,
        "dmu not divided by m",
        edit("keepdims=True) / m", "keepdims=True)"),
        {"sum-for-mean"},
        "mu",
    ),
    Mistake(
        f.covariance,
        "first column left out",
        edit("    return", "    dL[:, 0] = 0\n    return"),
        {"single-column"},
        "L",
    ),
    Mistake(
        f.factorisation,
        "penalty of V forgotten",
        edit(" + lam * V", ""),
        {"regulariser-missing"},
        "V",
    ),
    Mistake(
        f.factorisation,
        "half forgotten",
        edit(
            "R @ V + lam * U",
            "2 * (R @ V + lam * U)",
            "R.T @ U + lam * V",
            "2 * (R.T @ U + lam * V)",
        ),
        {"scaled-loss"},
        None,
    ),
    Mistake(
        f.factorisation,
        "sign of the residual",
        edit("R = U @ V.T - X", "R = X - U @ V.T"),
        {"unexplained", "sign"},
        "U V",
    ),
    Mistake(
        partial(f.factorisation, q=5),
        "dU and dV exchanged",
        edit('"U": dU, "V": dV', '"U": dV, "V": dU'),
        {"swapped"},
        "U V",
    ),
    Mistake(
        f.factorisation,
        "dU transposed",
        edit("dU = R @ V + lam * U", "dU = V.T @ R.T + lam * U.T"),
        {"transposed"},
        "U",
    ),
    Mistake(
        partial(f.factorisation, q=5),
        "R not transposed",
        edit("R.T @ U", "R @ U"),
        {"unexplained"},
        "V",
    ),
    Mistake(
        f.factorisation,
        "half the penalty of U",
        edit("lam * U", "lam / 2 * U"),
        {"regulariser-factor"},
        "U",
    ),
    Mistake(
        f.factorisation,
        "V held constant",
        edit("dV = R.T @ U + lam * V", "dV = np.zeros_like(V)"),
        {"zero"},
        "V",
    ),
    Mistake(
        f.factorisation,
        "dV with the new U",
        edit("R.T @ U", "R.T @ (U - 0.01 * dU)"),
        {"unexplained"},
        "V",
    ),
    Mistake(
        f.convolution, "kernel flipped", edit("dK[:, s] =", "dK[:, -1 - s] ="), {"permuted"}, "K"
    ),
    Mistake(
        f.convolution,
        "windows off by one",
        edit(
            "range(K.shape[1])",
            "range(K.shape[1] - 1)",
            "X[:, s : s + t]",
            "X[:, s + 1 : s + 1 + t]",
        ),
        {"shifted"},
        "K",
    ),
    Mistake(
        f.convolution,
        "last tap left out of the loop",
        edit("range(K.shape[1])", "range(K.shape[1] - 1)"),
        {"single-column"},
        "K",
    ),
    Mistake(
        partial(f.convolution, t=4),
        "db summed over filters, as many as positions",
        edit("np.sum(dZ, axis=(0, 2))", "np.sum(dZ, axis=(0, 1))"),
        {"summed-over-wrong-axis"},
        "b",
    ),
    Mistake(
        f.convolution,
        "db without keepdims",
        edit(".reshape(f, 1)", ""),
        {"keepdims-forgotten"},
        "b",
    ),
    Mistake(
        f.convolution,
        "db summed over everything",
        edit("np.sum(dZ, axis=(0, 2)).reshape(f, 1)", "np.sum(dZ)"),
        {"summed-over-all-axes"},
        "b",
    ),
    Mistake(
        f.convolution,
        "dK complex from a Fourier transform",
        after(K=lambda d: np.fft.ifft(np.fft.fft(d))),
        {"dtype"},
        "K",
    ),
    Mistake(
        f.convolution,
        "db not summed over positions",
        edit("np.sum(dZ, axis=(0, 2)).reshape(f, 1)", "np.sum(dZ, axis=0)"),
        {"not-summed"},
        "b",
    ),
    Mistake(f.convolution, "dK transposed", edit('"K": dK', '"K": dK.T'), {"transposed"}, "K"),
    Mistake(
        f.convolution,
        "last filter left out",
        edit(
            'dK[:, s] = np.einsum("mft,mt->f", dZ,',
            'dK[:-1, s] = np.einsum("mft,mt->f", dZ[:, :-1],',
        ),
        {"single-row"},
        "K",
    ),
    Mistake(
        f.convolution,
        "factor 2 in dK",
        edit("dK[:, s] = np", "dK[:, s] = 2 * np"),
        {"constant-ratio"},
        "K",
    ),
    Mistake(
        f.convolution,
        "gradients accumulated over calls",
        accumulated,
        {"nondeterministic"},
        "K b",
        exact=False,
    ),
    Mistake(
        f.embedding,
        "repeated word counted once",
        edit("np.add.at(dE, X, dZ @ W.T)", "dE[X] += dZ @ W.T"),
        {"single-row", "single-example"},
        "E",
    ),
    Mistake(
        f.embedding,
        "words numbered from 1",
        edit("np.add.at(dE, X,", "np.add.at(dE, X + 1,"),
        {"shifted", "permuted"},
        "E",
    ),
    Mistake(
        f.embedding,
        "dW not divided by m",
        edit("dW = E[X].T @ dZ", "dW = m * E[X].T @ dZ"),
        {"sum-for-mean"},
        "W",
    ),
    Mistake(
        f.embedding,
        "repeated word averaged",
        edit("    return", "    dE[X[0]] /= 2\n    return"),
        {"single-row"},
        "E",
    ),
    Mistake(
        partial(f.embedding, d=4),
        "W not transposed",
        edit("dZ @ W.T", "dZ @ W"),
        {"unexplained"},
        "E",
    ),
    Mistake(
        f.embedding,
        "zeros masked",
        after(E=lambda d: np.ma.masked_equal(d, 0)),
        {"wrong-type"},
        "E",
    ),
    Mistake(
        f.embedding,
        "one entry of dW divided by 0",
        edit("    dE = np", "    dW[0, 0] /= 0.0\n    dE = np"),
        {"not-finite"},
        "W",
    ),
    Mistake(
        partial(f.mixture, k=5),
        "normalisation of the weights forgotten",
        edit("da = softmax(a, axis=0) - np", "da = -np"),
        {"unexplained"},
        "a",
    ),
    Mistake(
        f.mixture, "components in reverse order", after(M=lambda d: d[::-1]), {"permuted"}, "M"
    ),
    Mistake(f.mixture, "da a column", edit('"a": da', '"a": da[:, None]'), {"wrong-shape"}, "a"),
    Mistake(
        f.mixture,
        "dM not divided by m",
        edit("- R.T @ X) / m", "- R.T @ X)"),
        {"sum-for-mean"},
        "M",
    ),
    Mistake(
        f.mixture,
        "normalised over examples",
        edit("softmax(log_joint(a, M, X), axis=1)", "softmax(log_joint(a, M, X), axis=0)"),
        {"unexplained"},
        "a M",
    ),
    Mistake(
        f.mixture,
        "means forgotten in dM",
        edit("(np.sum(R, axis=0)[:, None] * M - R.T @ X)", "(-R.T @ X)"),
        {"unexplained"},
        "M",
    ),
    Mistake(
        f.alignment,
        "sign of dQ",
        edit(
            "dQ = -np.sum(R, axis=1, keepdims=True) / m",
            "dQ = np.sum(R, axis=1, keepdims=True) / m",
        ),
        {"sign", "another-block"},
        "Q",
        names_all=True,
    ),
    Mistake(
        f.alignment,
        "dP not divided by m",
        edit("dP = np.sum(R, axis=1, keepdims=True) / m", "dP = np.sum(R, axis=1, keepdims=True)"),
        {"sum-for-mean"},
        "P",
    ),
    Mistake(
        f.complex_regression,
        "conjugate",
        edit("X.conj().T @ r", "X.T @ r.conj()"),
        {"conjugated"},
        "z",
    ),
    Mistake(
        f.complex_regression,
        "X transposed and not conjugated",
        edit("X.conj().T", "X.T"),
        {"unexplained"},
        "z",
    ),
    Mistake(
        f.complex_regression,
        "factor 2 forgotten",
        edit("2 / m", "1 / m"),
        {"constant-ratio", "scaled-loss"},
        "z",
    ),
    Mistake(
        f.complex_regression, "real part only", edit('"z": dz', '"z": dz.real'), {"dtype"}, "z"
    ),
    Mistake(
        imaginary_regression,
        "conjugate of an imaginary gradient",
        edit("X.conj().T @ r", "(X.conj().T @ r).conj()"),
        {"conjugated", "sign"},
        "z",
        names_all=True,
    ),
    Mistake(
        partial(f.net, n2=2),
        "two outputs exchanged in db2",
        after(b2=lambda d: d[::-1]),
        {"permuted", "shifted"},
        "b2",
        names_all=True,
    ),
    Mistake(
        net("sigmoid", n2=2),
        "two outputs exchanged in dW2",
        after(W2=lambda d: d[::-1]),
        {"permuted", "shifted"},
        "W2",
        names_all=True,
    ),
    Mistake(
        net("softplus", n1=1),
        "dW2 of one unit transposed",
        edit("dZ2 @ A1.T", "A1 @ dZ2.T"),
        {"transposed", "row-vector"},
        "W2",
        names_all=True,
    ),
    Mistake(
        net("relu", n0=1),
        "dW1 of one feature not summed",
        edit("dZ1 @ X.T", "dZ1 * X"),
        {"not-summed"},
        "W1",
    ),
    Mistake(
        partial(f.net, n2=1),
        "db2 of one output summed over outputs",
        edit(DB2, "np.sum(dZ2, axis=0, keepdims=True)"),
        {"not-summed", "summed-over-wrong-axis"},
        "b2",
        names_all=True,
    ),
    Mistake(
        partial(f.penalised_net, m=2),
        "two examples, lam for lam / m",
        edit('lam / m * params["W1"]', 'lam * params["W1"]'),
        {"regulariser-factor", "regulariser-doubled"},
        "W1",
        names_all=True,
    ),
    Mistake(
        dead_relu,
        "only part, the penalty, forgotten",
        edit('    gradient["W1"] += lam / m * params["W1"]\n', ""),
        {"zero", "regulariser-missing"},
        "W1",
        names_all=True,
    ),
    Mistake(
        dead_relu,
        "only part, the penalty, doubled",
        edit('lam / m * params["W1"]', '2 * lam / m * params["W1"]'),
        {"constant-ratio", "regulariser-doubled"},
        "W1",
        names_all=True,
    ),
    Mistake(
        dead_relu,
        "only part, the penalty, not divided by m",
        edit('lam / m * params["W1"]', 'lam * params["W1"]'),
        {"sum-for-mean", "regulariser-factor"},
        "W1",
        names_all=True,
    ),
    Mistake(
        equal_biases,
        "equal biases penalised",
        edit("    return", '    gradient["b1"] += lam / m * params["b1"]\n    return'),
        {"constant-residual", "regulariser-on-bias"},
        "b1",
        names_all=True,
    ),
    Mistake(
        large_feature,
        "the one large entry clipped",
        edit("dw = X.T @ r / m", "dw = np.clip(X.T @ r / m, -10, 10)"),
        {"clipped", "single-entry"},
        "w",
        names_all=True,
    ),
    Mistake(
        partial(f.convolution, taps=2),
        "kernel of two taps flipped",
        edit("dK[:, s] =", "dK[:, -1 - s] ="),
        {"permuted", "shifted"},
        "K",
        names_all=True,
    ),
    Mistake(
        partial(f.softmax_regression, k=2),
        "two classes exchanged",
        edit("return {", "dW = dW[::-1]\n    return {"),
        {"sign", "permuted"},
        "W",
        names_all=True,
    ),
    Mistake(
        partial(f.mixture, k=2),
        "two components exchanged",
        after(M=lambda d: d[::-1]),
        {"permuted", "shifted"},
        "M",
        names_all=True,
    ),
    Mistake(
        net("identity"),
        "dW1 not divided by m",
        edit("dZ1 @ X.T / m", "dZ1 @ X.T"),
        {"sum-for-mean"},
        "W1",
    ),
    Mistake(
        net("identity"),
        "db1 over both axes",
        edit(DB1, "np.sum(dZ1)"),
        {"summed-over-all-axes"},
        "b1",
    ),
    Mistake(net("identity"), "sign of dW2", after(W2=np.negative), {"sign"}, "W2"),
)

if __name__ == "__main__":
    print(summary(MISTAKES))
