"""The lecture's gradients against centered differences: what this project is for."""

import pytest
from hypothesis import event, given, settings
from networks import networks

import backprop
from gradcheck import Verdict, assert_gradient
from gradcheck.verification import verify

pytestmark = pytest.mark.gradcheck

MANY = settings(max_examples=5 * settings.default.max_examples)


@MANY
@given(networks())
def test_gradients_match_centered_differences(network):
    # A unit that is 0 for some example sits on the kink of relu: any slope between is right.
    report = assert_gradient(
        backprop.cost,
        backprop.gradients,
        network.parameters,
        args=network.arguments[1:],
        on_kink="accept",
    )

    assert report.entries == sum(block.size for block in network.parameters)
    unclear = sum(int((b.verdicts != Verdict.PASS).sum()) for b in report.blocks.values())
    event(f"entries not resolved: {'some' if unclear else 'none'}")


@given(networks())
def test_every_gradient_is_shaped_like_its_parameter_and_biases_are_columns(network):
    gradients = backprop.gradients(*network.arguments)

    for gradient, parameter in zip(gradients, network.parameters, strict=True):
        assert gradient.shape == parameter.shape
        assert gradient.ndim == 2
    assert gradients.db1.shape == (len(network.parameters.W1), 1)
    assert gradients.db2.shape == (len(network.parameters.W2), 1)


@given(networks())
def test_all_six_equations_match_centered_differences(network):
    """Also dZ2 and dZ1, which by the lecture belong to the summed loss."""
    stage = verify(
        "drawn", network.parameters, network.X, network.Y, network.activation, network.l2
    )

    for name, blocks in stage.blocks.items():
        for block in blocks:
            assert block.verdict != Verdict.FAIL, f"{name}\n{block}"
    assert stage.verdict == Verdict.PASS
