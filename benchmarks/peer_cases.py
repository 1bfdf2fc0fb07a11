"""Costs with right and with wrong gradients, in a form that each checker of `peers.py` can take.

A case draws a `Problem` from a random generator: a cost of a dict of arrays, its gradient as a
user would write it, and the point. Nothing here knows a checker.

>>> problem = CASES["one entry off by 1e-3"].draw(np.random.default_rng(0))
>>> list(problem.params), problem.cost(problem.params) > 0
(['W1', 'b1', 'W2', 'b2'], True)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from families import FAMILIES, corruptions, hash_noise

import backprop

__all__ = ["CASES", "Case", "Problem", "network", "of_family"]

Params = dict[str, Any]
Generator = np.random.Generator


@dataclass(frozen=True)
class Problem:
    """A cost, its gradient by the user, and a point.

    If `fixed`, the gradient is known at the point alone and given whatever is asked for.
    """

    cost: Callable[[Params], Any]
    gradient: Callable[[Params], Params]
    params: Params
    fixed: bool = False


Draw = Callable[[Generator], Problem]


@dataclass(frozen=True)
class Case:
    """A kind of problem, and whether its gradient is right."""

    name: str
    right: bool
    draw: Draw


def network(
    rng: Generator, dtype: Any = np.float64, n0: int = 3, n1: int = 4, m: int = 5
) -> Problem:
    """The lecture's network, by default with 3 inputs, 4 hidden units and 5 examples."""
    X, Y = rng.normal(size=(n0, m)).astype(dtype), rng.integers(0, 2, (1, m)).astype(dtype)
    shapes = {"W1": (n1, n0), "b1": (n1, 1), "W2": (1, n1), "b2": (1, 1)}
    params = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    return Problem(
        lambda p: backprop.cost(backprop.Parameters(**p), X, Y),
        lambda p: dict(zip(p, backprop.gradients(backprop.Parameters(**p), X, Y), strict=True)),
        params,
    )


def single(rng: Generator) -> Problem:
    """The network in single precision throughout."""
    return network(rng, np.float32)


def scaled(base: Draw, factor: float = 1.0, offset: float = 0.0) -> Draw:
    """The same cost times a factor, plus an offset."""

    def draw(rng: Generator) -> Problem:
        problem = base(rng)
        return Problem(
            lambda p: factor * problem.cost(p) + offset,
            lambda p: {name: factor * g for name, g in problem.gradient(p).items()},
            problem.params,
        )

    return draw


def noisy(rng: Generator) -> Problem:
    """The network with a noise of 1e-9 in its cost, the same at each call for one point."""
    net = network(rng)
    return Problem(lambda p: net.cost(p) + 1e-9 * hash_noise(p), net.gradient, net.params)


def buffered(rng: Generator) -> Problem:
    """The network, whose cost comes in the same array each time."""
    net, buffer = network(rng), np.empty(())

    def cost(p: Params) -> Any:
        buffer[...] = net.cost(p)
        return buffer

    return Problem(cost, net.gradient, net.params)


def summed(value: Any, slope: Any, draw_x: Callable[[Generator], Any]) -> Draw:
    """The sum of a function over the entries of one array."""

    def draw(rng: Generator) -> Problem:
        x = draw_x(rng)
        return Problem(lambda p: np.sum(value(p["x"])), lambda p: {"x": slope(p["x"])}, {"x": x})

    return draw


def weighted(value: Any, slope: Any, draw_x: Callable[[Generator], Any]) -> Draw:
    """The same with random weights, which no symmetry can cancel."""

    def draw(rng: Generator) -> Problem:
        x = draw_x(rng)
        w = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1, 1], x.shape)
        return Problem(
            lambda p: np.sum(w * value(p["x"])), lambda p: {"x": w * slope(p["x"])}, {"x": x}
        )

    return draw


def relu(at: float) -> Draw:
    """A weighted sum of relu, with the first of five entries at a certain place."""

    def place(rng: Generator) -> Any:
        x = rng.choice([-1, 1], 5) * rng.uniform(0.3, 2, 5)
        x[0] = at
        return x

    return weighted(lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float), place)


def badly_scaled(rng: Generator) -> Problem:
    """Entries from 1e-6 to 1e6, on each of which the cost depends over its own size."""
    size = 10.0 ** rng.uniform(-6, 6, 5)
    x = size * rng.uniform(0.5, 2, 5)
    return Problem(
        lambda p: np.sum(np.sin(p["x"] / size)),
        lambda p: {"x": np.cos(p["x"] / size) / size},
        {"x": x},
    )


def two_blocks(rng: Generator) -> Problem:
    """Two blocks of which the gradient of one is 1e8 times that of the other."""
    params = {"W": rng.normal(size=(2, 3)), "b": rng.normal(size=(2, 1))}
    return Problem(
        lambda p: 1e4 * np.sum(np.sin(p["W"])) + 1e-4 * np.sum(np.sin(p["b"])),
        lambda p: {"W": 1e4 * np.cos(p["W"]), "b": 1e-4 * np.cos(p["b"])},
        params,
    )


def all_at_kinks(rng: Generator) -> Problem:
    """A weighted sum of relu with every entry at 0."""
    w = rng.normal(size=5)
    return Problem(
        lambda p: np.sum(w * np.maximum(p["x"], 0)),
        lambda p: {"x": w * (p["x"] > 0)},
        {"x": np.zeros(5)},
    )


def constant(rng: Generator) -> Problem:
    """A cost that does not depend on its parameters."""
    return Problem(lambda p: 1.0, lambda p: {"x": np.zeros(5)}, {"x": rng.normal(size=5)})


def minimum(rng: Generator) -> Problem:
    """A bowl at its very bottom, where the gradient is 0."""
    a = rng.normal(size=5)
    return Problem(
        lambda p: np.sum((p["x"] - a) ** 2), lambda p: {"x": 2 * (p["x"] - a)}, {"x": a.copy()}
    )


def unfinished(rng: Generator) -> Problem:
    """An inner solver that stops at 1e-6 or 1e-8, with the gradient of what it aims at."""
    problem = FAMILIES["fixed_point_solver"](rng)
    assert problem.user_gradient is not None
    return Problem(problem.cost, problem.user_gradient, problem.params)


def altered(base: Draw, block: str, change: Callable[[Any], Any]) -> Draw:
    """The same problem with one block of its gradient changed."""

    def draw(rng: Generator) -> Problem:
        problem = base(rng)

        def gradient(p: Params) -> Params:
            g = problem.gradient(p)
            return g | {block: change(g[block])}

        return Problem(problem.cost, gradient, problem.params)

    return draw


def without_gradient(base: Draw) -> Draw:
    """The same problem with a gradient of 0 throughout."""

    def draw(rng: Generator) -> Problem:
        problem = base(rng)
        return Problem(
            problem.cost,
            lambda p: {name: np.zeros_like(x) for name, x in p.items()},
            problem.params,
        )

    return draw


def times(factor: float) -> Callable[[Any], Any]:
    """All entries by a factor, in their own dtype."""
    return lambda g: (g * factor).astype(g.dtype)


def one_times(factor: float) -> Callable[[Any], Any]:
    """The largest entry by a factor."""

    def change(g: Any) -> Any:
        wrong = g.copy()
        wrong.flat[np.argmax(np.abs(g))] *= factor
        return wrong

    return change


def first(value: float) -> Callable[[Any], Any]:
    """Another value for the first entry."""

    def change(g: Any) -> Any:
        wrong = g.copy()
        wrong.flat[0] = value
        return wrong

    return change


def many(rng: Generator) -> Any:
    """A thousand numbers."""
    return rng.normal(size=1000)


def few(scale: float) -> Callable[[Generator], Any]:
    """Five numbers of a certain size."""
    return lambda rng: scale * rng.uniform(0.5, 2, 5)


OFF = ("1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6")

WRONG: dict[str, Draw] = {
    **{f"block off by {e}": altered(network, "W1", times(1 + float(e))) for e in OFF},
    **{f"one entry off by {e}": altered(network, "W1", one_times(1 + float(e))) for e in OFF},
    "1 of 1000 entries is 0": altered(
        summed(lambda x: np.sin(x) + x, lambda x: np.cos(x) + 1, many), "x", one_times(0.0)
    ),
    "all 0, cost of size 1e-12": without_gradient(scaled(network, 1e-12)),
    "small block is 0 beside one 1e8 times larger": altered(two_blocks, "b", times(0.0)),
    "off by 1e-2, cost offset by 1e6": altered(scaled(network, offset=1e6), "W1", times(1.01)),
    "off by 1e-5, cost offset by 1e6": altered(scaled(network, offset=1e6), "W1", times(1 + 1e-5)),
    "off by 1e-2, noise of 1e-9": altered(noisy, "W1", times(1.01)),
    "off by 1e-5, noise of 1e-9": altered(noisy, "W1", times(1 + 1e-5)),
    "off by 1e-1, float32": altered(single, "W1", times(1.1)),
    "off by 1e-3, float32": altered(single, "W1", times(1.001)),
    "beyond both slopes of a kink": altered(relu(0.0), "x", first(3.0)),
    "all 0, cost in a reused buffer": without_gradient(buffered),
    "NaN in one entry": altered(network, "W1", first(np.nan)),
    "rank-1 bias, right values": altered(network, "b1", np.ravel),
    "bias summed to one number": altered(network, "b1", np.sum),
}

RIGHT: dict[str, Draw] = {
    "the network": network,
    "cost of size 1e-12": scaled(network, 1e-12),
    "cost of size 1e6": scaled(network, 1e6),
    "cost offset by 1e6": scaled(network, offset=1e6),
    "cost with noise of 1e-9": noisy,
    "float32": single,
    "entries of 1e-6 to 1e6": badly_scaled,
    "entries of 1e9": summed(lambda x: np.sin(x / 1e9), lambda x: np.cos(x / 1e9) / 1e9, few(1e9)),
    "logarithm at 1e-7": summed(np.log, lambda x: 1 / x, few(1e-7)),
    "sin(300 x)": weighted(lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x), few(1.0)),
    "at a minimum": minimum,
    "cost that never moves": constant,
    "one entry at a kink": relu(0.0),
    "all entries at kinks": all_at_kinks,
    "one entry 1e-7 beside a kink": relu(1e-7),
    "cost in a reused buffer": buffered,
    "inner solver that stops early": unfinished,
}


def of_family(name: str, rng: Generator, change: str | None = None) -> Problem | None:
    """A draw of a family of `families.py`, with its true gradient or one that is corrupted.

    None if there is nothing to corrupt.
    """
    problem = FAMILIES[name](rng)
    gradient = corruptions[change](rng, problem.gradient) if change else problem.gradient
    if gradient is None:
        return None
    return Problem(problem.cost, lambda _: gradient, problem.params, fixed=True)


CASES = {
    **{name: Case(name, False, draw) for name, draw in WRONG.items()},
    **{name: Case(name, True, draw) for name, draw in RIGHT.items()},
}
