"""Who hears of checks, and when."""

import numpy as np
import pytest

from gradcheck import GradientError, assert_gradient, check_gradient, check_hessian
from gradcheck.watch import altering, watching

X = np.array([1.0, -2.0])


class Listener:
    def __init__(self, **options):
        self.options = options
        self.heard = []

    def hear(self, report):
        self.heard.append(report)


def cost(x):
    return np.sum(x**2)


def test_report_is_heard_whether_returned_or_raised():
    listener = Listener()
    with watching(listener):
        returned = check_gradient(cost, lambda x: 2 * x, X)
        with pytest.raises(GradientError) as raised:
            assert_gradient(cost, lambda x: 3 * x, X)

    assert listener.heard == [returned, raised.value.report]


def test_check_within_a_check_is_part_of_it():
    listener = Listener()
    with watching(listener):
        report = check_hessian(cost, 2 * np.eye(2), X, grad=lambda x: 2 * x)

    assert listener.heard == [report]


def test_innermost_hears_alone_and_only_while_it_listens():
    outer, inner = Listener(), Listener()
    with watching(outer):
        with watching(inner):
            first = check_gradient(cost, lambda x: 2 * x, X)
        second = check_gradient(cost, lambda x: 2 * x, X)
    check_gradient(cost, lambda x: 2 * x, X)

    assert (outer.heard, inner.heard) == ([second], [first])


def test_options_are_defaults_of_the_checks_that_have_them():
    with watching(Listener(wrt="a", allow_inconclusive=True)):
        params = {"a": X, "b": X}
        report = check_gradient(lambda p: cost(p["a"]), lambda p: {"a": 2 * p["a"]}, params)
        all_of_them = check_gradient(
            lambda p: cost(p["a"]), lambda p: {"a": 2 * p["a"], "b": 0 * X}, params, wrt=("a", "b")
        )
        assert_gradient(lambda p: np.sum(np.abs(p["a"])), {"a": 0 * X}, {"a": 0 * X})
        check_hessian(cost, 2 * np.eye(2), X)

    assert (list(report.blocks), list(all_of_them.blocks)) == (["a"], ["a", "b"])


def test_arguments_are_changed_by_the_innermost_alone_and_only_while_it_lasts():
    seen = []

    def doubled(check, arguments):
        seen.append((check, sorted(arguments)))
        grad = arguments["grad"]
        return {**arguments, "grad": lambda x: 2 * grad(x)}

    def given_up(check, arguments):
        raise NotImplementedError

    with altering(given_up), altering(doubled):
        assert not check_gradient(cost, lambda x: 2 * x, X)
        assert check_gradient(cost, lambda x: x, X, resolution=1e-3)
        with pytest.raises(GradientError):
            assert_gradient(cost, lambda x: 2 * x, params=X, wrt="x")
    assert check_gradient(cost, lambda x: 2 * x, X)

    assert seen == [
        ("check_gradient", ["cost", "grad", "params"]),
        ("check_gradient", ["cost", "grad", "params", "resolution"]),
        ("assert_gradient", ["cost", "grad", "params", "wrt"]),
    ]


def test_options_of_a_watcher_and_changes_go_together():
    listener = Listener(resolution=1e-3)
    kept = []

    with watching(listener), altering(lambda _, arguments: kept.append(arguments) or arguments):
        report = check_gradient(cost, lambda x: 2 * x, X)

    assert listener.heard == [report]
    assert kept[0]["resolution"] == 1e-3
