"""The six equations of `backprop`, each verified by the harness: what ``gradcheck`` runs.

The parameter gradients (equations 2, 3, 5, 6) are checked against `backprop.cost`. For
``dZ2`` and ``dZ1`` (equations 1 and 4) the forward pass is cut at ``Z`` and the rest of it is
differentiated by ``Z``: by the lecture's convention they belong to the *summed* loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import backprop
from gradcheck.check import check_gradient
from gradcheck.equations import Intermediates
from gradcheck.probes import probe
from gradcheck.report import BlockReport, GradientReport
from gradcheck.verdict import Verdict

__all__ = ["ITERATIONS", "Stage", "breast_cancer", "drawn", "trained", "verify"]

ITERATIONS = (0, 1, 10, 100, 1000)
"""Moments of training at which the gradient is checked, and again where it comes to rest."""

FEW = 7
"""Examples on which a wrong equation is looked for: no size of the drawn networks, as a rule."""

CHUNK = 64
"""Examples whose ``Z`` is checked at once: each matters little to a sum over many more."""


@dataclass(frozen=True)
class Stage:
    """All six equations checked at one point.

    Attributes
    ----------
    name : str
        Such as ``iteration 100``.
    reports : tuple of GradientReport
        Of the parameters, then of ``Z2`` and ``Z1`` for some examples at a time.
    accuracy : float
        Share of the examples that the network predicts rightly at this point.
    judged : GradientReport or None
        Where something is wrong, the same network on a few examples with its intermediates
        probed, which tells the equation to blame from what inherits its mistake.
    """

    name: str
    reports: tuple[GradientReport, ...]
    accuracy: float
    judged: GradientReport | None = None

    @property
    def blocks(self) -> dict[str, list[BlockReport]]:
        """The blocks of each equation, by what the equation computes."""
        first, *others = self.reports
        blocks = {f"d{name}": [block] for name, block in first.blocks.items()}
        for report in others:
            name = next(iter(report.blocks))
            blocks.setdefault(f"d{name}", []).append(report.blocks[name])
        return {name: blocks[name] for name in backprop.EQUATIONS}

    @property
    def verdict(self) -> Verdict:
        """FAIL if one report fails, INCONCLUSIVE if one is, else PASS."""
        found = {report.verdict for report in self.reports}
        return next(v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS) if v in found)

    @property
    def wrong(self) -> list[str]:
        """What fails, by the equations that compute it, in the lecture's order."""
        return [
            name
            for name, blocks in self.blocks.items()
            if any(block.verdict == Verdict.FAIL for block in blocks)
        ]


def verify(
    name: str, parameters: backprop.Parameters, X: Any, Y: Any, activation: str, l2: float = 0.0
) -> Stage:
    """Check the six equations at one point.

    Parameters
    ----------
    name : str
        Of the stage.
    parameters : backprop.Parameters
    X : ndarray, shape (n0, m)
    Y : ndarray, shape (n2, m)
    activation : str
        A key of `backprop.ACTIVATIONS`.
    l2 : float

    Returns
    -------
    Stage
    """
    g1 = backprop.ACTIVATIONS[activation]
    Z1, _, Z2, A2 = backprop.forward(parameters, X, g1)
    reports = [
        _check(backprop.cost, backprop.gradients, parameters, args=(X, Y, g1, l2), vectorized=True)
    ]
    for start in range(0, X.shape[1], CHUNK):
        some = slice(start, start + CHUNK)
        reports.append(_by_z("Z2", Z2[:, some], Y[:, some]))
        reports.append(_by_z("Z1", Z1[:, some], Y[:, some], parameters, g1))
    accuracy = float(np.mean((A2 > 0.5) == (Y > 0.5)))
    stage = Stage(name, tuple(reports), accuracy)
    if stage.verdict != Verdict.FAIL:
        return stage
    judged = _judged(parameters, X[:, :FEW], Y[:, :FEW], g1, l2)
    return replace(stage, judged=judged if judged.verdict == Verdict.FAIL else None)


def _judged(parameters: backprop.Parameters, X: Any, Y: Any, g1: Any, l2: float) -> GradientReport:
    """Check the network with its intermediates probed."""
    n0, m = X.shape

    def cost(parameters: Any, X: Any, Y: Any) -> Any:
        W1, b1, W2, b2 = parameters
        Z1 = probe("Z1", W1 @ X + b1)
        A1 = g1[0](Z1)
        Z2 = probe("Z2", W2 @ A1 + b2)
        penalty = l2 / 2 * (np.sum(W1**2) + np.sum(W2**2))
        return (np.sum(backprop.loss(Z2, Y)) + penalty) / m

    dimensions = {"n0": n0, "n1": len(parameters.W1), "n2": len(parameters.W2), "m": m}
    return check_gradient(
        cost,
        lambda parameters, X, Y: backprop.backward(parameters, X, Y, g1, l2),
        parameters,
        args=(X, Y),
        on_kink="accept",
        dimensions=dimensions,
        intermediates=Intermediates(("Z1", "Z2"), scale=m, equations=backprop.EQUATIONS),
    )


def _by_z(
    name: str, Z: Any, Y: Any, parameters: backprop.Parameters | None = None, g1: Any = None
) -> GradientReport:
    """Check the derivative of the summed loss by ``Z1``, or by ``Z2`` if nothing follows it.

    A network whose first layer is the identity has ``Z1 = X``; with the identity for second
    layer and activation too, ``Z2 = X``.
    """
    n, m = Z.shape
    eye, zero = np.eye(n), np.zeros((n, 1))
    if parameters is None:
        W2, b2, g1 = eye, zero, backprop.identity
    else:
        W2, b2 = parameters[2:]

    def cost(at: Any) -> Any:
        return m * backprop.cost((eye, zero, W2, at["b2"]), at[name], Y, g1)

    def gradient(at: Any) -> Any:
        derived = backprop.backward((eye, zero, W2, at["b2"]), at[name], Y, g1)
        return {name: getattr(derived, f"d{name}"), "b2": m * derived.db2}

    # Beside the bias, whose gradient says how much the cost can move at all, a hidden unit that
    # is switched off, by which it does not move, is known to have the derivative 0.
    return _check(cost, gradient, {name: Z, "b2": b2})


def _check(cost: Any, grad: Any, params: Any, **options: Any) -> GradientReport:
    # relu and leaky_relu have kinks where a unit is 0: a derivative between both slopes is right.
    return check_gradient(cost, grad, params, on_kink="accept", **options)


def drawn(count: int, seed: int, activation: str | None = None) -> Iterator[Stage]:
    """Check networks of drawn dimensions, data, parameters and activation.

    Parameters
    ----------
    count : int
        Number of networks.
    seed : int
    activation : str, optional
        If given, the one for all networks.

    Yields
    ------
    Stage
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        n0, n1, n2, m = (int(n) for n in rng.integers(1, 7, 4))
        scale = 2.0 ** rng.integers(-3, 1)
        parameters = backprop.Parameters(
            *(
                scale * rng.standard_normal(shape)
                for shape in ((n1, n0), (n1, 1), (n2, n1), (n2, 1))
            )
        )
        X = rng.standard_normal((n0, m))
        Y = rng.choice([rng.uniform(size=(n2, m)), rng.integers(0, 2, (n2, m)) + 0.0])
        name = activation or str(rng.choice(list(backprop.ACTIVATIONS)))
        l2 = float(rng.choice([0.0, 0.5]))
        yield verify(f"{name} {n0}-{n1}-{n2}, m={m}", parameters, X, Y, name, l2)


def trained(
    X: Any, Y: Any, *, hidden: int, activation: str, seed: int, seen: Callable[[Stage], None]
) -> backprop.Descent | None:
    """Train on data, and check the six equations at several moments until convergence.

    Parameters
    ----------
    X : ndarray, shape (n0, m)
    Y : ndarray, shape (n2, m)
    hidden : int
        Number of hidden units.
    activation : str
    seed : int
        Of the initial parameters.
    seen : callable
        Called with each `Stage` as soon as it is known.

    Returns
    -------
    backprop.Descent or None
        None if an equation is wrong, for then descent has no gradient to follow.
    """
    last: list[Stage] = []

    def check(iteration: int, parameters: backprop.Parameters, cost: float) -> None:
        if iteration in ITERATIONS:
            look(f"iteration {iteration}", parameters)

    def look(name: str, parameters: backprop.Parameters) -> None:
        last[:] = [verify(name, parameters, X, Y, activation)]
        seen(last[0])
        if last[0].verdict == Verdict.FAIL:
            raise _WrongGradient

    start = backprop.initialise(X.shape[0], hidden, Y.shape[0], rng=seed)
    g1 = backprop.ACTIVATIONS[activation]
    try:
        descent = backprop.descend(start, X, Y, g1, callback=check)
        look(f"iteration {descent.iterations}", descent.parameters)
    except _WrongGradient:
        return None
    return descent


class _WrongGradient(Exception):
    """Ends a descent whose gradient is wrong."""


def breast_cancer() -> tuple[Any, Any]:
    """The Wisconsin breast-cancer data that scikit-learn ships.

    Returns
    -------
    X : ndarray, shape (30, 569)
        Features, each scaled to mean 0 and variance 1.
    Y : ndarray, shape (1, 569)
        1 for benign.

    Raises
    ------
    ImportError
        If scikit-learn, the extra ``examples``, is not installed.

    References
    ----------
    W. Street, W. Wolberg, O. Mangasarian, Nuclear feature extraction for breast tumor
    diagnosis, SPIE 1905 (1993) 861-870.
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = data.data.T
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    return X, data.target[None].astype(float)
