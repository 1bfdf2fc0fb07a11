"""Error of a centered difference against its step: makes docs/images/step-size.svg.

python benchmarks/step_size.py        needs matplotlib

The derivative is that of the network's cost by one weight. Its true value, which a check does not
know, is the complex step, whose error is below all that is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import backprop
from gradcheck import check_gradient
from gradcheck.differences import CONFIDENCE, FIRST, SAFETY
from gradcheck.noise import measure

IMAGE = Path(__file__).parent.parent / "docs" / "images" / "step-size.svg"

Array = Any


class Curve(NamedTuple):
    """What is drawn; arrays of one number for each step.

    Attributes
    ----------
    h : ndarray
    error : ndarray
        Of the centered difference with step `h`, against the true derivative.
    bar : ndarray
        What can be known of that error without the true derivative.
    truncation, rounding : ndarray
        The two branches: a multiple of the squared step, and the noise over the step.
    taken : tuple of float
        Step, error and bar of what the check returns.
    """

    h: Array
    error: Array
    bar: Array
    truncation: Array
    rounding: Array
    taken: tuple[float, float, float]


def curve() -> Curve:
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(3, 20)), rng.integers(0, 2, size=(1, 20)).astype(float)
    start = backprop.initialise(3, 4, rng=rng)
    weight = start.W1[0, 0]

    def f(values: Array) -> Array:
        """The cost at other values of one weight."""
        W1 = np.tile(start.W1.astype(values.dtype), (values.size, 1, 1))
        W1[:, 0, 0] = values
        return backprop.cost(start._replace(W1=W1), X, Y)

    true = f(np.array([weight + 1e-30j]))[0].imag / 1e-30
    h = 2.0 ** -np.arange(2, 43)
    difference = (f(weight + h) - f(weight - h)) / ((weight + h) - (weight - h))
    sigma = measure(lambda x: f(x[:, 0]), np.array([weight]), f(np.array([weight]))).sigma[0]
    # The next finer step of a ladder is a quarter of this one, two places on.
    change = np.abs(difference[:-2] - difference[2:])
    bar = SAFETY * (CONFIDENCE * sigma / h[:-2] + change)
    third = np.abs(difference[2] - true) / h[2] ** 2
    report = check_gradient(
        lambda p: f(p["w"])[0], {"w": np.array([true])}, {"w": np.array([weight])}
    )
    (entry,) = report.blocks["w"].worst()
    return Curve(
        h=h[:-2],
        error=np.abs(difference - true)[:-2],
        bar=bar,
        truncation=third * h[:-2] ** 2,
        rounding=sigma / h[:-2],
        taken=(2.0 ** -FIRST[0], abs(entry.numerical - true), entry.error),
    )


def draw(c: Curve) -> Any:
    """The figure; colours and marks are told apart without colour too."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.fill_between(c.h, c.bar, 1e-18, color="#4477aa", alpha=0.12, linewidth=0)
    axes.plot(c.h, c.bar, color="#4477aa", label="bar, from what can be measured")
    axes.plot(c.h, c.truncation, "--", color="#777777", linewidth=1)
    axes.plot(c.h, c.rounding, ":", color="#777777", linewidth=1.4)
    axes.plot(c.h, np.fmax(c.error, 1e-17), ".", color="#222222", label="true error")
    step, error, bar = c.taken
    axes.plot([step, step], [error, bar], color="#cc3311", linewidth=1)
    axes.plot(step, bar, "_", color="#cc3311", markersize=14, markeredgewidth=2)
    axes.plot(step, error, "D", color="#cc3311", markersize=5, label="extrapolated, with its bar")
    axes.set(xscale="log", yscale="log", xlim=(c.h[-1] / 1.5, c.h[0] * 1.5), ylim=(1e-15, 10))
    axes.set_xscale("log", base=2)
    axes.set_xlabel("step h")
    axes.set_ylabel("error of the derivative")
    axes.text(2.0**-7, 2e-9, "truncation,\nfalls as h²", color="#555555", fontsize=9)
    axes.text(2.0**-38, 1e-10, "rounding,\ngrows as 1/h", color="#555555", fontsize=9)
    axes.legend(loc="upper center", frameon=False, fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def main() -> None:
    import matplotlib as mpl

    # The same bytes for the same numbers, and letters that any browser has.
    with mpl.rc_context({"svg.hashsalt": "gradcheck", "svg.fonttype": "none"}):
        IMAGE.parent.mkdir(exist_ok=True)
        draw(curve()).savefig(IMAGE, metadata={"Date": None})


if __name__ == "__main__":
    main()
