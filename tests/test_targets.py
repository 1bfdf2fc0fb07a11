"""What the command line names is found, imported and taken apart, or an error says why not."""

import sys
import textwrap

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gradcheck.errors import InvalidInput
from gradcheck.targets import claimed, is_test, layer, load, place_of

MODEL = """
    import math as numbra

    def cost(x): return x @ x
    def grad(x): return 2 * x
    def both(x): return cost(x), grad(x)

    class Model:
        cost = staticmethod(cost)
        gradient = staticmethod(grad)

    class Bound:
        scale = 3.0
        def cost(self, x): return self.scale * cost(x)
        def gradients(self, x): return self.scale * grad(x)
        def forward(self, x): return x, x
        def backward(self, dout, cache): return dout

    class Needy(Bound):
        def __init__(self, scale): self.scale = scale

    bound = Bound()
    number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, whose modules are forgotten afterwards."""
    before, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def model(folder):
    write(folder / "my_model.py", MODEL)
    return folder / "my_model.py"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    "text",
    [
        "my_model:Model.cost",
        "my_model::Model.cost",
        "my_model:Model::cost",
        "my_model.py:Model.cost",
        "my_model.py::Model::cost",
        "./my_model.py::Model.cost",
    ],
)
def test_object_is_found_in_a_module_or_file_of_the_current_folder(text):
    assert load(text).__name__ == "cost"


def test_file_elsewhere_finds_its_neighbours_and_is_what_others_import(folder):
    write(folder / "src" / "helper_a.py", "two = 2")
    write(folder / "src" / "main_a.py", "from helper_a import two\ndef grad(x): return two * x")

    grad = load("src/main_a.py::grad")

    assert grad(3) == 6
    import main_a

    assert main_a.grad is grad


def test_file_in_a_package_may_use_relative_imports(folder):
    write(folder / "src" / "pack_a" / "__init__.py", "")
    write(folder / "src" / "pack_a" / "base.py", "two = 2")
    write(folder / "src" / "pack_a" / "model.py", "from .base import two\ndef f(x): return two * x")

    assert load("src/pack_a/model.py::f").__module__ == "pack_a.model"
    assert load("pack_a.model:f") is load("src/pack_a/model.py::f")


@pytest.mark.parametrize("name", ["random.py", "my-model.py", "json.py"])
def test_file_that_cannot_be_imported_by_its_name_is_loaded_all_the_same(name, folder):
    write(folder / "src" / name, "def here(x): return x")

    assert load(f"src/{name}::here")(1) == 1
    assert not hasattr(sys.modules.get("random"), "here")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my_model:csot", "`my_model` has no `csot`; it has `cost`"),
        ("my_model:zzz", "`my_model` has no `zzz`; it has `Bound`, `Model`"),
        ("my_model:numbr", "`my_model` has no `numbr`; it has `number`"),
        ("my_model.cost", "`my_model` is a module; write my_model:cost"),
        ("my_model.py::Model.grd", "`my_model.py.Model` has no `grd`"),
        ("my_modle:cost", "no module `my_modle` in this folder nor installed; there is `my_model`"),
        ("nowhere:cost", "no module `nowhere` in this folder nor installed; expected MODULE:OBJ"),
        ("my_modle.py::cost", "there is no file 'my_modle.py'; there is `my_model.py`"),
        ("my_model:", "expected the name of an object after 'my_model'"),
        ("my model:cost", "expected MODULE:OBJECT or PATH.py::OBJECT"),
        ("my_model:cost()", "expected the name of an object"),
        ("", "expected MODULE:OBJECT"),
        ("broken:f", "importing 'broken' raised ZeroDivisionError: division by zero, at broken.py"),
        ("broken.py::f", "importing 'broken.py' raised ZeroDivisionError: division by zero, at"),
        ("askew.py::f", "importing 'askew.py' raised SyntaxError: "),
        ("needs:f", "importing 'needs' raised ModuleNotFoundError: No module named 'absent_x'"),
        ("leaves:f", "importing 'leaves' raised SystemExit: 3, at leaves.py, line 1"),
    ],
)
def test_target_that_cannot_be_loaded_is_explained(text, words, model):
    write(model.parent / "broken.py", "import math\n1 / 0")
    write(model.parent / "askew.py", "def f(:")
    write(model.parent / "needs.py", "import absent_x")
    write(model.parent / "leaves.py", "raise SystemExit(3)")

    with pytest.raises(InvalidInput) as error:
        load(text)

    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_place_is_the_innermost_line_of_the_user(model):
    write(model, "import json\ndef f(x):\n    return json.loads(x)")

    with pytest.raises(ValueError, match="Expecting value") as error:
        load("my_model:f")("")

    assert place_of(error.value) == "my_model.py, line 3: return json.loads(x)"
    assert place_of(ValueError()) == ""
    assert place_of(None) == ""


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("text", "value", "gradient"),
    [
        ("my_model", 5, [2, 4]),
        ("my_model:Model", 5, [2, 4]),
        ("my_model:Bound", 15, [6, 12]),
        ("my_model:bound", 15, [6, 12]),
    ],
)
def test_cost_and_gradient_are_found_in_one_object(text, value, gradient):
    cost, grad = claimed([load(text)])

    assert cost(np.array([1.0, 2.0])) == value
    assert list(grad(np.array([1.0, 2.0]))) == gradient


@pytest.mark.usefixtures("model")
def test_function_alone_returns_both():
    both = load("my_model:both")

    assert claimed([both]) == (both, None)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["my_model:number"], "got an object of type int"),
        (["my_model:Needy"], r"`Needy\(\)` raised TypeError"),
        (["my_model:cost", "my_model:number"], "GRAD: expected a function, got an object of type"),
        (["my_model", "my_model:grad"], "COST: expected a function, got the module `my_model`"),
    ],
)
def test_what_is_no_cost_with_its_gradient_is_refused(texts, words):
    with pytest.raises(InvalidInput, match=words):
        claimed([load(text) for text in texts])


@pytest.mark.usefixtures("model")
def test_layer_is_two_functions_or_one_object():
    bound = load("my_model:bound")

    assert layer([bound]) == (bound.forward, bound.backward)
    assert layer([bound.forward, bound.backward]) == (bound.forward, bound.backward)
    with pytest.raises(InvalidInput, match="expected a FORWARD and a BACKWARD, or what has both"):
        layer([load("my_model:cost")])


def test_tests_are_told_from_functions():
    def test_it():
        raise NotImplementedError

    assert is_test(test_it)
    assert is_test(hypothesis.given(st.none())(lambda x: None))
    assert not is_test(load)
    assert not is_test(3)
