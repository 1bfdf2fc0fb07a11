"""What a diagnosis is given is what the check measured, and a few evaluations more."""

import numpy as np
import pytest

from gradcheck import check, check_gradient
from gradcheck.diagnosis import evidence
from gradcheck.diagnosis.evidence import explain

W = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]])
Z = np.array([1 + 2j, 3 - 1j])


@pytest.fixture
def handed(monkeypatch):
    """The arguments of the last diagnosis, and how often it evaluated the cost."""
    seen = {}

    def spy(point, cost, claim, comparison, findings, names, **options):
        seen.update(point=point, layout=cost.layout, claim=claim, comparison=comparison)
        return explain(point, cost, claim, comparison, findings, names, **options)

    monkeypatch.setattr(check, "explain", spy)
    return seen


def block(seen, name):
    return next(b for b in seen["layout"].blocks if b.name == name)


def suspects(seen):
    return evidence.suspects(seen["point"].x, seen["claim"], seen["comparison"])


def test_suspects_are_blocks_in_their_own_shapes(handed):
    check_gradient(
        lambda p: np.sum(p["W"] ** 3) + np.sum(p["b"] ** 2),
        lambda p: {"W": p["W"] ** 2, "b": 2 * p["b"]},
        {"W": W, "b": W[:, :1]},
    )

    found = suspects(handed)

    assert list(found) == ["W", "b"]
    of_W, of_b = found.values()
    np.testing.assert_array_equal(of_W.claim, W**2, strict=True)
    np.testing.assert_array_equal(of_W.at, W, strict=True)
    assert (np.abs(of_W.truth - 3 * W**2) <= of_W.bar).all()
    assert of_W.wrong.all()
    assert not of_b.wrong.any()
    assert of_b.shape == (2, 1)


def test_complex_blocks_are_complex_suspects(handed):
    check_gradient(lambda z: np.sum(np.abs(z) ** 2), lambda z: z.copy(), Z)

    (suspect,) = suspects(handed).values()

    np.testing.assert_array_equal(suspect.claim, Z, strict=True)
    np.testing.assert_array_equal(suspect.at, Z, strict=True)
    assert (np.abs(suspect.truth - 2 * Z) <= suspect.bar).all()
    error = handed["comparison"].found.error[:, 0].reshape(-1, 2)
    least = np.hypot(*error.T)
    np.testing.assert_allclose(suspect.bar, least, rtol=0, atol=1e-14)
    assert (suspect.bar >= least).all()
    assert suspect.bar.dtype == float
    assert suspect.wrong.all()


def test_gradient_of_another_shape_is_a_suspect_where_its_numbers_are_recognised(handed):
    check_gradient(lambda W: np.sum(W**2) / 2, lambda W: 3 * W.T, W)

    (suspect,) = suspects(handed).values()

    np.testing.assert_array_equal(suspect.claim, 3 * W, strict=True)


def test_second_and_third_derivatives_are_measured(handed):
    check_gradient(lambda W: np.sum(np.exp(W)), lambda W: 2 * np.exp(W), W)
    places = np.array([1, 4])

    second, third = evidence._curvature(handed["point"], block(handed, "W"), places)

    # A few roundings of the cost in each value, over the smaller of both steps to the power of
    # the derivative; what the larger one leaves of the series, h^2 / 2 at most, is less.
    h = handed["point"].scale[places] * 2.0**-14
    rounding = 4 * np.finfo(float).eps * np.sum(np.exp(W))
    due = np.exp(W.ravel()[places])
    assert (np.abs(second - due) <= rounding / h**2 + 8 * h**2 * due).all()
    assert (np.abs(third - due) <= rounding / h**3 + 8 * h**2 * due).all()


@pytest.mark.parametrize(
    ("loss", "due"),
    [
        (lambda W: np.sum(np.logaddexp(0, W)), 0.3),
        (lambda W: np.sum((W - 1) ** 2 * np.arange(1, 7).reshape(2, 3)), np.nan),
        (lambda W: np.sum(W[0] * W[1]), np.nan),
    ],
    ids=["bounded slope", "quadratic by itself", "of products"],
)
def test_penalty_is_seen_where_it_outgrows_the_loss(loss, due, handed):
    check_gradient(lambda W: loss(W) + 0.15 * np.sum(W**2), np.ones_like(W), W)

    found = evidence._quadratic(handed["point"], block(handed, "W"), np.full(W.shape, np.nan))

    assert found == pytest.approx(due, rel=1e-5, nan_ok=True)


def test_a_cost_that_is_linear_in_a_block_has_no_penalty(handed):
    c = np.arange(1.0, 7.0).reshape(W.shape)
    check_gradient(lambda W: np.sum(c * W), np.ones_like(W), W)

    assert evidence._quadratic(handed["point"], block(handed, "W"), c) == pytest.approx(
        0, abs=1e-12
    )


@pytest.mark.parametrize("at", [np.array([2.0]), np.zeros(3)], ids=["one entry", "at 0"])
def test_penalty_cannot_be_seen_without_directions(at, handed):
    check_gradient(lambda x: np.sum(x**2 + x), np.zeros_like(at), at)

    assert np.isnan(evidence._quadratic(handed["point"], block(handed, "x"), 2 * at + 1))


@pytest.mark.parametrize(("center", "due"), [(0.0, 1.0), (0.5, np.nan)])
def test_least_squares_are_no_penalty_unless_they_are_least_at_0(center, due, handed):
    b = np.array([0.5, -1.0, 2.0])
    check_gradient(lambda b: np.sum((b - center) ** 2) / 2, np.zeros(3), b)

    found = evidence._quadratic(handed["point"], block(handed, "b"), b - center)

    assert found == pytest.approx(due, rel=1e-5, nan_ok=True)


def test_shape_of_which_nothing_could_be_told_costs_no_evaluations():
    def gradient(p):
        return {"W": 2 * p["W"][:, :2], "b": 2 * p["b"]}

    params = {"W": W, "b": W[:, :1]}
    report = check_gradient(lambda p: np.sum(p["W"] ** 2) + np.sum(p["b"] ** 2), gradient, params)
    alone = check_gradient(lambda b: np.sum(W**2) + np.sum(b**2), lambda b: 2 * b, params["b"])

    assert [d.kind for d in report.diagnoses] == ["wrong-shape"]
    # A failure takes one call more, which tells caches of the cost from its data.
    assert report.evaluations == alone.evaluations + 1
