"""``gradcheck COST GRAD``, ``layers`` and ``explain``, called in this process."""

import json
import re
import sys
import textwrap
import zipfile

import numpy as np
import pytest
from planted import only

from gradcheck import cli
from gradcheck.cli import check as cli_check
from gradcheck.cli import main
from gradcheck.cli.explain import explain, listed

MODEL = """
    import numpy as np

    def cost(W, X): return np.sum(np.tanh(W @ X))
    def grad(W, X): return (1 - np.tanh(W @ X) ** 2) @ X.T
    def named(W, X): return {"dW": grad(W, X)}
    three = 3
    def twice(W, X): return 2 * grad(W, X)
    def both(W, X): return cost(W, X), grad(W, X)
    def kinked(W): return np.sum(np.maximum(W, 0))
    def between(W): return np.full_like(W, 0.3)
    def stops(W, X): raise KeyboardInterrupt
    def leaves(W, X): raise SystemExit("bye")
    def raises(W, X): raise ValueError("of mine\\nand more")
    def forward(x, w): return x @ w, (x, w)
    def backward(dout, cache): return dout @ cache[1].T, cache[0].T @ dout
    def test_it(gradcheck): gradcheck(lambda x: x @ x, lambda x: 2 * x, np.array([1.0, 2.0]))
    def test_other(tmp_path): pass
"""

SPEC = "W: n m; X: m k"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module of the user's and arrays."""
    before, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_check, "EXAMPLES", 8)
    (tmp_path / "mine.py").write_text(textwrap.dedent(MODEL))
    W, X = np.array([[0.5, -0.25]]), np.array([[1.0], [0.75]])
    np.savez("data.npz", W=W, X=X)
    np.savez("zero.npz", W=0 * W)
    np.savez("whole.npz", W=np.array([[1, 2]]), X=X)
    np.savez("empty.npz")
    np.savez("unnamed.npz", W, X)
    np.savez("more.npz", W=W, X=X, V=X)
    np.savez("text.npz", W=np.array(["a"]))
    with zipfile.ZipFile("zip.npz", "w") as file:
        file.writestr("a.txt", "no array")
    np.savez("objects.npz", W=np.array([None]))
    np.save("one.npy", W)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.fixture
def run(folder, capsys):
    """Runs the command line; gives the exit code, stdout and stderr."""

    def call(*argv):
        try:
            code = main(list(argv))
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return call


def test_cost_and_gradient_are_checked_at_drawn_data(run):
    code, out, err = run("mine:cost", "mine:grad", "--shapes", SPEC)

    assert (code, err) == (0, "")
    first, checked, *_, resolution = out.splitlines()
    assert first == "PASS: the gradient agrees with its numerical derivatives"
    assert checked.startswith("checked: ")
    assert " of W in 8 examples, by " in checked
    assert resolution.startswith("resolution ")


@pytest.mark.parametrize(
    "targets",
    [
        ("mine.py:cost", "mine.py:grad"),
        ("mine.py::cost", "mine:grad"),
        ("mine:both",),
        ("mine.py::both",),
        ("mine",),
        ("mine.py",),
    ],
    ids=" ".join,
)
def test_targets_may_be_named_in_any_form(targets, run):
    assert run(*targets, "--data", "data.npz", "--quiet") == (
        0,
        "PASS: the gradient agrees with its numerical derivatives\n",
        "",
    )


def test_wrong_gradient_fails_with_the_code_of_a_small_example(run):
    code, out, _ = run("mine:cost", "mine:twice", "--shapes", SPEC)

    assert code == 1
    assert out.startswith("FAIL: ")
    assert "2 times too large" in out
    assert "from mine import cost, twice" in out
    _, _, again = out.partition("  reproduce:\n")
    with pytest.raises(AssertionError):
        exec(again.partition("\nnote: ")[0], {})


def test_point_is_reported_in_full(run):
    code, out, _ = run("mine:cost", "mine:twice", "--data", "data.npz", "--wrt", "W")

    assert code == 1
    assert "W[0, 0]: analytic " in out


def test_kink_is_inconclusive_unless_accepted(run):
    arguments = ("mine:kinked", "mine:between", "--data", "zero.npz")

    assert run(*arguments)[0] == 3
    assert run(*arguments, "--on-kink", "accept")[0] == 0
    assert run(*arguments, "--on-kink", "fail")[0] == 1


def test_test_of_the_user_is_run(run):
    code, out, _ = run("mine.py::test_it")

    assert code == 0
    assert out.startswith("PASS: ")


def test_layer_is_checked(run):
    spec = "x: n d; w: d k"
    assert run("layers", "mine:forward", "mine:backward", "--shapes", spec, "--quiet")[0] == 0
    _, out, _ = run("layers", "mine", "--shapes", spec, "--examples", "3")
    assert "evaluations of the forward step" in out
    assert run("--quiet", "layers", "mine", "--shapes", spec, "--examples", "3")[0] == 0
    assert run("--seed", "2", "layers", "mine", "--shapes", spec, "--seed=3")[0] == 0


def test_json_holds_the_outcome(run, folder):
    code, _, _ = run("mine:cost", "mine:twice", "--shapes", SPEC, "--json", "out.json")

    data = json.loads((folder / "out.json").read_text(), parse_constant=pytest.fail)
    assert code == 1
    assert (data["schema"], data["verdict"]) == (1, "FAIL")
    assert data["targets"] == ["mine:cost", "mine:twice"]
    assert data["report"]["blocks"]["W"]["verdict"] == "FAIL"
    assert "arrays = {" in data["report"]["reproduce"]


def test_seed_and_examples_decide_what_is_drawn(run, folder):
    def entries(*options):
        run("mine:cost", "mine:grad", "--shapes", SPEC, "--json", "out.json", *options)
        data = json.loads((folder / "out.json").read_text())
        return data["examples"], data["entries"], data["evaluations"]

    assert entries("--seed", "1") == entries("--seed", "1") != entries("--seed", "2")
    assert entries("--examples", "3")[0] == 3


def test_verbose_tells_of_each_example(run):
    code, out, err = run("mine:both", "--shapes", SPEC, "--examples", "3", "--verbose")

    assert code == 0
    lines = err.splitlines()
    assert lines[0].startswith("example 1: PASS, W (")
    assert len(lines) >= 3
    assert "the last of them:" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("mine:cost mine:grad", "at which data? say --shapes"),
        ("mine:cost mine:grad mine:both --data data.npz", "expected one or two targets, got 3"),
        ("mine:cost mine:grad --data data.npz --shapes W", "say one of them"),
        ("mine:cost mine:grad --data none.npz", "there is no file 'none.npz'; np.savez"),
        ("mine:cost mine:grad --data one.npy", "is no .npz file of arrays by name; np.savez"),
        ("mine:cost mine:grad --data mine.py", "is no .npz file of arrays by name"),
        ("mine:cost mine:grad --data empty.npz", "has no arrays"),
        (
            "mine:cost mine:grad --data objects.npz",
            "is no array of numbers, but of objects;",
        ),
        (
            "mine:cost mine:grad --data text.npz",
            "`W` in text.npz is no array of",
        ),
        ("mine:cost mine:grad --data zip.npz", "is no .npz file of arrays by name; np.savez"),
        ("mine:cost mine:grad --data whole.npz", "`W`: whole numbers have no small steps"),
        ("mine:cost mine:named --data whole.npz", "`W`: whole numbers have no small steps"),
        (
            "mine:cost mine:grad --data unnamed.npz",
            "arr_0, arr_1 in unnamed.npz were",
        ),
        ("mine.cost mine.grad --data data.npz", "`mine` is a module; write mine:cost"),
        ("mine:three mine:grad --data data.npz", "COST mine:three: expected a function, got an"),
        ("mine:cost mine:three --data data.npz", "GRAD mine:three: expected a function, got an"),
        ("mine:cost mine:grad --data data.npz --json - --html -", "stdout takes one of them"),
        ("mine:cost mine:grad --data data.npz --examples 3", "--examples: nothing is drawn"),
        ("mine:cost mine:grad --data data.npz --resolution 3", "a relative error between 0 and 1"),
        ("mine:cost mine:grad --data data.npz --wrt V", "expected some of the arrays"),
        ("mine:cost mine:grad --data data.npz --hidden 3", "--hidden is of the network"),
        ("mine:cost mine:grad --data data.npz --json a/b.json", "--json: there is no folder a"),
        ("mine:cots mine:grad --data data.npz", "`mine` has no `cots`; it has `cost`"),
        ("mine:cost --data data.npz", "mine:cost alone returns the pair (value, gradient)"),
        ("mine:raises mine:grad --data data.npz", "of mine, at mine.py, line 14: def raises"),
        ("mine:cost mine:raises --data data.npz", "of mine; it got W, X by name, at mine.py"),
        ("mine:leaves mine:grad --data data.npz", "SystemExit: bye, at mine.py, line 13"),
        ("mine.py::test_it --data data.npz", "--data: a test says itself what it checks"),
        ("mine.py::test_it --wrt W", "the options of a check are said in the test"),
        ("mine.py::test_other", "takes `tmp_path`, which pytest has to make"),
        ("--wrt W", "--wrt is for a gradient of your own"),
        ("--on-kink fail", "--on-kink is for a gradient of your own"),
        ("layers mine:cost --data data.npz", "expected a FORWARD and a BACKWARD"),
        ("explain sum-of-mean", "the nearest: sum-for-mean"),
    ],
)
def test_bad_input_is_one_line_on_stderr(argv, words, run):
    code, out, err = run(*argv.split())

    assert (code, out) == (2, "")
    assert err.startswith("gradcheck: ")
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_spec_is_pointed_at(run):
    code, _, err = run("mine:cost", "mine:grad", "--shapes", "W: n m in reel")

    assert code == 2
    assert err.endswith("\n    W: n m in reel\n              ^^^^\n")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("explian", "unrecognized arguments: explian; did you mean gradcheck explain?"),
        ("mine:cost mine:grad --bounds W=1", "argument --bounds: expected LOW:HIGH for 'W'"),
        ("mine:cost mine:grad --bounds 1:2", "argument --bounds: expected names and values"),
        ("mine:cost mine:grad --dimensions m=x", "argument --dimensions: expected whole numbers"),
        ("mine:cost mine:grad --examples 0", "argument --examples: expected a whole number"),
        ("mine:cost mine:grad --on-kink no", "argument --on-kink: invalid choice: 'no'"),
        ("mine:cost mine:grad -- tests", "unrecognized arguments: -- tests"),
        ("layers --data data.npz", "the following arguments are required: TARGET"),
        ("mine --quiet --verbose", "argument --verbose: not allowed with argument --quiet"),
        ("layers mine --method auto", "unrecognized arguments: --method"),
    ],
)
def test_usage_is_told_with_the_way_to_the_help(argv, words, run):
    code, out, err = run(*argv.split())

    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"gradcheck: {words}")
    assert line.endswith(("; try `gradcheck --help`", "; try `gradcheck layers --help`"))


def test_interrupt_is_130(run):
    assert run("mine:stops", "mine:grad", "--data", "data.npz") == (
        130,
        "",
        "gradcheck: interrupted\n",
    )


def test_arrays_that_nothing_takes_are_pointed_out(run):
    assert run("mine:cost", "mine:grad", "--data", "more.npz")[1].endswith(
        "\nnote: nothing takes `V`\n"
    )
    assert run("mine:cost", "mine:grad", "--shapes", f"{SPEC}; V: n; t: m in labels(3)")[
        1
    ].endswith("\nnote: nothing takes `V`, `t`\n")


@pytest.mark.parametrize(
    "argv",
    [
        "mine:cost mine:twice --data data.npz --json",
        "--json mine:cost mine:twice --data data.npz",
        "mine:cost mine:twice --json --data data.npz",
        "mine:cost mine:twice --json - --data data.npz --quiet",
        "layers --json mine:forward mine:twice --shapes x:n",
    ],
)
def test_results_without_a_file_are_all_of_stdout(argv, run):
    code, out, _ = run(*argv.split())

    if code != 2:
        assert json.loads(out)["verdict"] == "FAIL"
    assert (code, out == "") in ((1, False), (2, True))


def test_audit_without_a_file_is_all_of_stdout(run):
    with only("sign"):
        code, out, _ = run("--json", "audit", "mine:cost", "mine:grad", "--data", "data.npz")

    assert (code, json.loads(out)["caught"]) == (0, 1)


def test_page_without_a_file_is_all_of_stdout(run):
    pytest.importorskip("jinja2")
    code, out, _ = run("mine:cost", "mine:twice", "--data", "data.npz", "--html")

    assert code == 1
    assert out.lower().startswith("<!doctype html>")


def test_options_reach_the_check(run, monkeypatch):
    handed = {}
    monkeypatch.setattr(cli_check, "at_point", lambda subject, *_: handed.update(vars(subject)))

    with pytest.raises(AttributeError):  # there is no outcome to go on with
        run(
            *("mine:cost", "mine:grad", "--data", "data.npz", "--resolution", "1e-3"),
            *("--approximate", "1e-4", "--on-kink", "accept", "--method", "complex"),
            *("--dimensions", "m=3, n=4", "--bounds", "W=0:,X=:5,Y=-1:1", "--vectorized"),
            *("--wrt", "W, X", "--params", "mine:Params", "--intermediates", "Z1,Z2"),
        )

    assert handed["options"] == {
        "resolution": 1e-3,
        "approximate": 1e-4,
        "on_kink": "accept",
        "method": "complex",
        "dimensions": {"m": 3, "n": 4},
        "bounds": {"W": (0.0, None), "X": (None, 5.0), "Y": (-1.0, 1.0)},
        "vectorized": True,
        "intermediates": ("Z1", "Z2"),
    }
    assert (handed["wrt"], handed["structure"]) == (("W", "X"), "mine:Params")


def test_explanations_are_printed(run):
    assert run("explain", "sign") == (0, f"{explain('sign')}\n", "")
    assert run("explain", "sign", "noise")[1] == f"{explain('sign')}\n\n{explain('noise')}\n"
    assert run("explain") == (0, f"{listed()}\n", "")


@pytest.fixture
def few():
    with only("sign", "relative error 1e-06"):
        yield


@pytest.mark.parametrize(
    ("data", "code"), [("--data=data.npz", 2), (f"--shapes={SPEC}", 2), ("--shapes=W: n", 1)]
)
def test_a_cost_and_a_gradient_that_are_swapped_are_asked_about(data, code, run):
    swapped = ("between", "kinked") if code == 1 else ("grad", "cost")

    got, out, err = run(*(f"mine:{name}" for name in swapped), data)

    assert got == code
    assert "are they swapped? it is gradcheck COST GRAD\n" in out + err
    assert "wrt" not in err
    assert "swapped" not in "".join(run("mine:cost", "mine:twice", "--data", "data.npz")[1:])


@pytest.mark.parametrize(
    ("data", "dimensions", "said"),
    [
        ("--data=data.npz", "mm=99,m=2", "note: no array has the size mm=99 of --dimensions\n"),
        ("--shapes=W: n m; X: m 3", "mm=99,k=3,m=7", "note: no array has the size mm=99 of "),
        ("--data=data.npz", "m=2", ""),
    ],
)
def test_sizes_that_nothing_has_are_noted(data, dimensions, said, run):
    code, out, _ = run("mine:cost", "mine:named", data, "--dimensions", dimensions)

    assert code == 0
    assert said in out
    assert ("note:" in out) == bool(said)


def test_advice_names_options_in_the_place_of_keywords(run):
    _, out, _ = run("mine:kinked", "mine:between", "--shapes", "W: n in {0}")
    _, _, whole = run("mine:cost", "mine:grad", "--data", "whole.npz")
    _, _, bad = run("mine:cost", "mine:grad", "--data", "data.npz", "--resolution", "7")

    assert "leave them out with --wrt\n" in whole
    assert bad.startswith("gradcheck: --resolution: expected")
    for text in (out, whole, bad):
        assert not re.search(r"(wrt|resolution|on_kink|inconclusive)=", text)


@pytest.mark.usefixtures("few")
def test_audit_of_the_check_has_its_exit_codes(run, folder):
    arguments = ("audit", "mine:cost", "mine:grad")

    code, out, err = run(*arguments, "--shapes", SPEC, "--json", "out.json")
    assert (code, err) == (0, "")
    assert out.endswith("2 of 2 planted mistakes were caught (100.0 %)\n")
    assert json.loads((folder / "out.json").read_text())["caught"] == 2

    coarse = (*arguments, "--data", "data.npz", "--approximate", "1e-3")
    code, out, _ = run(*coarse)
    assert code == 1
    assert "\nsurvived: relative error 1e-06 (x)\n" in out or "1e-06 (dW)" in out
    assert run(*coarse, "--quiet")[1] == "1 of 2 planted mistakes were caught (50.0 %)\n"

    code, out, err = run("audit", "mine:cost", "mine:twice", "--data", "data.npz")
    assert (code, out) == (1, "FAIL without any mistake planted: nothing was audited\n")
    assert "does not pass without a mistake, see to it first: FAIL: " in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("audit", "audit what? say COST GRAD --shapes SPEC, tests, or GRAD -- pytest"),
        ("audit mine:cost mine:grad", "at which data? say --shapes"),
        ("audit mine.py::cost mine.py::grad", "at which data? say --shapes"),
        ("audit mine:cost mine:grad -- tests", "one function is replaced for pytest"),
        ("audit mine:cost mine:grad --html a.html", "its results are written by --json FILE"),
        ("audit mine:nothing -- tests", "`mine` has no `nothing`"),
    ],
)
def test_audit_that_cannot_be_is_explained(argv, words, run):
    code, out, err = run(*argv.split())

    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_completion_needs_an_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)

    code, _, err = run("--print-completion", "bash")
    assert code == 2
    assert "pip install 'gradcheck[completion]'" in err


def test_completion_knows_the_commands_and_their_options(run, monkeypatch):
    class Shtab:
        @staticmethod
        def complete(parser, shell):
            (commands,) = parser._subparsers._group_actions
            options = {
                name: sorted(made._option_string_actions) for name, made in commands.choices.items()
            }
            return json.dumps([shell, options])

    monkeypatch.setitem(sys.modules, "shtab", Shtab)

    code, out, _ = run("--print-completion", "zsh")
    shell, options = json.loads(out)
    assert (code, shell) == (0, "zsh")
    assert list(options) == [name for name in cli._COMMANDS if name]
    assert "--layers" in options["audit"]


@pytest.mark.parametrize("command", ["", "layers", "audit", "explain"])
def test_each_command_has_help_that_fits_the_screen(command, run):
    code, out, _ = run(*command.split(), "--help")

    assert code == 0
    assert out.startswith(f"usage: gradcheck {command}".rstrip())
    assert max(map(len, out.splitlines())) <= 100


def test_page_is_written_for_a_check(run, folder):
    pytest.importorskip("jinja2")
    code, _, _ = run("mine:cost", "mine:twice", "--data", "data.npz", "--html", "page.html")

    assert code == 1
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "mine:cost mine:twice" in page
    assert "2 times too large" in page


@pytest.mark.parametrize(
    ("grad", "which"), [("grad", r"last of \d+ examples"), ("twice", "simplest example that fails")]
)
def test_page_says_which_of_the_examples_it_shows(grad, which, run, folder):
    pytest.importorskip("jinja2")
    shapes = ("--shapes", "W: n k; X: k m", "--wrt", "W", "--examples", "4", "--seed", "1")

    run("mine:cost", f"mine:{grad}", *shapes, "--html", "page.html")

    page = (folder / "page.html").read_text(encoding="utf-8")
    assert re.search(rf"mine:cost mine:{grad}, the {which}", page)
