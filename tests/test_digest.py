import subprocess
import sys
from functools import partial

import numpy as np

from gradcheck.strategies.digest import digest

RATE = 2.0


def helper(x):
    return RATE * x


def power(x, exponent):
    return x**exponent


class Net:
    def __init__(self, activation):
        self.activation = activation
        self.weights = np.ones(3)
        self.me = self

    def cost(self, x):
        return x.sum()


def test_it_changes_with_what_a_function_calls(monkeypatch):
    def grad(x):
        return [helper(v) for v in x]

    before = digest("x: n", grad)
    assert digest("x: n", grad) == before
    monkeypatch.setitem(globals(), "helper", lambda x: x + x)
    assert digest("x: n", grad) != before


def test_it_changes_with_what_a_function_holds():
    def made(factor):
        def grad(x, /, *, bias=0):
            return factor * x + bias

        return grad

    distinct = [made(1), made(2), made(helper), made(np.sin), partial(power, exponent=2),
                partial(power, exponent=3), Net("tanh").cost, Net("relu").cost, None]  # fmt: skip
    digests = [digest("x: n", function) for function in distinct]
    assert len(set(digests)) == len(digests)
    assert digests[1] == digest("x: n", made(2))


def test_it_ends_where_functions_call_each_other():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert digest("", even) != digest("", odd)


def test_it_is_the_same_in_another_process():
    code = (
        "from gradcheck.strategies.digest import digest\n"
        "def f(x): return x in {'a', 'b', 'c', 'd'}\n"
        "print(digest('x: n', f))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 32
