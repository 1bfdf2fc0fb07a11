"""Probes change nothing outside of a check, and belong to one thread and one call."""

from threading import Thread

import numpy as np
import pytest

from gradcheck import InvalidInput, InvalidType, check_gradient, probe
from gradcheck.probes import recorded, replacing


def test_outside_of_a_check_the_value_itself_comes_back():
    value = object()

    assert probe("Z", value) is value
    assert probe(5, value) is value


def test_recording_keeps_copies_in_their_order():
    Z = np.ones(3)

    def call():
        probe("Z", Z)
        probe("A", 2 * Z)
        Z[:] = 7
        return "done"

    recording = recorded(call)

    assert recording.result == "done"
    assert list(recording.values) == ["Z", "A"]
    np.testing.assert_array_equal(recording.values["Z"], np.ones(3))


def test_a_name_that_is_met_again_is_numbered():
    assert list(recorded(lambda: [probe("h", k) for k in range(3)]).values) == ["h", "h[1]", "h[2]"]


def test_replaced_value_is_a_copy_and_only_where_it_is_named():
    instead = np.zeros(2)
    with replacing({"Z": instead}):
        given = probe("Z", np.ones(2))
        given += 5
        assert probe("A", 3.0) == 3.0
    np.testing.assert_array_equal(instead, 0)
    assert probe("Z", 1.0) == 1.0


def test_an_exception_leaves_no_recording_behind():
    with pytest.raises(ZeroDivisionError):
        recorded(lambda: 1 / 0)

    value = np.ones(1)
    assert probe("Z", value) is value


def test_another_thread_sees_its_own_values():
    seen = []
    with replacing({"Z": np.zeros(1)}):
        thread = Thread(target=lambda: seen.append(probe("Z", 1.0)))
        thread.start()
        thread.join()

    assert seen == [1.0]


def test_a_check_within_a_check_has_its_own_probes():
    def cost(x):
        assert check_gradient(lambda z: np.sum(probe("z", z) ** 2), lambda z: 2 * z, x)
        z = probe("z", x**2)
        return np.sum(z)

    def backward(p):
        return {"x": 2 * p["x"], "dz": np.ones(2)}

    report = check_gradient(
        lambda p: cost(p["x"]), backward, {"x": np.array([0.4, -2.0])}, intermediates="z"
    )

    assert report.verdict == "PASS"


def test_shape_that_depends_on_other_values_is_refused():
    with replacing({"Z": np.zeros(2)}), pytest.raises(InvalidInput, match="probe `Z` has shape"):
        probe("Z", np.zeros(3))


def test_name_must_be_text():
    with replacing({}), pytest.raises(InvalidType, match="expected the name as text"):
        probe(1, 2.0)


def test_probed_whole_numbers_are_no_intermediates():
    with pytest.raises(InvalidType, match="probe `k` has dtype int64"):
        check_gradient(
            lambda p: np.sum(p["x"]) * probe("k", np.array([2], dtype=np.int64))[0],
            lambda p: {"x": np.full(2, 2.0), "k": np.ones(1)},
            {"x": np.ones(2)},
            intermediates="k",
        )
