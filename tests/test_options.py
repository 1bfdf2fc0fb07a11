"""Bounds, methods, many points at once, complex parameters, and costs that jump nearby."""

import numpy as np
import pytest

from gradcheck import InvalidInput, Verdict, check_gradient

X = np.array([0.0, 0.7, 2.0])


def cost(x):
    return np.sum(x**1.5 + x)


def grad(x):
    return 1.5 * np.sqrt(x) + 1


def recording(f):
    seen = []

    def recorded(x):
        seen.append(x.copy())
        return f(x)

    return recorded, seen


def test_nothing_is_evaluated_outside_the_bounds_and_derivatives_there_are_one_sided():
    f, seen = recording(cost)
    g, seen_too = recording(grad)

    report = check_gradient(f, g, X, bounds=(0, np.array([1.0, 1.0, 2.0])), resolution=0.2)

    points = np.array(seen + seen_too)
    assert points.min() >= 0
    assert (points.max(axis=0) <= [1, 1, 2]).all()
    natures = [nature.value for nature in report.blocks["x"].natures]
    assert natures[0] == natures[2] == "edge"
    assert report.blocks["x"].verdicts[2] == Verdict.PASS


def test_a_wrong_gradient_at_a_bound_fails():
    report = check_gradient(cost, lambda x: grad(x) * [1, 1, -1], X, bounds=(0, 2))

    assert report.blocks["x"].verdicts[2] == Verdict.FAIL


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((0.5, 2), r"the point lies outside, `x\[0\]` is 0"),
        ((2, 0), "a lower bound lies above"),
        ((0, np.ones(2)), r"shape \(3,\), got shape \(2,\)"),
        ((0, np.nan), "NaN"),
        ((0, "high"), "number or an array, got 'high'"),
        (3, "pair"),
        ({"y": (0, 1)}, "no block 'y', only x"),
    ],
    ids=["outside", "crossed", "shape", "NaN", "text", "number", "name"],
)
def test_bounds_that_describe_no_box_are_refused(bounds, words):
    with pytest.raises(InvalidInput, match=words):
        check_gradient(cost, grad, X, bounds=bounds)


def test_bounds_of_several_blocks_go_by_name():
    def f(p):
        return np.sqrt(p["a"]) + p["b"] ** 2

    def g(p):
        return {"a": 0.5 / np.sqrt(p["a"]), "b": 2 * p["b"]}

    point = {"a": 1e-3, "b": 1.0}

    assert check_gradient(f, g, point, bounds={"a": (0, None)}).verdict == Verdict.PASS
    with pytest.raises(InvalidInput, match="mapping of the blocks a, b"):
        check_gradient(f, g, point, bounds=(0, 1))


ANALYTIC = {
    "exponential": (lambda x: np.exp(3 * x).sum(), lambda x: 3 * np.exp(3 * x)),
    "product": (lambda x: np.prod(x + 3), lambda x: np.prod(x + 3) / (x + 3)),
}
NOT_ANALYTIC = {
    "absolute value": (lambda x: np.abs(x - 1).sum(), lambda x: np.sign(x - 1)),
    "norm": (lambda x: np.linalg.norm(x + 1), lambda x: (x + 1) / np.linalg.norm(x + 1)),
    "conjugate": (lambda x: np.vdot(x, x).real, lambda x: 2 * x),
    "real cast": (lambda x: np.sin(x).astype(float).sum(), lambda x: np.cos(x)),
    "maximum": (lambda x: np.maximum(x, 0.1).sum() ** 2, None),
    "hidden penalty": (
        lambda x: np.exp(x).sum() + 1e-6 * np.abs(x + 1).sum(),
        lambda x: np.exp(x) + 1e-6,
    ),
}
POINT = np.array([0.3, -0.4, 2.2])


@pytest.mark.parametrize("method", ["auto", "centered", "complex"])
@pytest.mark.parametrize("name", [*ANALYTIC, *NOT_ANALYTIC])
def test_each_method_gives_right_verdicts_whether_the_cost_is_analytic_or_not(name, method):
    f, g = {**ANALYTIC, **NOT_ANALYTIC}[name]
    if g is None:

        def g(x):
            return 2 * np.maximum(x, 0.1).sum() * (x > 0.1)

    assert check_gradient(f, g, POINT, method=method).verdict == Verdict.PASS
    wrong = check_gradient(f, lambda x: g(x) * (1 + 1e-5), POINT, method=method)
    assert wrong.verdict == Verdict.FAIL


@pytest.mark.parametrize("method", ["auto", "centered", "complex"])
def test_a_part_that_the_complex_step_does_not_see_is_missed_in_the_gradient(method):
    """The derivative of abs is lost both in a naive complex step and in this gradient."""
    report = check_gradient(
        lambda x: np.exp(x).sum() + 1e-5 * np.abs(x).sum(), np.exp, POINT, method=method
    )

    assert report.verdict == Verdict.FAIL


def test_complex_method_takes_five_evaluations_an_entry():
    x = np.linspace(-1, 1, 50)

    report = check_gradient(lambda x: np.exp(x).sum(), np.exp, x, method="complex")

    assert report.verdict == Verdict.PASS
    assert report.evaluations < 5 * 50 + 40


def many(x):
    return np.sum(np.sin(x) * np.arange(1.0, x.shape[-1] + 1), axis=-1)


def many_grad(x):
    return np.cos(x) * np.arange(1.0, x.shape[-1] + 1)


def test_a_cost_of_many_points_is_called_less_often_for_the_same_verdict():
    f, seen = recording(many)
    x = np.linspace(-1, 2, 100)

    one = check_gradient(f, many_grad, x, vectorized=True)
    other = check_gradient(many, many_grad, x)

    assert one.verdict == other.verdict == Verdict.PASS
    assert len(seen) < other.evaluations / 20
    wrong = check_gradient(many, lambda x: many_grad(x) * 1.00001, x, vectorized=True)
    assert wrong.verdict == Verdict.FAIL


def test_a_cost_may_say_itself_that_it_takes_many_points():
    f, seen = recording(many)
    x = np.linspace(-1, 2, 100)

    f.vectorized = True
    assert check_gradient(f, many_grad, x).verdict == Verdict.PASS
    called = len(seen)
    assert check_gradient(f, many_grad, x, vectorized=False).verdict == Verdict.PASS

    assert called < (len(seen) - called) / 20


@pytest.mark.parametrize(
    "f",
    [lambda x: np.sum(np.sin(x)), lambda x: np.sin(x)[..., 0] + np.ndim(x)],
    ids=["one value", "other values"],
)
def test_a_cost_that_does_not_take_many_points_is_refused_as_vectorized(f):
    with pytest.raises(InvalidInput, match="vectorized=True"):
        check_gradient(f, np.cos, np.array([0.3]), vectorized=True)


Z = np.array([1.0 + 2.0j, -0.5 + 0.3j])
M = np.array([[2.0, 1.0 - 1.0j], [1.0 + 1.0j, 3.0]])


def hermitian(z):
    return np.vdot(z, M @ z).real


def test_gradient_by_complex_parameters_is_checked_in_both_parts():
    assert check_gradient(hermitian, lambda z: 2 * M @ z, Z).verdict == Verdict.PASS

    report = check_gradient(hermitian, lambda z: 2 * M @ z + [1e-5j, 0], Z)
    (block,) = report.blocks.values()
    assert [str(v) for v in block.verdicts] == ["PASS", "FAIL", "PASS", "PASS"]
    assert block.worst()[0].name == f"{block.name}[0].imag"


def test_the_conjugate_is_named():
    report = check_gradient(hermitian, lambda z: (2 * M @ z).conj(), Z)

    assert report.verdict == Verdict.FAIL
    assert [finding.code for finding in report.findings] == ["conjugated"]


def stepwise(x):
    """A smooth cost, computed to 1e-7 in stairs as an iteration that stops early does."""
    return np.sum(np.exp(x)) + 1e-7 * np.floor(np.sum(x) / 0.07)


def test_a_difference_as_small_as_the_jumps_of_the_cost_is_inconclusive():
    x = np.array([0.3, -0.2])
    slight = check_gradient(stepwise, lambda x: np.exp(x) + 1e-6, x)
    gross = check_gradient(stepwise, lambda x: np.exp(x) + 1e-4, x)

    assert slight.verdict == Verdict.INCONCLUSIVE
    assert set(slight.blocks["x"].reasons) == {"unsteady"}
    assert gross.verdict == Verdict.FAIL
    smooth = check_gradient(lambda x: np.sum(np.exp(x)), lambda x: np.exp(x) + 1e-6, x)
    assert smooth.verdict == Verdict.FAIL


@pytest.mark.parametrize("mistake", [1.0, 1.01, 2.0, -1.0, 0.0])
def test_single_precision_throughout_has_bars_to_match(mistake):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(3, 4)).astype(np.float32)
    x = rng.normal(size=(4, 2)).astype(np.float32)

    def f(W):
        return np.mean(np.tanh(W @ x) ** 2)

    def g(W):
        A = np.tanh(W @ x)
        return np.float32(mistake) * (2 * A * (1 - A**2) / A.size) @ x.T

    report = check_gradient(f, g, W)

    assert g(W).dtype == np.float32
    assert report.verdict == (Verdict.PASS if mistake == 1 else Verdict.FAIL)
