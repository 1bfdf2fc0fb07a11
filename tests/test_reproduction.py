"""The code that a failure prints runs as it is, and fails likewise."""

import importlib
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

import backprop
import gradcheck
from gradcheck import GradientError
from gradcheck.calls import plan
from gradcheck.strategies import given
from gradcheck.strategies.domains import Arrays
from gradcheck.strategies.reproduction import snippet

quiet = settings(max_examples=5, database=None, derandomize=True)


def power(x, k=2):
    return np.sum(x**k)


def wrong(x):
    return 3 * x


def both(x):
    return power(x), wrong(x)


def broken(*args):
    found = backprop.gradients(*args)
    return found._replace(dW1=2 * found.dW1)


class Tests:
    @quiet
    @given("x: n", cost=partial(power, k=2), grad=lambda x: 3 * x)
    def by_partial(self):
        pass

    @quiet
    @given("x: n in unit", cost=both, jac=True, resolution=1e-4)
    def by_pair(self):
        pass

    @quiet
    @given(
        "X: n0 m; Y: 1 m in {0, 1}; W1: n1 n0; b1: n1 1; W2: 1 n1; b2: 1 1; m = 4",
        cost=backprop.cost,
        grad=broken,
        params=backprop.Parameters,
        wrt=("W1", "b2"),
    )
    def by_structure(self):
        pass


@quiet
@given("x: n", cost=power, grad=wrong)
def by_name():
    pass


TESTS = {
    "names": by_name,
    "partial": partial(Tests.by_partial, Tests()),
    "pair": partial(Tests.by_pair, Tests()),
    "structure": partial(Tests.by_structure, Tests()),
}


@pytest.fixture
def here(monkeypatch):
    """This module under the name that it would have as a user's."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.mark.parametrize("name", TESTS)
def test_code_of_a_failure_fails_likewise(name, here):
    with pytest.raises(GradientError) as raised:
        TESTS[name]()
    report = raised.value.report

    with pytest.raises(GradientError) as again:
        exec(report.reproduce, {})

    assert str(raised.value).endswith(f"  reproduce:\n{report.reproduce}")
    assert again.value.report.diagnoses == report.diagnoses
    assert again.value.report.blocks.keys() == report.blocks.keys()
    assert max(map(len, report.reproduce.splitlines())) <= 100


def snippet_of(test, **options):
    arrays = Arrays({"x": np.array([1.0, -0.5])}, {"n": 2})
    callables = {"cost": power, "grad": wrong, "params": None}
    callables.update({role: options.pop(role) for role in ("cost", "grad") if role in options})
    how = plan(power, wrong, arrays)
    return snippet(arrays, how, callables, {"dimensions": arrays.sizes, **options}, test)


def test_the_whole_code():
    assert (
        snippet_of(by_name, on_kink="accept")
        == f"""import numpy as np
from gradcheck import assert_gradient
from gradcheck.calls import plan
from {__name__} import power, wrong

arrays = {{
    "x": np.array([1.0, -0.5]),
}}
bound = plan(power, wrong, arrays, wrt=('x',)).at(arrays)
assert_gradient(
    bound.cost, bound.grad, bound.params, args=bound.args,
    dimensions={{'n': 2}},
    on_kink='accept',
)"""
    )


HERE = 2.0


def scaled(by):
    def function(x):
        return by * np.sum(x)

    return function


def test_values_of_one_name_do_not_meet():
    def unknown():
        pass

    once = snippet_of(unknown, cost=scaled(2.0), grad=scaled(2.0))
    code = snippet_of(unknown, cost=scaled(2.0), grad=scaled(3.0))

    assert once.count("by = 2.0") == code.count("by = 2.0") == 1
    assert "grad = function" in once
    assert "# define `grad` first: scaled.<locals>.function" in code


def local_functions():
    def helper(x):
        return x

    def closed(x):
        return helper(np.sum(x))

    def of_module(x):
        return power(x)

    def with_default(x, scale=HERE):
        return scale

    @partial(partial)
    def decorated(x):
        return np.sum(x)

    def arrays(x):
        return np.sum(x)

    return [closed, of_module, with_default, decorated, arrays]


@pytest.mark.parametrize("k", range(5))
def test_local_function_that_needs_others_is_the_users_to_define(k):
    cost = local_functions()[k]

    def unknown():
        pass

    code = snippet_of(unknown, cost=cost)

    assert f"# define `cost` first: {getattr(cost, '__qualname__', 'partial')}" in code
    assert "return" not in code


def test_what_cannot_be_written_is_named():
    def local():
        pass

    code = snippet_of(local, cost=lambda x: 0, bounds=(np.zeros(2), None))

    assert (
        "\n# define `cost` first: test_what_cannot_be_written_is_named.<locals>.<lambda>, "
        "test_reproduction.py, line "
    ) in code
    assert "cost =" not in code
    assert "    # and bounds= as in the test" in code


def test_equal_names_do_not_meet(monkeypatch):
    def other(x):
        return 2 * x

    other.__module__, other.__qualname__ = "elsewhere", "power"
    elsewhere = ModuleType("elsewhere")
    elsewhere.power = other
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    code = snippet_of(by_name, grad=other)

    assert f"from {__name__} import power\nfrom elsewhere import power as grad\n" in code
    assert "plan(power, grad, arrays" in code


@pytest.mark.parametrize("name", ["arrays", "bound", "assert_vjp"])
def test_names_of_the_code_itself_are_not_taken(name, monkeypatch):
    def other(x):
        return np.sum(x)

    other.__qualname__ = name
    monkeypatch.setattr(sys.modules[__name__], name, other, raising=False)

    assert f"import {name} as cost, wrong" in snippet_of(by_name, cost=other)


def test_code_for_the_main_module_is_pasted_below_it(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "power", power, raising=False)
    monkeypatch.setattr(power, "__module__", "__main__")
    code = snippet_of(by_name)

    assert "# paste this below the definition of `power`" in code
    assert "import power" not in code


def test_a_long_call_is_broken():
    names = {f"a_parameter_{k}": 1.0 for k in range(6)}

    def cost(**arrays):
        return sum(arrays.values())

    how = plan(cost, lambda **arrays: dict.fromkeys(arrays, 1.0), Arrays(names, {}))
    code = snippet(Arrays(names, {}), how, {"cost": cost, "grad": wrong}, {}, by_name)

    assert max(map(len, code.splitlines())) <= 120
    assert "bound = plan(\n    cost,\n    wrong,\n    arrays,\n" in code


PROJECT = {
    "model.py": """
import numpy as np


class Model:
    def __init__(self, k=2):
        self.k = k

    def cost(self, W, X):
        return np.sum((W @ X) ** self.k)

    def grad(self, W, X):
        return {"dW": 3 * (W @ X) @ X.T}


model = Model()
""",
    "tests/test_model.py": """
from functools import partial
import os.path as paths
import numpy as np
import gradcheck
from model import Model, model

given = partial(gradcheck.given, "W: k n; X: n m")


def power(W, X, k):
    return np.sum((W @ X) ** k)


def wrong(W, X):
    return {"dW": 3 * (W @ X) @ X.T}


def make(k):
    def cost(W, X):
        return power(W, X, k)

    return cost


@given(cost=model.cost, grad=model.grad)
def test_method():
    pass


@given(cost=Model().cost, grad=Model().grad)
def test_method_of_nobody():
    pass


@given(cost=partial(power, k=2), grad=partial(wrong))
def test_partial():
    pass


@given(cost=lambda W, X: np.sum((W @ X) ** 2), grad=lambda W, X: 3 * (W @ X) @ X.T)
def test_lambda():
    pass


@given(cost=make(2), grad=wrong)
def test_closure():
    pass


class TestClass:
    @given(cost=make(2), grad=wrong)
    def test_inside(self):
        pass


def local():
    scale, weights = 1.5, np.array([[1.0]])

    def cost(W, X, factor=1.0):
        return factor * np.sum((W @ X) ** 2)

    def triple(W, X):
        return scale * 2 * (W @ X) @ X.T * len(paths.basename("/x")) * weights[0, 0]

    @given(cost=cost, grad=triple)
    def test():
        pass

    return test


test_local = local()
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a module and tests that fail, and the code that they print."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tests").mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for path in (folder, folder / "tests"):
            patch.syspath_prepend(path)
        module = importlib.import_module("test_model")
        tests = {n: t for n, t in vars(module).items() if n.startswith("test_")}
        tests["test_inside"] = partial(module.TestClass.test_inside, module.TestClass())
        codes = {}
        for name, test in tests.items():
            with pytest.raises(GradientError) as raised:
                test()
            codes[name] = raised.value.report.reproduce
        for name in ("model", "test_model"):
            del sys.modules[name]
    return folder, codes


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("test_method", "model.cost, model.grad"),
        ("test_method_of_nobody", "test_method_of_nobody.cost, test_method_of_nobody.grad"),
        ("test_partial", "test_partial.cost, test_partial.grad"),
        ("test_lambda", "test_lambda.cost, test_lambda.grad"),
        ("test_closure", "test_closure.cost, wrong"),
        ("test_inside", "TestClass.test_inside.cost, wrong"),
        ("test_local", "cost, grad"),
    ],
)
def test_the_code_runs_in_another_process_whatever_the_callables_are(name, called, project):
    folder, codes = project
    code = codes[name]
    first, second = called.split()
    assert re.search(rf"plan\(\s*{first}\s*{second},\s*arrays", code)

    where = {"PYTHONPATH": str(Path(gradcheck.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        check=False,
    )

    # What one entry means is a guess, and another one for each draw.
    assert "GradientError: FAIL: `dW`" in done.stderr
    assert "1 of 1 entry wrong: 1.5 times too large" in done.stderr
