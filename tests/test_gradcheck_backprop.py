"""The lecture's gradients against centered differences: what this project is for."""

import pytest
from hypothesis import event, given, settings
from networks import networks

import backprop
from gradcheck import Verdict, check_gradient
from gradcheck.cli.verification import verify

MANY = settings(max_examples=5 * settings.default.max_examples)


def at_kinks(network):
    """Whether a hidden unit is exactly 0 for some example, where relu has its kink.

    There ``relu'(0) = 0`` is one choice among many, unit by unit. Their sum over units and
    examples need not be a slope of the cost: ``relu(w) - relu(-w)`` is `w`, with slope 1.
    """
    if network.activation not in ("relu", "leaky_relu"):
        return False
    return bool((backprop.forward(network.parameters, network.X, network.g1).Z1 == 0).any())


def assert_right(block):
    """Fail unless the block passes, or saturation leaves nothing of it but rounding."""
    if block.verdict == Verdict.INCONCLUSIVE:
        event("a block that is all but 0")
        assert abs(block.analytic).max() < 1e-9
    else:
        assert block.verdict == Verdict.PASS, block.worst()


@pytest.mark.gradcheck
@MANY
@given(networks())
def test_gradients_match_centered_differences(network):
    kinks = at_kinks(network)
    event(f"at kinks: {kinks}")

    report = check_gradient(
        backprop.cost,
        backprop.gradients,
        network.parameters,
        args=network.arguments[1:],
        wrt=("W2", "b2") if kinks else None,
        vectorized=True,
    )

    assert report.entries == sum(getattr(network.parameters, name).size for name in report.blocks)
    for block in report.blocks.values():
        assert_right(block)


@given(networks())
def test_every_gradient_is_shaped_like_its_parameter_and_biases_are_columns(network):
    gradients = backprop.gradients(*network.arguments)

    for gradient, parameter in zip(gradients, network.parameters, strict=True):
        assert gradient.shape == parameter.shape
        assert gradient.ndim == 2
    assert gradients.db1.shape == (len(network.parameters.W1), 1)
    assert gradients.db2.shape == (len(network.parameters.W2), 1)


@pytest.mark.gradcheck
@given(networks())
def test_all_six_equations_match_centered_differences(network):
    """Also dZ2 and dZ1, which belong to the summed loss; by Z1 alone each kink is one of relu."""
    stage = verify(
        "drawn", network.parameters, network.X, network.Y, network.activation, network.l2
    )

    for name, blocks in stage.blocks.items():
        if name not in ("dW1", "db1") or not at_kinks(network):
            for block in blocks:
                assert_right(block)
