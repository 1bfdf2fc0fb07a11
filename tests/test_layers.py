"""A layer's backward step is judged by itself, in the protocol of forward, cache and backward."""

import numpy as np
import pytest

from gradcheck import GradientError, InvalidInput, Verdict, assert_vjp, check_vjp

RNG = np.random.default_rng(0)
x, w, b = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
gamma, beta = RNG.normal(size=4), RNG.normal(size=4)


def dense(x, w, b):
    return x @ w + b, (x, w)


def dense_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p


def softmax_backward(dout, p):
    return p * (dout - np.sum(dout * p, axis=1, keepdims=True))


def batch_norm(x, gamma, beta, eps=1e-5):
    mean, var = x.mean(axis=0), x.var(axis=0)
    xhat = (x - mean) / np.sqrt(var + eps)
    return gamma * xhat + beta, (xhat, gamma, np.sqrt(var + eps))


def batch_norm_backward(dout, cache):
    xhat, gamma, std = cache
    dxhat = dout * gamma
    dx = dxhat - dxhat.mean(axis=0) - xhat * np.mean(dxhat * xhat, axis=0)
    return dx / std, np.sum(dout * xhat, axis=0), dout.sum(axis=0)


def relu(x):
    return np.maximum(x, 0), x


def embedding(ids, table):
    return table[ids], (ids, table.shape)


def embedding_backward(dout, cache):
    ids, shape = cache
    dtable = np.zeros(shape)
    np.add.at(dtable, ids, dout)
    return None, dtable


RIGHT = {
    "dense": (dense, dense_backward, (x, w, b)),
    "softmax": (softmax, softmax_backward, x),
    "batch norm": (batch_norm, batch_norm_backward, (x, gamma, beta)),
    "relu": (relu, lambda dout, x: dout * (x > 0), x),
    "embedding": (embedding, embedding_backward, (np.array([0, 2, 2, 1]), w)),
    "two outputs": (
        lambda x: ({"a": x**2, "b": np.sin(x)}, x),
        lambda dout, x: dout["a"] * 2 * x + dout["b"] * np.cos(x),
        x,
    ),
    "one number": (lambda x: (float(np.sum(x**2)), x), lambda dout, x: dout * 2 * x, x),
    "by keyword": (dense, dense_backward, {"x": x, "w": w, "b": b}),
    "gradients by name": (
        dense,
        lambda dout, cache: dict(zip(("dx", "dw", "b"), dense_backward(dout, cache), strict=True)),
        (x, w, b),
    ),
    "single precision": (dense, dense_backward, tuple(a.astype(np.float32) for a in (x, w, b))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_backward_step_passes(name):
    report = check_vjp(*RIGHT[name])

    assert report.verdict == Verdict.PASS
    assert report.diagnoses == ()


@pytest.mark.parametrize("seed", range(3))
def test_cotangent_is_random_with_both_signs_and_moderate_sizes(seed):
    seen = []

    def backward(dout, cache):
        seen.append(dout.copy())
        return dense_backward(dout, cache)

    check_vjp(dense, backward, (x, w, b), seed=seed)

    assert (seen[0] > 0).any()
    assert (seen[0] < 0).any()
    assert np.abs(seen[0]).min() >= 0.5
    assert np.abs(seen[0]).max() <= 1.5


def changed(k, change):
    def backward(dout, cache):
        gradients = list(dense_backward(dout, cache))
        gradients[k] = change(gradients[k], dout)
        return tuple(gradients)

    return backward


WRONG = {
    "mean": (2, lambda db, dout: db / 5, "b", "mean-for-sum"),
    "other axis": (2, lambda db, dout: dout.sum(axis=1), "b", "summed-over-wrong-axis"),
    "not summed": (2, lambda db, dout: dout, "b", "not-summed"),
    "everything": (2, lambda db, dout: dout.sum(), "b", "summed-over-all-axes"),
    "transposed": (1, lambda dw, dout: dw.T, "w", "transposed"),
    "sign": (0, lambda dx, dout: -dx, "x", "sign"),
    "zero": (0, lambda dx, dout: 0 * dx, "x", "zero"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistake_is_named_with_its_input(name):
    k, change, block, kind = WRONG[name]

    report = check_vjp(dense, changed(k, change), (x, w, b))

    assert report.verdict == Verdict.FAIL
    assert (report.diagnoses[0].block, report.diagnoses[0].kind) == (block, kind)
    assert report.equation == f"d{block}"


@pytest.mark.parametrize(
    ("forward", "backward", "inputs"),
    [
        (softmax, lambda dout, p: p * dout, x),
        (
            batch_norm,
            lambda d, c: (d * c[1] / c[2], *batch_norm_backward(d, c)[1:]),
            (x, gamma, beta),
        ),
    ],
    ids=["softmax without its second term", "batch norm with constant mean and variance"],
)
def test_mistakes_that_vanish_with_ones_are_seen(forward, backward, inputs):
    assert check_vjp(forward, backward, inputs).verdict == Verdict.FAIL


def test_a_forgotten_derivative_hands_on_the_cotangent():
    report = check_vjp(relu, lambda dout, x: dout, x)

    assert report.diagnoses[0].kind == "activation-derivative-missing"


def codes(report):
    return {finding.code for finding in report.findings}


def test_ignored_cotangent_is_named():
    def backward(dout, cache):
        return dense_backward(np.ones_like(dout), cache)

    report = check_vjp(dense, backward, (x, w, b))

    assert [d.kind for d in report.diagnoses] == ["cotangent-ignored"]
    assert "cotangent-ignored" in codes(report)


def test_cotangent_ignored_for_one_input_is_named_with_it():
    def backward(dout, cache):
        *others, _ = dense_backward(dout, cache)
        return (*others, dense_backward(np.ones_like(dout), cache)[-1])

    report = check_vjp(dense, backward, (x, w, b))

    assert [(d.kind, d.block) for d in report.diagnoses] == [("cotangent-ignored", "b")]


def test_backward_step_must_be_linear():
    report = check_vjp(relu, lambda dout, x: np.abs(dout) * (x > 0) * np.sign(dout[0, 0]), x)

    assert report.verdict == Verdict.FAIL
    assert "not-linear" in codes(report)


def test_state_in_place_of_the_cache_is_found():
    class Layer:
        def forward(self, x, w):
            self.cache = x, w
            return x @ w, None

        def backward(self, dout, _):
            x, w = self.cache
            return dout @ w.T, x.T @ dout

    layer = Layer()

    report = check_vjp(layer.forward, layer.backward, (x, w))

    assert report.verdict == Verdict.FAIL
    assert "stale-cache" in codes(report)


def dropout(size, scale=1.0):
    """A layer that draws a mask in each call, and hands it to its backward step."""
    draw = np.random.default_rng(0)

    def forward(x):
        mask = 1 + scale * (draw.random(size) < 0.5)
        return x * mask, mask

    return forward, lambda dout, mask: dout * mask


@pytest.mark.parametrize("size", [(5, 3), (1, 2)])
def test_a_forward_step_that_draws_anew_is_all_that_is_said(size):
    report = check_vjp(*dropout(size), np.ones(size))

    (finding,) = report.findings
    assert report.verdict == Verdict.FAIL
    assert (finding.code, finding.severity) == ("nondeterministic", "error")
    assert finding.message.startswith(
        "`forward` gives another output for the same inputs: `output["
    )
    assert [d.kind for d in report.diagnoses] == ["nondeterministic"]
    assert report.entries == 0
    assert "analytic" not in str(report)


def test_of_several_outputs_the_one_that_is_drawn_is_named():
    draw = np.random.default_rng(0)

    def forward(x):
        return {"even": x + 1, "noisy": x * draw.random()}, x

    report = check_vjp(forward, lambda dout, x: dout["even"], np.ones(2))

    assert "`noisy[" in report.findings[0].message


def test_of_a_forward_step_that_scatters_by_rounding_no_cache_is_suspected():
    report = check_vjp(*dropout((5, 3), scale=1e-10), np.ones((5, 3)))

    assert codes(report) <= {"nondeterministic"}
    assert report.verdict != Verdict.FAIL


def test_a_backward_step_that_draws_is_nondeterministic_alone():
    draw = np.random.default_rng(0)

    report = check_vjp(relu, lambda dout, x: dout * (x > 0) * draw.random(x.shape), x)

    assert codes(report) == {"nondeterministic"}
    assert {d.kind for d in report.diagnoses} == {"nondeterministic"}


def test_changed_arguments_are_warned_of_and_the_inputs_stay():
    before = x.copy()

    def backward(dout, x):
        dout *= 2
        x *= 3
        return dout * (x > 0) / 2

    report = check_vjp(relu, backward, x)

    assert "mutates-input" in codes(report)
    np.testing.assert_array_equal(x, before)


def test_what_is_not_differentiated_is_said():
    report = check_vjp(embedding, embedding_backward, (np.array([0, 1]), w))

    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("not-differentiated", "warning")
    assert "`ids`" in finding.message
    lines = str(report).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("checked: 12 entries of table, not of `ids`, by ")


@pytest.mark.parametrize(
    ("forward", "backward", "inputs", "message"),
    [
        (dense, lambda d, c: (1, 2), (x, w, b), "`backward` returned 2 gradients, expected 3"),
        (dense, lambda d, c: None, (x, w, b), "`backward` returned None, expected a tuple"),
        (lambda x: x, lambda d, c: d, x, "`forward` returned an array of shape"),
        (lambda x: 1 / 0, lambda d, c: d, x, "`forward` raised ZeroDivisionError"),
        (relu, lambda d, c: 1 / 0, x, "`backward` raised ZeroDivisionError"),
        (lambda x: (x > 0, x), lambda d, c: d, x, "the output of `forward`"),
        (relu, 5, x, "`backward`: expected a callable"),
        (relu, lambda d, c: d, np.arange(3), "expected at least one array of floats"),
        (relu, lambda d, c: d, x * np.nan, "not finite"),
    ],
)
def test_bad_layers_are_refused_with_a_sentence(forward, backward, inputs, message):
    with pytest.raises(InvalidInput, match=message):
        check_vjp(forward, backward, inputs)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True])
def test_bad_seed_is_refused(seed):
    with pytest.raises(InvalidInput, match="`seed`"):
        check_vjp(relu, lambda d, x: d, x, seed=seed)


def test_assert_vjp_raises_with_the_report():
    assert assert_vjp(*RIGHT["dense"]).verdict == Verdict.PASS
    with pytest.raises(GradientError, match="has the wrong sign"):
        assert_vjp(relu, lambda dout, x: -dout * (x > 0), x)


def test_layer_that_draws_a_mask_in_each_call_is_told_that_and_nothing_of_its_cache():
    rng = np.random.default_rng(0)

    def forward(x):
        mask = (rng.random(x.shape) < 0.5) * 2.0
        return x * mask, mask

    report = check_vjp(forward, lambda dout, mask: dout * mask, np.ones((6, 5)))

    assert {f.code for f in report.findings} == {"nondeterministic"}


def test_a_transposed_gradient_that_equals_the_cotangent_is_no_missing_derivative():
    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, dout.T @ x

    report = check_vjp(forward, backward, {"x": np.array([[1.0]]), "w": np.array([[0.5, -1.0]])})

    assert [finding.code for finding in report.findings] == ["transposed"]
    assert "activation-derivative-missing" not in [diagnosis.kind for diagnosis in report.diagnoses]
