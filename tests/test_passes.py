"""A forward pass is cut at its probes, and each meeting of one gets its own claim."""

import numpy as np
import pytest

from gradcheck import InvalidInput, probe
from gradcheck.check import checked
from gradcheck.comparison import Rules
from gradcheck.diagnosis.names import Names
from gradcheck.parameters import flatten
from gradcheck.passes import Pass, claimed, meetings, over
from gradcheck.probes import recorded

PARAMS = {"a": np.array([0.5, -1.5]), "b": np.array([2.0, 0.25])}


def cost(p):
    h = probe("h", p["a"] ** 2)
    for _ in range(2):
        h = probe("h", np.sin(p["b"] * h))
    y = probe("y", 3 * h)
    return np.sum(y) + np.sum(p["a"] ** 3)


def forward(function=cost):
    layout, x = flatten(PARAMS)
    recording = recorded(lambda: function(layout.build(x)))
    return Pass(function, layout, x, (), recording)


def claims(result, function=cost, names=("h", "y")):
    one = forward(function)

    def measure(name, claim):
        value = one.recording.values[name]
        rules = Rules(1e-4, 0.0, "inconclusive")
        return checked(
            one.whole(name), {name: claim}, {name: value}, rules=rules, known=Names
        ).blocks[name]

    return claimed(result, meetings(names, one.recording), one, measure)


def test_every_meeting_of_a_probe_is_found_in_its_order():
    recording = forward().recording

    assert meetings(["y", "h"], recording) == {"y": ["y"], "h": ["h", "h[1]", "h[2]"]}
    assert meetings(["h[1]", "h"], recording) == {"h[1]": ["h[1]"], "h": ["h", "h[2]"]}


def test_a_probe_in_another_thread_is_not_met():
    with pytest.raises(InvalidInput, match="it calls none in this thread"):
        meetings(["h"], recorded(lambda: 1.0))


def test_a_list_has_a_claim_for_each_meeting():
    made = claims({"dh": [1, 2], "dy": 3})

    assert made.found == {"h": 1, "h[1]": 2, "y": 3}
    assert made.names == ["h", "h[1]", "h[2]", "y"]
    assert [(f.code, f.block) for f in made.findings] == [("missing-block", "h[2]")]


def test_meetings_may_be_claimed_one_by_one():
    made = claims({"dh": 1, "h[1]": 2, "dh[2]": 3, "y": 4})

    assert made.found == {"h": 1, "h[1]": 2, "h[2]": 3, "y": 4}
    assert not made.findings


def test_one_array_belongs_to_the_meeting_whose_derivative_it_is():
    made = claims({"dh": np.array([3.0, 3.0]), "dy": np.ones(2)})

    assert list(made.found) == ["h[2]", "y"]
    assert made.labels == {"h[2]": "dh", "y": "dy"}
    assert set(made.others) == {"h", "h[1]"}


def test_equal_meetings_move_as_one():
    def twice(p):
        return np.sum(probe("h", p["a"] ** 2) * probe("h", p["a"] ** 2))

    made = claims({"dh": np.ones(2)}, twice, names=["h"])
    one = forward(twice)
    joint = Pass(twice, one.layout, one.x, (), one.recording, alike=made.alike)

    assert made.alike == {"h": ("h[1]",)}
    assert joint.whole("h")({"h": np.array([2.0, 3.0])}) == 4 + 9


def test_a_parameter_feeds_the_probes_that_it_changes_by_itself():
    one = forward()
    held = Pass(cost, one.layout, one.x, (), one.recording, cotangents=one.recording.values)

    assert held.feeds("a") == ["h"]
    assert held.feeds("b") == ["h[1]", "h[2]"]
    assert held.feeds("h[2]") == ["y"]
    assert held.moves("h")


def test_a_claim_that_is_no_number_stays_as_it_is():
    assert over("text", 2.0) == "text"
    assert over([[1], [2, 3]], 2.0) == [[1], [2, 3]]
    np.testing.assert_array_equal(over([2.0, 4.0], 2.0), [1.0, 2.0])


@pytest.mark.parametrize("claim", [[1.0, 2.0], [np.array([1.0, 2.0])]], ids=["itself", "one step"])
def test_a_list_for_one_meeting_is_its_array_or_holds_it(claim):
    np.testing.assert_array_equal(claims({"dy": claim}, names=["y"]).found["y"], [1.0, 2.0])
