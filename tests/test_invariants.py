"""What must not matter to a verdict, and what a check costs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from networks import networks

import backprop
from gradcheck import Verdict, check_gradient

SMOOTH = networks(activations=("tanh", "sigmoid", "softplus", "identity"))
MISTAKES = st.sampled_from([1.0, 1.0 + 1e-5, 2.0, -1.0, 0.0])


def check(network, mistake=1.0, scale=1.0, offset=0.0, **options):
    """The network's check, with the gradient of W2 times `mistake`."""

    def cost(parameters, *args):
        return scale * backprop.cost(parameters, *args) + offset

    def gradients(parameters, *args):
        g = backprop.gradients(parameters, *args)
        g = g._replace(dW2=mistake * g.dW2)
        return backprop.Gradients(*(scale * dA for dA in g))

    return check_gradient(
        cost,
        gradients,
        network.parameters,
        args=network.arguments[1:],
        vectorized=True,
        **options,
    )


def verdicts(report):
    return {name: block.verdict for name, block in report.blocks.items()}


@given(SMOOTH, MISTAKES, st.integers(-60, 60))
def test_powers_of_two_times_cost_and_gradient_change_no_verdict(network, mistake, exponent):
    one = check(network, mistake)
    other = check(network, mistake, scale=2.0**exponent)

    assert verdicts(one) == verdicts(other)


@given(SMOOTH, st.sampled_from([1.0, 2.0, -1.0, 0.0]), st.sampled_from([-100.0, 1.0, 1000.0]))
def test_a_constant_that_rounding_can_bear_changes_no_verdict(network, mistake, offset):
    one = check(network, mistake)
    gradient = one.blocks["W2"].analytic
    assume(np.abs(gradient).max() > 1e-3)

    assert one.blocks["W2"].verdict == check(network, mistake, offset=offset).blocks["W2"].verdict


@given(SMOOTH, MISTAKES, st.sampled_from([1e-9, 1e-6, 1e-4, 0.5]))
def test_no_resolution_turns_a_fail_into_a_pass(network, mistake, resolution):
    one, other = check(network, mistake), check(network, mistake, resolution=resolution)

    for name, verdict in verdicts(one).items():
        assert (verdict == Verdict.FAIL) == (other.blocks[name].verdict == Verdict.FAIL)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=6), st.randoms(), MISTAKES)
def test_order_of_the_entries_and_names_of_the_blocks_do_not_matter(x, random, mistake):
    x = np.round(np.array(x), 3)
    order = np.array(random.sample(range(x.size), x.size))
    weights = np.arange(1.0, x.size + 1)

    def sines(name, w):
        def grad(p):
            g = w * np.cos(p[name])
            g[np.argmax(w)] *= mistake
            return {name: g}

        return lambda p: np.sum(w * np.sin(p[name])), grad

    one = check_gradient(*sines("a", weights), {"a": x})
    other = check_gradient(*sines("beta", weights[order]), {"beta": x[order]})

    assert list(one.blocks["a"].verdicts[order]) == list(other.blocks["beta"].verdicts)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "identity"])
def test_about_six_evaluations_an_entry_and_fewer_for_larger_networks(activation):
    shares = []
    for n0, n1, n2, m in ((3, 4, 1, 12), (6, 8, 2, 20), (10, 20, 3, 30)):
        rng = np.random.default_rng(n0)
        parameters = backprop.initialise(n0, n1, n2, rng=rng)
        X, Y = rng.normal(size=(n0, m)), rng.uniform(size=(n2, m))

        report = check_gradient(
            backprop.cost,
            backprop.gradients,
            parameters,
            args=(X, Y, backprop.ACTIVATIONS[activation]),
        )

        assert report.verdict == Verdict.PASS
        shares.append(report.evaluations / report.entries)

    assert shares[0] < 6.5
    assert shares[2] < min(shares[0], 5.2)


@given(SMOOTH)
def test_hardly_an_entry_of_a_smooth_network_is_inconclusive(network):
    report = check(network)

    unclear = [v for b in report.blocks.values() for v in b.verdicts if v != Verdict.PASS]
    moves = max(np.abs(block.analytic).max() for block in report.blocks.values())
    assert not unclear or moves == 0
