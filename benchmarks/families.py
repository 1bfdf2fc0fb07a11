"""Costs with known gradients, on which a gradient checker is judged.

A family draws a `Problem` from a random generator: a cost as a user would write it, a point,
and the true gradient there. `corruptions` turns a right gradient into a wrong one. Nothing here
knows the checker, so that its answers cannot leak into what it is measured against.

>>> problem = FAMILIES["rosenbrock"](np.random.default_rng(0))
>>> float(problem.cost(problem.params)) > 0, list(problem.gradient)
(True, ['x'])

Truth is the complex step in `clongdouble`, the imaginary part of the cost at ``x + ih``, which
subtracts nothing and so keeps all digits (Squire and Trapp 1998). Where `clongdouble` has 64
bits of mantissa, the truth is correctly rounded save for entries that nearly cancel; where it
has 53, it is as good as a careful user's gradient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAMILIES", "Problem", "corruptions"]

Array = NDArray[Any]
Params = dict[str, Array]
Cost = Callable[[Params], Any]
Generator = np.random.Generator


@dataclass(frozen=True)
class Problem:
    """A cost, a point, and the gradient there.

    Attributes
    ----------
    cost : callable
        What the user wrote, noise and all.
    params : dict of ndarray
        The point.
    gradient : dict of ndarray
        The gradient of `exact`, in the dtype of the parameters. At a kink it is the
        subgradient that the usual code returns: 0 for both ``relu'(0)`` and ``abs'(0)``.
    condition : dict
        What was drawn, for messages and tables, such as ``{"distance": 1e-12}``.
    exact : callable
        `cost` without its noise, rounding, float32 or unfinished solver. Of real parameters of
        any precision, and of complex ones.
    user_gradient : callable or None
        The gradient that a user computes beside this cost. It is right.
    rounding : dict of ndarray or None
        How far, entry by entry, a user's right gradient may lie from `gradient`; for inner
        solvers, the derivative of the cost as computed too.
    computed : dict of ndarray or None
        Derivative of the cost as computed, where an unfinished solver gives it another one.
    subgradients : dict of pairs of ndarray, or None
        Derivatives from the left and from the right along each entry, where they differ.
    """

    cost: Cost
    params: Params
    gradient: Params
    condition: dict[str, Any] = field(default_factory=dict)
    exact: Cost | None = None
    user_gradient: Callable[[Params], Params] | None = None
    rounding: Params | None = None
    subgradients: dict[str, tuple[Array, Array]] | None = None
    computed: Params | None = None


FAMILIES: dict[str, Callable[[Generator], Problem]] = {}


def family(draw: Callable[[Generator], Problem]) -> Callable[[Generator], Problem]:
    """Enter `draw` in `FAMILIES` under its own name."""
    FAMILIES[draw.__name__] = draw
    return draw


# Its square underflows beside anything it is added to, so the step leaves no truncation error.
STEP = 2.0**-300


def complex_step(cost: Cost, params: Params, step: float = STEP) -> Params:
    """Differentiate `cost` by each entry; at a kink, on the side of the sign of `step`.

    The side is that of `np.maximum`, which compares imaginary parts where real parts are equal.
    """
    gradient = {}
    for name, block in params.items():
        derivative = np.empty(block.shape, np.longdouble)
        for index in np.ndindex(block.shape):
            moved = cast(params, np.clongdouble)
            moved[name][index] += 1j * step
            derivative[index] = cost(moved).imag / step
        gradient[name] = derivative.astype(block.dtype)
    return gradient


def pose(
    cost: Cost,
    params: Params,
    *,
    exact: Cost | None = None,
    user_gradient: Callable[[Params], Params] | None = None,
    rounding: Params | None = None,
    **condition: Any,
) -> Problem:
    """`Problem` of a cost that is smooth at the point."""
    exact = exact or cost
    gradient = complex_step(exact, params)
    return Problem(cost, params, gradient, condition, exact, user_gradient, rounding)


def cast(params: Params, dtype: Any) -> Params:
    """Copy of the parameters in another precision."""
    return {name: np.array(block, dtype) for name, block in params.items()}


def flat(params: Params) -> Array:
    """All entries in one vector, the blocks in the order of their names."""
    return np.concatenate([np.ravel(params[name]) for name in sorted(params)])


def signed(rng: Generator, shape: Any, low: float = 0.1, high: float = 2.0) -> Array:
    """Entries of either sign that are not close to 0."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(low, high, shape))


def log_uniform(rng: Generator, low: float, high: float, shape: Any = None) -> Any:
    """Numbers whose decimal logarithm is uniform between `low` and `high`."""
    return 10.0 ** rng.uniform(low, high, shape)


def draw_shape(rng: Generator) -> tuple[int, ...]:
    n, k = (int(size) for size in rng.integers(1, 4, 2))
    shapes = [(), (n,), (2 * n + k,), (n, 1), (1, n), (n, k)]
    return shapes[rng.integers(len(shapes))]


def draw_params(rng: Generator, scale: float = 1.0) -> Params:
    """One to three blocks, each 0-d, a vector, a column, a row or a matrix."""
    names = ["U", "V", "W"][: rng.integers(1, 4)]
    return {name: np.asarray(scale * signed(rng, draw_shape(rng))) for name in names}


def draw_vector(rng: Generator, least: int = 1, most: int = 10) -> Params:
    """One block `x` of shape (n,)."""
    return {"x": signed(rng, int(rng.integers(least, most + 1)))}


def mixture(rng: Generator, params: Params, scale: Any = 1.0) -> Cost:
    """Cost of order 1 that couples all entries and varies over a distance of `scale`."""
    n = flat(params).size
    a, w, phase = signed(rng, n), signed(rng, n) / np.sqrt(n), rng.uniform(0, 6, n)

    def cost(p: Params) -> Any:
        u = flat(p) / scale
        return np.sum(a * np.sin(u + phase)) + np.tanh(w @ u) + np.mean(u**2) / 2

    return cost


def softplus(Z: Array) -> Array:
    """``log(1 + exp(Z))`` without overflow, analytic from the real axis."""
    positive = Z.real >= 0
    return np.where(positive, Z, 0) + np.log1p(np.exp(np.where(positive, -Z, Z)))


def sigmoid(Z: Array) -> Array:
    return 1 / (1 + np.exp(-Z))


ACTIVATIONS = {
    "tanh": (np.tanh, lambda Z: 1 - np.tanh(Z) ** 2),
    "sigmoid": (sigmoid, lambda Z: sigmoid(Z) * (1 - sigmoid(Z))),
    "softplus": (softplus, sigmoid),
    "relu": (lambda Z: np.maximum(Z, 0), lambda Z: (Z > 0).astype(Z.dtype)),
}

SMOOTH = ["tanh", "sigmoid", "softplus"]


def naive_loss(Z2: Array, Y: Array) -> Array:
    A2 = sigmoid(Z2)
    return -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))


LOSSES = {
    "exact": lambda Z2, Y: softplus(Z2) - Y * Z2,
    "stable": lambda Z2, Y: np.logaddexp(0, Z2) - Y * Z2,
    "naive": naive_loss,
}

# exp(12) ulps are 2e-11: up to here log(1 - A2) costs digits, but the cost is still itself.
NAIVE_LIMIT = 12.0


@dataclass(frozen=True)
class Net:
    """The lecture's network with its data, in the arithmetic that the parameters bring.

    `hidden` is a dtype for the first layer alone.
    """

    X: Array
    Y: Array
    activation: str

    def forward(self, p: Params, hidden: Any = None) -> tuple[Array, Array, Array]:
        """`Z1`, `A1` and `Z2`."""
        W1, b1, X = (a.astype(hidden or a.dtype) for a in (p["W1"], p["b1"], self.X))
        Z1 = W1 @ X + b1
        A1 = ACTIVATIONS[self.activation][0](Z1)
        return Z1, A1, p["W2"] @ A1 + p["b2"]

    def cost(self, p: Params, loss: str = "exact", hidden: Any = None) -> Any:
        """Mean over the examples of the loss summed over the outputs."""
        Z2 = self.forward(p, hidden)[2]
        return np.mean(np.sum(LOSSES[loss](Z2, self.Y), axis=0))

    def backprop(self, p: Params, hidden: Any = None) -> Params:
        """Compute the lecture's six equations."""
        Z1, A1, Z2 = self.forward(p, hidden)
        m = self.X.shape[1]
        dZ2 = np.exp(-np.logaddexp(0, -Z2)) - self.Y
        dZ1 = p["W2"].T @ dZ2 * ACTIVATIONS[self.activation][1](Z1)
        return {
            "W1": dZ1 @ self.X.T / m,
            "b1": np.sum(dZ1, axis=1, keepdims=True) / m,
            "W2": dZ2 @ A1.T / m,
            "b2": np.sum(dZ2, axis=1, keepdims=True) / m,
        }

    def rounding(self, p: Params, dtype: Any = float) -> Params:
        """Bound for the rounding error of `backprop`: it again, with nothing that cancels.

        Each quantity is replaced by its magnitude plus the error, in units of `u`, that it
        inherits; no activation has a first or second derivative above 1.
        """
        W1, b1, W2, b2, X = (np.abs(a) for a in (p["W1"], p["b1"], p["W2"], p["b2"], self.X))
        m = X.shape[1]
        u = np.finfo(dtype).eps / 2 * (W1.shape[0] + W1.shape[1] + m + 8)
        Z1 = W1 @ X + b1
        A1 = np.abs(self.forward(p)[1]) + Z1
        dZ2 = 1 + W2 @ A1 + b2
        dZ1 = W2.T @ dZ2 * (1 + Z1)
        return {
            "W1": u * dZ1 @ X.T / m,
            "b1": u * np.sum(dZ1, axis=1, keepdims=True) / m,
            "W2": u * dZ2 @ A1.T / m,
            "b2": u * np.sum(dZ2, axis=1, keepdims=True) / m,
        }

    def astype(self, dtype: Any) -> Net:
        """Copy with the data in another precision."""
        return Net(self.X.astype(dtype), self.Y.astype(dtype), self.activation)


def draw_net(rng: Generator, activation: str, clearance: float = 0.0) -> tuple[Net, Params]:
    """Network of dims 1..5 and weights of .01..3, with no `Z1` within `clearance` of 0.

    `X` is exact in float32, so that a float32 cost has no other data than its truth.
    """
    while True:
        n0, n1, n2, m = (int(size) for size in rng.integers(1, 6, 4))
        scale = log_uniform(rng, -2, 0.5)
        shapes = {"W1": (n1, n0), "b1": (n1, 1), "W2": (n2, n1), "b2": (n2, 1)}
        params = {name: scale * rng.normal(size=shape) for name, shape in shapes.items()}
        X = rng.uniform(-2, 2, (n0, m)).astype(np.float32).astype(float)
        net = Net(X, rng.integers(0, 2, (n2, m)).astype(float), activation)
        small = flat(params).size <= 30
        if small and np.min(np.abs(net.forward(params)[0])) > clearance:
            return net, params


def pose_net(rng: Generator, activation: str, offset: float = 0.0) -> Problem:
    net, params = draw_net(rng, activation)
    confident = np.max(np.abs(net.forward(params)[2])) > NAIVE_LIMIT
    loss = "stable" if confident or rng.random() < 0.5 else "naive"
    return pose(
        lambda p: offset + net.cost(p, loss),
        params,
        exact=lambda p: offset + net.cost(p),
        user_gradient=net.backprop,
        rounding=net.rounding(params),
        activation=activation,
        loss=loss,
    )


@family
def net_tanh(rng: Generator) -> Problem:
    """Entries of one gradient differ by orders of magnitude, in naive or stable cross-entropy."""
    return pose_net(rng, "tanh")


@family
def net_sigmoid(rng: Generator) -> Problem:
    """Gradient of the first layer small beside that of the second."""
    return pose_net(rng, "sigmoid")


@family
def net_softplus(rng: Generator) -> Problem:
    """Activations without a bound: confident outputs, costs in the hundreds."""
    return pose_net(rng, "softplus")


@family
def net_relu(rng: Generator) -> Problem:
    """Dead units with a gradient of exactly 0, and kinks at whatever distance the draw gives."""
    return pose_net(rng, "relu")


@family
def net_offset(rng: Generator) -> Problem:
    """Cost of a network on top of 1e6, which leaves its differences ten digits."""
    return pose_net(rng, str(rng.choice([*SMOOTH, "relu"])), offset=1e6)


@family
def saturated_units(rng: Generator) -> Problem:
    """Hidden units so far out that their gradient drowns in the cost's last digit."""
    net, params = draw_net(rng, str(rng.choice(["tanh", "sigmoid"])))
    saturated = rng.random(len(params["W1"])) < 0.5
    saturated[rng.integers(len(saturated))] = True
    reach = np.max(np.abs(net.forward(params)[0]), axis=1)
    factor = np.where(saturated, rng.uniform(8, 30, len(reach)) / reach, 1)[:, None]
    params = {**params, "W1": factor * params["W1"], "b1": factor * params["b1"]}
    return pose(
        lambda p: net.cost(p, "stable"),
        params,
        exact=net.cost,
        user_gradient=net.backprop,
        rounding=net.rounding(params),
        activation=net.activation,
        saturated=int(np.sum(saturated)),
    )


@family
def saturated_output(rng: Generator) -> Problem:
    """Naive cross-entropy where ``1 - A2`` keeps 11 digits down to 3: a staircase in the cost."""
    net, params = draw_net(rng, str(rng.choice(SMOOTH)))
    reach = rng.uniform(NAIVE_LIMIT, 30)
    factor = reach / np.max(np.abs(net.forward(params)[2]))
    params = {**params, "W2": factor * params["W2"], "b2": factor * params["b2"]}
    return pose(
        lambda p: net.cost(p, "naive"),
        params,
        exact=net.cost,
        user_gradient=net.backprop,
        rounding=net.rounding(params),
        activation=net.activation,
        reach=reach,
    )


@family
def relu_net_at_zero(rng: Generator) -> Problem:
    """Zero biases and a zero example: Z1 is exactly 0 there, a kink in each entry of b1."""
    net, params = draw_net(rng, "relu")
    m = net.X.shape[1]
    net = Net(net.X * (np.arange(m) != rng.integers(m)), net.Y, "relu")
    params = {**params, "b1": np.zeros_like(params["b1"])}
    # relu'(0) = 0 is a unit that is off at the zero example, as it is to the left.
    return pose_kink(
        lambda p: net.cost(p, "stable"),
        params,
        exact=net.cost,
        convention=lambda left, right: left,
        user_gradient=net.backprop,
        distance=0.0,
    )


@family
def recurrent_net(rng: Generator) -> Problem:
    """One matrix applied again and again: curvature grows with the number of steps."""
    k, n, steps, m = (int(size) for size in rng.integers([1, 1, 3, 1], [4, 3, 8, 5]))
    params = {"W": signed(rng, (k, k)), "U": signed(rng, (k, n)), "b": signed(rng, (k, 1))}
    X, Y, v = rng.normal(size=(steps, n, m)), rng.normal(size=m), signed(rng, k)

    def cost(p: Params) -> Any:
        H = 0 * p["b"]
        for Xt in X:
            H = np.tanh(p["W"] @ H + p["U"] @ Xt + p["b"])
        return np.mean((v @ H - Y) ** 2)

    return pose(cost, params, steps=steps)


@family
def batch_norm(rng: Generator) -> Problem:
    """Normalisation makes b irrelevant and the length of W nearly so: gradients 0 and almost 0."""
    n0, n1, m = (int(size) for size in rng.integers([1, 1, 3], [4, 5, 9]))
    params = {"W": signed(rng, (n1, n0)), "b": signed(rng, (n1, 1)), "gamma": signed(rng, (n1, 1))}
    X, Y, v = rng.normal(size=(n0, m)), rng.normal(size=m), signed(rng, n1)

    def standardise(Z: Array) -> tuple[Array, Array]:
        centered = Z - np.mean(Z, axis=1, keepdims=True)
        spread = np.sqrt(np.mean(centered**2, axis=1, keepdims=True) + 1e-5)
        return centered / spread, spread

    def exact(p: Params) -> Any:
        H, _ = standardise(p["W"] @ X + p["b"])
        return np.mean((v @ np.tanh(p["gamma"] * H) - Y) ** 2)

    def cost(p: Params) -> Any:
        Z = p["W"] @ X + p["b"]
        H = (Z - np.mean(Z, axis=1, keepdims=True)) / np.sqrt(
            np.var(Z, axis=1, keepdims=True) + 1e-5
        )
        return np.mean((v @ np.tanh(p["gamma"] * H) - Y) ** 2)

    def backprop(p: Params) -> Params:
        H, spread = standardise(p["W"] @ X + p["b"])
        A = np.tanh(p["gamma"] * H)
        dH = np.outer(v, 2 * (v @ A - Y) / m) * (1 - A**2)
        dgamma = np.sum(dH * H, axis=1, keepdims=True)
        dH = p["gamma"] * dH
        dH_mean = np.mean(dH, axis=1, keepdims=True)
        dZ = (dH - dH_mean - H * np.mean(dH * H, axis=1, keepdims=True)) / spread
        return {"W": dZ @ X.T, "b": np.sum(dZ, axis=1, keepdims=True), "gamma": dgamma}

    problem = pose(cost, params, exact=exact, user_gradient=backprop, n0=n0)
    problem.gradient["b"][...] = 0
    return problem


@family
def attention(rng: Generator) -> Problem:
    """Softmax of a product of two parameters: many entries that nearly compensate each other."""
    d, length = int(rng.integers(1, 4)), int(rng.integers(2, 6))
    params = {"K": signed(rng, (d, d)), "Q": signed(rng, (d, d)), "v": signed(rng, d)}
    X, Y = rng.normal(size=(length, d)), rng.normal(size=length)

    def cost(p: Params) -> Any:
        S = (X @ p["Q"]) @ (X @ p["K"]).T / np.sqrt(d)
        E = np.exp(S - np.max(S, axis=1, keepdims=True))
        P = E / np.sum(E, axis=1, keepdims=True)
        return np.mean((P @ (X @ p["v"]) - Y) ** 2)

    return pose(cost, params)


@family
def logistic_regression(rng: Generator) -> Problem:
    """Vector and 0-d bias, with a ridge; naive cross-entropy where it can be borne."""
    n, m = (int(size) for size in rng.integers(1, 8, 2))
    params = {"w": log_uniform(rng, -2, 0.5) * rng.normal(size=n), "b": np.asarray(rng.normal())}
    X, Y, ridge = rng.normal(size=(m, n)), rng.integers(0, 2, m), rng.uniform(0, 0.1)
    confident = np.max(np.abs(X @ params["w"] + params["b"])) > NAIVE_LIMIT
    loss = "stable" if confident or rng.random() < 0.5 else "naive"

    def cost(p: Params, loss: str = loss) -> Any:
        return np.mean(LOSSES[loss](X @ p["w"] + p["b"], Y)) + ridge / 2 * np.sum(p["w"] ** 2)

    return pose(cost, params, exact=lambda p: cost(p, "exact"), loss=loss)


@family
def softmax_cross_entropy(rng: Generator) -> Problem:
    """Shifted log-sum-exp: the gradient of the logits sums to 0."""
    n, k, m = (int(size) for size in rng.integers([1, 2, 1], [5, 6, 6]))
    scale = log_uniform(rng, -1, 0.7)
    params = {"W": scale * rng.normal(size=(k, n)), "b": scale * rng.normal(size=(k, 1))}
    X, labels = rng.normal(size=(n, m)), rng.integers(0, k, m)

    def cost(p: Params) -> Any:
        Z = p["W"] @ X + p["b"]
        top = np.max(Z, axis=0)
        return np.mean(np.log(np.sum(np.exp(Z - top), axis=0)) + top - Z[labels, np.arange(m)])

    return pose(cost, params)


@family
def gaussian_nll(rng: Generator) -> Problem:
    """Log-sigma in an exponential: a small sigma makes everything steep."""
    k, m = (int(size) for size in rng.integers(1, 6, 2))
    params = {"mu": rng.normal(size=k), "log_sigma": rng.uniform(-3, 3, k)}
    data = rng.normal(size=(m, k))

    def cost(p: Params) -> Any:
        z = (data - p["mu"]) / np.exp(p["log_sigma"])
        return np.mean(np.sum(p["log_sigma"] + z**2 / 2, axis=1))

    return pose(cost, params)


@family
def exponentials(rng: Generator) -> Problem:
    """Sum of exponentials whose terms differ by orders of magnitude."""
    params = draw_params(rng)
    B = rng.uniform(-3, 3, (4, flat(params).size))
    B *= 8 / max(8.0, float(np.max(np.abs(B @ flat(params)))))
    c = signed(rng, 4)
    return pose(lambda p: c @ np.exp(B @ flat(p)), params)


@family
def rosenbrock(rng: Generator) -> Problem:
    """Curved valley: the gradient is a small remainder of large terms."""
    params = draw_vector(rng, least=2)

    def cost(p: Params) -> Any:
        x = p["x"]
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    return pose(cost, params)


@family
def ill_conditioned(rng: Generator) -> Problem:
    """Quadratic whose curvatures range over 1e12."""
    params = draw_vector(rng, least=2)
    n = params["x"].size
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = (Q * np.logspace(-6, 6, n)) @ Q.T
    return pose(lambda p: p["x"] @ A @ p["x"] / 2, params, dimension=n)


@family
def oscillating(rng: Generator) -> Problem:
    """sin(20x) to sin(80x): a coarse step spans a period."""
    params = draw_params(rng)
    n = flat(params).size
    a, frequency = signed(rng, n), rng.uniform(20, 80, n)
    return pose(lambda p: np.sum(a * np.sin(frequency * flat(p))), params)


@family
def ripple(rng: Generator) -> Problem:
    """Fast ripple, too small to see in the cost and large in the gradient."""
    params = draw_params(rng)
    smooth = mixture(rng, params)
    amplitude, frequency = log_uniform(rng, -8, -4), log_uniform(rng, 2, 5)

    def cost(p: Params) -> Any:
        return smooth(p) + amplitude * np.sum(np.sin(frequency * flat(p)))

    return pose(cost, params, amplitude=amplitude, frequency=frequency)


@family
def high_power(rng: Generator) -> Problem:
    """x**9: entries of one gradient differ by 1e10, and the curvature follows."""
    params = draw_params(rng)
    a = signed(rng, flat(params).size)
    return pose(lambda p: np.sum(a * flat(p) ** 9), params)


@family
def bilinear(rng: Generator) -> Problem:
    """Linear in each entry, so that one difference is exact but for rounding."""
    n, k = (int(size) for size in rng.integers(1, 4, 2))
    params = {"U": signed(rng, (n, k)), "v": signed(rng, (k, 1)), "w": signed(rng, (n, 1))}
    return pose(lambda p: np.sum(p["w"] * (p["U"] @ p["v"])), params)


@family
def linear(rng: Generator) -> Problem:
    """No truncation error at any step."""
    params = draw_params(rng)
    a, c = signed(rng, flat(params).size), rng.normal()
    return pose(lambda p: a @ flat(p) + c, params)


@family
def constant(rng: Generator) -> Problem:
    """Python float that depends on nothing: the gradient is 0, and nothing ever moves."""
    params, value = draw_params(rng), float(rng.normal())
    return pose(lambda p: value, params)


@family
def unused_entries(rng: Generator) -> Problem:
    """About half of the entries have no influence: exact zeros among ordinary entries."""
    params = draw_params(rng)
    used = rng.random(flat(params).size) < 0.5
    smooth = mixture(rng, params)
    return pose(lambda p: smooth({"used": flat(p) * used}), params, used=int(np.sum(used)))


@family
def offset(rng: Generator) -> Problem:
    """Cost of order 1 on top of 1e6."""
    params = draw_params(rng)
    smooth = mixture(rng, params)
    return pose(lambda p: 1e6 + smooth(p), params)


def pose_scaled(rng: Generator, factor: float) -> Problem:
    params = draw_params(rng)
    smooth = mixture(rng, params)
    return pose(lambda p: factor * smooth(p), params, factor=factor)


@family
def tiny_cost(rng: Generator) -> Problem:
    """Cost of 1e-12, below every absolute tolerance in use."""
    return pose_scaled(rng, 1e-12)


@family
def huge_cost(rng: Generator) -> Problem:
    """Cost of 1e12, above every absolute tolerance in use."""
    return pose_scaled(rng, 1e12)


@family
def minute_values(rng: Generator) -> Problem:
    """Cost of 1e-30, below every floor that guards against a division by 0."""
    return pose_scaled(rng, 1e-30)


@family
def tiny_parameters(rng: Generator) -> Problem:
    """Entries of 1e-9, in a cost that varies over 1e-9 or over 1."""
    params = draw_params(rng, 1e-9)
    length = float(rng.choice([1e-9, 1.0]))
    return pose(mixture(rng, params, length), params, length=length)


@family
def huge_parameters(rng: Generator) -> Problem:
    """Entries of 1e9: a step of 1e-6 is lost in their last digit."""
    params = draw_params(rng, 1e9)
    return pose(mixture(rng, params, 1e9), params)


@family
def mixed_scales(rng: Generator) -> Problem:
    """Entries from 1e-6 to 1e6 in one block, and gradients from 1e6 to 1e-6."""
    n = int(rng.integers(2, 13))
    scale = log_uniform(rng, -6, 6, n)
    params = {"x": scale * signed(rng, n)}
    return pose(mixture(rng, params, scale), params, ratio=float(np.max(scale) / np.min(scale)))


@family
def cancelling_variance(rng: Generator) -> Problem:
    """``E[x^2] - E[x]^2`` far from the origin: the cost keeps 16 digits down to 10."""
    mean = log_uniform(rng, 0, 3)
    n = int(rng.integers(2, 13))
    params = {"x": mean + rng.normal(size=(n, 1))}
    return pose(lambda p: np.mean(p["x"] ** 2) - np.mean(p["x"]) ** 2, params, mean=mean)


def hash_noise(params: Params) -> float:
    """Hash the bits to a number in [-1, 1)."""
    bits = b"".join(np.asarray(params[name]).tobytes() for name in sorted(params))
    digest = hashlib.blake2b(bits, digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2.0**63 - 1


@family
def noise(rng: Generator) -> Problem:
    """Repeatable noise of 1e-11..1e-6: asking twice does not show it."""
    params = draw_params(rng)
    smooth = mixture(rng, params)
    amplitude = log_uniform(rng, -11, -6)
    return pose(
        lambda p: smooth(p) + amplitude * hash_noise(p),
        params,
        exact=smooth,
        amplitude=amplitude,
    )


@family
def rounded(rng: Generator) -> Problem:
    """Cost printed to 6..11 digits and read again: a staircase."""
    params = draw_params(rng)
    smooth = mixture(rng, params)
    digits = int(rng.integers(6, 12))
    return pose(lambda p: float(f"{smooth(p):.{digits}g}"), params, exact=smooth, digits=digits)


# Closer to a kink than the rounding of Z1, a float32 relu would be on the wrong side of it.
FLOAT32_CLEARANCE = 1e-4


@family
def float32_inside(rng: Generator) -> Problem:
    """Parameters in float64, all arithmetic in float32: the cost stands still for small steps."""
    net, params = draw_net(rng, str(rng.choice(list(ACTIVATIONS))), FLOAT32_CLEARANCE)
    single = net.astype(np.float32)
    return pose(
        lambda p: float(single.cost(cast(p, np.float32), "stable")),
        params,
        exact=net.cost,
        user_gradient=lambda p: cast(single.backprop(cast(p, np.float32)), float),
        rounding=net.rounding(params, np.float32),
        activation=net.activation,
    )


@family
def float32_layer(rng: Generator) -> Problem:
    """Only the hidden layer in float32: staircase along W1, smooth and a little wrong along W2."""
    net, params = draw_net(rng, str(rng.choice(list(ACTIVATIONS))), FLOAT32_CLEARANCE)
    return pose(
        lambda p: net.cost(p, "stable", np.float32),
        params,
        exact=net.cost,
        user_gradient=lambda p: net.backprop(p, np.float32),
        rounding=net.rounding(params, np.float32),
        activation=net.activation,
    )


@family
def float32_throughout(rng: Generator) -> Problem:
    """Parameters, cost and gradient in float32: even a right gradient has seven digits."""
    net, params = draw_net(rng, str(rng.choice(list(ACTIVATIONS))), FLOAT32_CLEARANCE)
    params = cast(params, np.float32)
    single = net.astype(np.float32)
    return pose(
        lambda p: single.cost(p, "stable"),
        params,
        exact=net.cost,
        user_gradient=single.backprop,
        rounding=net.rounding(params, np.float32),
        activation=net.activation,
    )


def pose_solver(
    cost: Cost,
    params: Params,
    exact: Cost,
    user_gradient: Callable[[Params], Params],
    **condition: Any,
) -> Problem:
    """`Problem` with the error that the unfinished solver leaves, as `gap` and as `rounding`.

    It is that of the user's gradient or of the derivative of the cost as computed, whichever is
    larger. Other right gradients are given twice the largest in the block.
    """
    truth, computed = complex_step(exact, params), complex_step(cost, params)
    gap, rounding = 0.0, {}
    for name, right in user_gradient(params).items():
        error = max(np.max(np.abs(g - truth[name])) for g in (right, computed[name]))
        gap = max(gap, float(error / np.max(np.abs(truth[name]))))
        rounding[name] = np.full_like(truth[name], 2 * error)
    condition = {**condition, "gap": gap}
    return Problem(
        cost, params, truth, condition, exact, user_gradient, rounding, computed=computed
    )


@family
def newton_solver(rng: Generator) -> Problem:
    """Newton for a root of ``z + a z^3 = s``, stopped by its step: jumps of 1e-12 or less."""
    n, m = (int(size) for size in rng.integers(1, 7, 2))
    params = {"w": signed(rng, n), "b": signed(rng, 1)}
    X, Y, a = rng.normal(size=(m, n)), rng.normal(size=m), rng.uniform(0.2, 2)
    tolerance = float(rng.choice([1e-6, 1e-8]))

    def root(s: Array, tolerance: float) -> Array:
        z = np.zeros_like(s)
        for _ in range(100):
            step = (z + a * z**3 - s) / (1 + 3 * a * z**2)
            z = z - step
            if np.max(np.abs(step)) < tolerance:
                break
        return z

    def cost(p: Params, tolerance: float = tolerance) -> Any:
        return np.mean((root(X @ p["w"] + p["b"], tolerance) - Y) ** 2)

    def implicit(p: Params) -> Params:
        z = root(X @ p["w"] + p["b"], tolerance)
        ds = 2 * (z - Y) / m / (1 + 3 * a * z**2)
        return {"w": X.T @ ds, "b": np.sum(ds, keepdims=True)}

    # No step is below 0, so all hundred are taken.
    return pose_solver(cost, params, lambda p: cost(p, 0.0), implicit, tolerance=tolerance)


@family
def fixed_point_solver(rng: Generator) -> Problem:
    """``z = tanh(W z + b)`` iterated until it moves by less than 1e-6 or 1e-8: jumps that large."""
    k = int(rng.integers(1, 5))
    W = signed(rng, (k, k))
    params = {"W": rng.uniform(0.1, 0.5) * W / np.linalg.norm(W, 2), "b": signed(rng, k)}
    Y, tolerance = rng.normal(size=k), float(rng.choice([1e-6, 1e-8]))

    def fixed_point(p: Params, tolerance: float) -> Array:
        z = np.zeros_like(p["b"])
        for _ in range(100):
            previous, z = z, np.tanh(p["W"] @ z + p["b"])
            if np.max(np.abs(z - previous)) < tolerance:
                break
        return z

    def cost(p: Params, tolerance: float = tolerance) -> Any:
        return np.mean((fixed_point(p, tolerance) - Y) ** 2)

    def implicit(p: Params) -> Params:
        z = fixed_point(p, tolerance)
        slope = 1 - z**2
        adjoint = np.linalg.solve(np.eye(k) - (slope[:, None] * p["W"]).T, 2 * (z - Y) / k)
        return {"W": np.outer(slope * adjoint, z), "b": slope * adjoint}

    return pose_solver(cost, params, lambda p: cost(p, 0.0), implicit, tolerance=tolerance)


@family
def fixed_count_solver(rng: Generator) -> Problem:
    """Ridge weights found by a fixed number of descent steps: smooth, so no noise betrays it.

    The truth is the derivative of the cost as computed. The implicit gradient, which takes the
    weights for optimal, is wrong by what the iteration leaves, as by any other small mistake.
    """
    k = int(rng.integers(1, 6))
    m = 4 * k
    params = {"log_ridge": rng.uniform(-0.5, 1, k)}
    X, X_held, y, y_held = (rng.normal(size=shape) for shape in [(m, k), (m, k), m, m])
    curvature = np.linalg.eigvalsh(X.T @ X / m + np.diag(np.exp(params["log_ridge"])))
    rate = 2 / (curvature[0] + curvature[-1])
    # A fresh direction shrinks by this factor, so that 1e-9 to 1e-3 of the weights is missing.
    factor = max(0.1, 1 - rate * curvature[0])
    iterations = int(np.ceil(np.log(log_uniform(rng, -9, -3)) / np.log(factor)))

    def weights(p: Params) -> Array:
        z = np.zeros_like(p["log_ridge"])
        for _ in range(iterations):
            z = z - rate * (X.T @ (X @ z - y) / m + np.exp(p["log_ridge"]) * z)
        return z

    def cost(p: Params) -> Any:
        return np.mean((X_held @ weights(p) - y_held) ** 2)

    return pose(cost, params, iterations=iterations)


def conjugate_gradient(A: Array, b: Array, tolerance: float = 1e-6) -> Array:
    z, residual, direction = np.zeros_like(b), b, b
    while np.linalg.norm(residual) > tolerance * np.linalg.norm(b):
        squared, image = residual @ residual, A @ direction
        length = squared / (direction @ image)
        z, residual = z + length * direction, residual - length * image
        direction = residual + (residual @ residual) / squared * direction
    return z


def solve(A: Array, b: Array) -> Array:
    """Solution for a positive definite `A`, which needs no pivoting, in any arithmetic."""
    rows = np.column_stack([A, b])
    for k in range(len(rows)):
        rows[k] = rows[k] / rows[k, k]
        others = np.arange(len(rows)) != k
        rows[others] -= np.outer(rows[others, k], rows[k])
    return rows[:, -1]


@family
def conjugate_gradient_solver(rng: Generator) -> Problem:
    """Conjugate gradients stopped at a residual of 1e-6: an error that wanders with the point."""
    # Many more unknowns than steps to 1e-6, or the method would end with the exact solution.
    n, k = int(rng.integers(24, 41)), int(rng.integers(1, 9))
    params = {"load": signed(rng, 3), "log_stiffness": rng.uniform(-2, 2, k)}
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    base = (Q * np.linspace(1, rng.uniform(5, 50), n)) @ Q.T
    B, F, c = rng.normal(size=(n, k)), rng.normal(size=(n, 3)), signed(rng, n)

    def matrix(p: Params) -> Array:
        return base + (B * np.exp(p["log_stiffness"])) @ B.T

    def implicit(p: Params) -> Params:
        z, adjoint = (conjugate_gradient(matrix(p), b) for b in (F @ p["load"], c))
        stiffness = np.exp(p["log_stiffness"])
        return {"load": F.T @ adjoint, "log_stiffness": -stiffness * (B.T @ adjoint) * (B.T @ z)}

    return pose_solver(
        lambda p: c @ conjugate_gradient(matrix(p), F @ p["load"]),
        params,
        lambda p: c @ solve(matrix(p), F @ p["load"]),
        implicit,
    )


DISTANCES = (0.0, 1e-14, 1e-12, 1e-11, *(10.0**e for e in range(-10, 0)))


def draw_corner(rng: Generator, params: Params, distance: float) -> tuple[str, tuple, float]:
    """Block and index of an entry, and the number that lies `distance` below it."""
    name = str(rng.choice(list(params)))
    block = params[name]
    index = np.unravel_index(rng.integers(block.size), block.shape)
    return name, index, float(block[index] - distance)


def pose_kink(
    cost: Cost,
    params: Params,
    *,
    convention: Callable[[Array, Array], Array],
    exact: Cost | None = None,
    user_gradient: Callable[[Params], Params] | None = None,
    **condition: Any,
) -> Problem:
    """`Problem` whose gradient is a `convention` of the derivatives from the left and right."""
    exact = exact or cost
    left, right = (complex_step(exact, params, step) for step in (-STEP, STEP))
    sides = {name: (left[name], right[name]) for name in params}
    gradient = {name: np.asarray(convention(*pair)) for name, pair in sides.items()}
    smooth = all(np.array_equal(*pair) for pair in sides.values())
    subgradients = None if smooth else sides
    return Problem(cost, params, gradient, condition, exact, user_gradient, None, subgradients)


def pose_bend(
    rng: Generator,
    bend: Callable[[Any], Any],
    exact_bend: Callable[[Any], Any],
    convention: Callable[[Array, Array], Array],
) -> Problem:
    """`Problem` of a smooth cost plus a multiple of ``bend(x - c)`` for one entry x."""
    params = draw_params(rng)
    smooth, a = mixture(rng, params), float(signed(rng, ()))
    distance = float(rng.choice(DISTANCES))
    name, index, corner = draw_corner(rng, params, distance * rng.choice([-1, 1]))
    return pose_kink(
        lambda p: smooth(p) + a * bend(p[name][index] - corner),
        params,
        exact=lambda p: smooth(p) + a * exact_bend(p[name][index] - corner),
        convention=convention,
        distance=distance,
        entry=(name, tuple(int(i) for i in index)),
    )


@family
def relu_kink(rng: Generator) -> Problem:
    """One entry at, or 1e-14 to 1e-1 beside, the corner of a relu."""

    def relu(z: Any) -> Any:
        return np.maximum(z, 0)

    return pose_bend(rng, relu, relu, convention=lambda left, right: left)


@family
def abs_kink(rng: Generator) -> Problem:
    """One entry at, or 1e-14 to 1e-1 beside, the corner of an absolute value."""
    return pose_bend(
        rng,
        np.abs,
        exact_bend=lambda z: np.maximum(z, -z),
        convention=lambda left, right: left + (right - left) / 2,
    )


@family
def max_of_linear(rng: Generator) -> Problem:
    """Largest of several planes, two of them equal or 1e-14 to 1e-1 apart: kinks in all entries."""
    n, pieces = int(rng.integers(1, 7)), int(rng.integers(2, 6))
    # Eighths, so that products and sums are exact and a tie is a tie.
    params = {"x": rng.integers(-16, 17, n) / 8}
    slopes = rng.integers(-16, 17, (pieces, n)) / 8
    distance = float(rng.choice(DISTANCES))
    depths = np.array([0.0, distance, *rng.uniform(0.2, 1, pieces - 2)])
    levels = -rng.permutation(depths) - slopes @ params["x"]
    # As np.argmax, the usual code follows the first of equal planes.
    chosen = slopes[np.argmax(slopes @ params["x"] + levels)]
    return pose_kink(
        lambda p: np.max(slopes @ p["x"] + levels),
        params,
        convention=lambda left, right: chosen.copy(),
        distance=distance,
    )


@family
def jump(rng: Generator) -> Problem:
    """Cost in two pieces with a jump 1e-6 to 1e-1 away; the gradient is that of the piece."""
    params = draw_params(rng)
    smooth, height = mixture(rng, params), signed(rng, ()) * log_uniform(rng, -3, 1)
    distance = log_uniform(rng, -6, -1)
    name, index, threshold = draw_corner(rng, params, distance * rng.choice([-1, 1]))
    return pose(
        lambda p: smooth(p) + np.where(p[name][index] > threshold, height, 0),
        params,
        distance=distance,
        height=float(height),
    )


def pose_edges(rng: Generator, edge: Callable[[Array], Array]) -> Problem:
    """Each entry at its own distance of 1e-8..1e-1 from the edge of its domain."""
    params = draw_params(rng)
    x = flat(params)
    corners, a = x - log_uniform(rng, -8, -1, x.size), signed(rng, x.size)
    smooth = mixture(rng, params)
    return pose(
        lambda p: smooth(p) + np.sum(a * edge(flat(p) - corners)),
        params,
        distance=float(np.min(x - corners)),
    )


@family
def log_edge(rng: Generator) -> Problem:
    """Logarithms 1e-8 to 1e-1 from their edge: a step may leave the domain."""
    return pose_edges(rng, np.log)


@family
def sqrt_edge(rng: Generator) -> Problem:
    """Square roots 1e-8 to 1e-1 from their edge, where all derivatives grow without bound."""
    return pose_edges(rng, np.sqrt)


@family
def edge_at_point(rng: Generator) -> Problem:
    """One entry on the edge of its domain, or so near that no step is short enough."""
    params = draw_params(rng)
    smooth, a = mixture(rng, params), float(signed(rng, ()))
    kind = str(rng.choice(["sqrt", "log", "power"]))
    distance = 0.0 if kind == "power" else log_uniform(rng, -14, -9)
    edge = {"sqrt": np.sqrt, "log": np.log, "power": lambda d: d**1.5}[kind]
    name, index, corner = draw_corner(rng, params, distance)
    return pose(
        lambda p: smooth(p) + a * edge(p[name][index] - corner),
        params,
        kind=kind,
        distance=distance,
        entry=(name, tuple(int(i) for i in index)),
    )


def pose_forbidden(rng: Generator, refuse: Callable[[], float]) -> Problem:
    """`Problem` of a smooth cost, refused below a limit at, or up to 1e-1 below, one entry."""
    params = draw_params(rng)
    smooth = mixture(rng, params)
    distance = float(rng.choice(DISTANCES))
    name, index, limit = draw_corner(rng, params, distance)
    return pose(
        lambda p: refuse() if p[name][index] < limit else smooth(p),
        params,
        exact=smooth,
        distance=distance,
        entry=(name, tuple(int(i) for i in index)),
    )


@family
def raises_outside(rng: Generator) -> Problem:
    """ValueError below a limit, which may be the point itself."""

    def refuse() -> float:
        raise ValueError("below the limit")

    return pose_forbidden(rng, refuse)


@family
def inf_outside(rng: Generator) -> Problem:
    """Infinity below a limit, which may be the point itself."""
    return pose_forbidden(rng, lambda: np.inf)


@family
def own_scales(rng: Generator) -> Problem:
    """``s sin(x / s)`` with `s` from 1e-8 to 1e8: what the small ones do is near the noise."""
    n = int(rng.integers(2, 13))
    scale = log_uniform(rng, -8, 8, n)
    params = {"x": scale * rng.normal(size=n)}
    return pose(lambda p: np.sum(scale * np.sin(p["x"] / scale)), params)


# An entry, or block, this small beside the largest may be beyond what its cost can show.
VISIBLE = 1e-3

Corruption = Callable[[Generator, Params], Params | None]


def visible(block: Array, largest: float) -> Array:
    """Flat indices of the entries that count, given the largest magnitude around them."""
    magnitudes = np.abs(block.ravel())
    return np.flatnonzero((magnitudes > 0) & (magnitudes >= VISIBLE * largest))


def typical(block: Array) -> int:
    """Flat index of the entry of median magnitude among those that count."""
    entries = visible(block, np.max(np.abs(block)))
    order = np.argsort(np.abs(block.ravel()[entries]), kind="stable")
    return int(entries[order[len(order) // 2]])


def corrupt(change: Callable[[Generator, Array], Array]) -> Corruption:
    """Corruption by `change` of one block, drawn from those that count and that it can change."""

    def corrupted(rng: Generator, gradient: Params) -> Params | None:
        largest = max(np.max(np.abs(block)) for block in gradient.values())
        names = [name for name, block in gradient.items() if visible(block, largest).size]
        for chosen in rng.permutation(names):
            wrong = np.asarray(change(rng, gradient[chosen]), gradient[chosen].dtype)
            if not np.array_equal(wrong, gradient[chosen]):
                return {n: wrong if n == chosen else g.copy() for n, g in gradient.items()}
        return None

    return corrupted


def block_times(factor: float) -> Corruption:
    return corrupt(lambda rng, block: block * np.float64(factor))


def entry_times(factor: float) -> Corruption:
    """Corruption of the one entry of typical size."""

    def change(rng: Generator, block: Array) -> Array:
        wrong = block.astype(float)
        wrong.flat[typical(block)] *= factor
        return wrong

    return corrupt(change)


def rolled(rng: Generator, block: Array) -> Array:
    """Shift the entries by one place, if that makes a difference."""
    wrong = np.roll(block, 1)
    difference = np.max(np.abs(wrong - block))
    return wrong if difference > VISIBLE * np.max(np.abs(block)) else block


def swapped(rng: Generator, block: Array) -> Array:
    """Exchange the typical entry with another that differs from it, if there is one."""
    values = block.flatten()
    first = typical(block)
    differences = np.abs(values - values[first])
    others = np.flatnonzero(differences > VISIBLE * np.max(np.abs(values)))
    if others.size:
        second = rng.choice(others)
        values[[first, second]] = values[[second, first]]
    return values.reshape(block.shape)


def shifted(rng: Generator, block: Array) -> Array:
    return block + 1e-3 * np.abs(block.ravel()[typical(block)]).astype(float)


corruptions: dict[str, Corruption] = {
    "block off by 1e-6": block_times(1 + 1e-6),
    "block off by 1e-5": block_times(1 + 1e-5),
    "block doubled": block_times(2),
    "block negated": block_times(-1),
    "block zero": block_times(0),
    "block rolled by one": corrupt(rolled),
    "block shifted": corrupt(shifted),
    "entry off by 1e-5": entry_times(1 + 1e-5),
    "entry off by 1e-4": entry_times(1 + 1e-4),
    "entry off by 1e-3": entry_times(1 + 1e-3),
    "entry negated": entry_times(-1),
    "entry zero": entry_times(0),
    "entries swapped": corrupt(swapped),
}
