"""The command line, called in this process: what it prints, and its exit codes."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mutants import MUTANTS

import backprop
import gradcheck
from gradcheck import cli
from gradcheck.cli import main, verification

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Three drawn networks, and for the real data four examples that are soon fitted."""
    rng = np.random.default_rng(3)
    data = rng.normal(size=(3, 4)), rng.choice([0.25, 0.75], (1, 4))
    monkeypatch.setattr(cli, "DRAWN", 3)
    monkeypatch.setattr(verification, "ITERATIONS", (0, 5))
    monkeypatch.setattr(verification, "breast_cancer", lambda: data)


@pytest.fixture
def no_data(monkeypatch):
    """What importing an extra that is not installed does."""

    def missing():
        raise ImportError("No module named 'sklearn'")

    monkeypatch.setattr(verification, "breast_cancer", missing)


@pytest.fixture
def broken(monkeypatch):
    """Puts a mutant of `backprop` in the place of the right one."""

    def put(name):
        for function in ("backward", "gradients"):
            monkeypatch.setattr(backprop, function, getattr(MUTANTS[name].module, function))

    return put


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_right_equations_pass_one_by_one(capsys):
    assert main([]) == 0

    printed = capsys.readouterr()
    head, *rows, closing = printed.out.splitlines()
    assert re.split("  +", head) == [
        "equation",
        "entries",
        "not resolved",
        "relative error",
        "verdict",
    ]
    assert [row.split("  ")[0] for row in rows] == list(backprop.EQUATIONS.values())
    assert [row.split()[-1] for row in rows] == 6 * ["PASS"]
    assert re.fullmatch(
        r"PASS: the six equations, checked at 6 points; "
        r"training converged after \d+ iterations at accuracy 1\.0000",
        closing,
    )
    assert max(map(len, printed.out.splitlines())) <= 110


def test_progress_goes_to_stderr(capsys):
    main(["--verbose"])

    drawn, *trained = capsys.readouterr().err.splitlines()
    assert drawn == "drawn networks: 3, PASS"
    assert trained[0] == "breast cancer, iteration 0: accuracy 0.5000, PASS"
    assert trained[1].startswith("breast cancer, iteration 5: ")
    assert re.fullmatch(r"breast cancer, iteration \d+: accuracy 1\.0000, PASS", trained[2])
    assert len(trained) == 3


def test_without_a_terminal_no_progress_is_shown(capsys):
    main([])

    assert capsys.readouterr().err == ""


def test_terminal_sees_what_is_going_on_in_one_place(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())

    assert main([]) == 0

    shown = sys.stderr.getvalue()
    assert "\r\033[Kdrawn networks 2/3: " in shown
    assert "\r\033[Ktraining 5 tanh units" in shown
    assert shown.count("\n") == 4


def test_quiet_prints_the_verdict_alone(capsys):
    assert main(["--quiet"]) == 0

    printed = capsys.readouterr()
    assert printed.err == ""
    (line,) = printed.out.splitlines()
    assert line.startswith("PASS: the six equations, checked at 6 points")


def test_same_seed_gives_the_same_results_and_another_one_others(tmp_path):
    def results(seed):
        path = tmp_path / "results.json"
        assert main(["--quiet", "--seed", seed, "--json", str(path)]) == 0
        return json.loads(path.read_text())

    first, again, other = results("1"), results("1"), results("2")

    assert first == again
    assert first["stages"][0] != other["stages"][0]
    assert first["iterations"] != other["iterations"]


@pytest.mark.parametrize("activation", backprop.ACTIVATIONS)
def test_each_activation_can_be_verified(activation, monkeypatch, capsys):
    monkeypatch.setattr(cli, "DRAWN", 1)

    assert main(["--activation", activation, "--hidden", "2"]) == 0

    assert capsys.readouterr().out.count("PASS") == 7


def test_json_holds_everything(tmp_path, capsys):
    path = tmp_path / "results.json"

    assert main(["--json", str(path)]) == 0

    data = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert list(data) == [
        "schema",
        "verdict",
        "wrong",
        "equation",
        "accuracy",
        "iterations",
        "converged",
        "stages",
    ]
    assert data["wrong"] == []
    assert (data["schema"], data["verdict"], data["accuracy"]) == (1, "PASS", 1.0)
    assert data["converged"] is True
    assert f"after {data['iterations']} iterations" in capsys.readouterr().out
    assert [stage["name"] for stage in data["stages"][3:]] == [
        "iteration 0",
        "iteration 5",
        f"iteration {data['iterations']}",
    ]
    for stage in data["stages"]:
        assert list(stage) == ["name", "verdict", "accuracy", "reports", "judged"]
        blocks = [set(report["blocks"]) for report in stage["reports"]]
        assert blocks == [{"W1", "b1", "W2", "b2"}, {"Z2", "b2"}, {"Z1", "b2"}]
        assert {report["verdict"] for report in stage["reports"]} == {"PASS"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("dZ2: sign", "dZ2, which dW2, db2, dZ1, dW1, db1 inherit"),
        ("dW2: mean forgotten", "dW2"),
        ("db2: mean forgotten", "db2"),
        ("dZ1: derivative at A1", "dZ1, which dW1, db1 inherit"),
        ("dW1: sign", "dW1"),
        ("db1: not summed", "db1"),
    ],
)
def test_broken_equation_is_named(name, wrong, broken, capsys):
    broken(name)

    assert main(["--activation", "softplus"]) == 1

    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == f"FAIL: wrong in {wrong}"
    failed = [line for line in printed.splitlines() if line.endswith("  FAIL")]
    assert [line.split(" = ")[0] for line in failed] == re.findall(r"d\w\d", wrong)


def test_broken_equation_is_explained_at_the_network_that_shows_it(broken, capsys):
    broken("db1: keepdims forgotten")

    assert main([]) == 1

    printed = capsys.readouterr()
    assert "\nat " in printed.out
    assert "FAIL[rank-1]: `db1` has shape " in printed.out
    assert "help: sum with np.sum(..., axis=1, keepdims=True)" in printed.out
    assert printed.err == ""


def test_json_without_a_file_is_all_of_stdout(capsys):
    assert main(["--json"]) == 0

    assert json.loads(capsys.readouterr().out)["verdict"] == "PASS"


def test_broken_equation_is_in_the_json_too(broken, tmp_path, capsys):
    broken("dW1: sign")
    path = tmp_path / "results.json"

    assert main(["--quiet", "--json", str(path)]) == 1

    data = json.loads(path.read_text())
    assert (data["verdict"], data["accuracy"], data["converged"]) == ("FAIL", None, None)
    assert data["stages"][-1]["reports"][0]["blocks"]["W1"]["verdict"] == "FAIL"


def test_equation_that_is_wrong_on_the_data_alone_ends_the_training(monkeypatch, capsys):
    def gradients(parameters, X, *args):
        found = MUTANTS["dW2: sign"].module.gradients(parameters, X, *args)
        return found if X.shape == (3, 4) else right(parameters, X, *args)

    right = backprop.gradients
    monkeypatch.setattr(backprop, "gradients", gradients)

    assert main(["--verbose"]) == 1

    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "FAIL: wrong in dW2"
    assert printed.err.splitlines()[-1].endswith("iteration 0: accuracy 0.5000, FAIL")


def test_network_that_refuses_its_input_is_wrong(monkeypatch, capsys):
    def forward(*args):
        raise ValueError("X has shape (1, 3)")

    monkeypatch.setattr(backprop, "forward", forward)

    assert main([]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "gradcheck: `backprop` cannot be checked: X has shape (1, 3)\n"


def test_what_could_not_be_checked_is_no_pass(monkeypatch, capsys):
    def zero(*args):
        return backprop.Backward(*(0 * derivative for derivative in backward(*args)))

    backward = backprop.backward
    monkeypatch.setattr(backprop, "cost", lambda p, *_: np.ones(p[0].shape[:-2]))
    monkeypatch.setattr(backprop, "backward", zero)
    monkeypatch.setattr(
        backprop, "gradients", lambda p, *args: backprop.Gradients(*(0 * A for A in p))
    )

    assert main([]) == 3

    printed = capsys.readouterr().out
    assert "INCONCLUSIVE: `W1`, `b1`, `W2`, `b2` could not be checked" in printed
    assert printed.splitlines()[-1].startswith("INCONCLUSIVE: the six equations")


@pytest.mark.parametrize(("word", "command"), [("explane", "explain"), ("layer", "layers")])
def test_a_command_that_is_misspelt_is_guessed(word, command, capsys):
    with pytest.raises(SystemExit):
        main([word, "model:forward"])

    assert f"; did you mean gradcheck {command}? expected " in capsys.readouterr().err


def test_a_page_is_named_as_one(tmp_path, capsys):
    assert main(["--html", str(tmp_path / "out.txt")]) == 2

    assert "--html: expected a name that ends in .html, got " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("no_data")
def test_missing_data_are_no_pass_and_it_says_what_to_install(capsys):
    assert main([]) == 3

    *_, closing, remark = capsys.readouterr().out.splitlines()
    assert closing == "INCONCLUSIVE: the six equations, checked at 3 points"
    assert remark == (
        "the real data was not checked, for scikit-learn is not installed; "
        "pip install 'gradcheck[examples]'"
    )


def test_without_threadpoolctl_it_runs_all_the_same(broken, monkeypatch, capsys):
    broken("dW1: sign")
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)

    assert main(["--quiet"]) == 1
    assert capsys.readouterr().out == "FAIL: wrong in dW1\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--seed", "-1"], "argument --seed: expected a whole number of at least 0, got '-1'"),
        (["--seed", "one"], "argument --seed: expected a whole number of at least 0, got 'one'"),
        (["--hidden", "0"], "argument --hidden: expected a whole number of at least 1, got '0'"),
        (["--hidden", "2.5"], "argument --hidden: expected a whole number of at least 1"),
        (["--hidden"], "argument --hidden: expected one argument"),
        (["--activation", "sine"], "argument --activation: invalid choice: 'sine'"),
        (["--seed"], "argument --seed: expected one argument"),
        (["--loud"], "unrecognized arguments: --loud"),
        (["W1"], "unrecognized arguments: W1"),
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_usage_errors(argv, words, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(argv)

    assert exit_.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"gradcheck: {words}")
    assert line.endswith("; try `gradcheck --help`")


@pytest.mark.parametrize("hidden", ["1000000000000", "1" + 30 * "0"])
def test_more_hidden_units_than_memory_holds_are_a_usage_error(hidden, capsys):
    with pytest.raises(SystemExit) as usage:
        main(["--hidden", hidden])

    assert usage.value.code == 2
    assert "expected a whole number of at most 10000" in capsys.readouterr().err


def test_folder_that_is_missing_is_a_usage_error_before_any_work(tmp_path, capsys):
    path = tmp_path / "missing" / "results.json"

    assert main(["--json", str(path)]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"gradcheck: --json: there is no folder {path.parent}\n"


@pytest.mark.usefixtures("no_data")
def test_file_that_cannot_be_written_is_a_usage_error(tmp_path, capsys):
    assert main(["--json", str(tmp_path)]) == 2

    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].startswith("gradcheck: --json: ")
    assert str(tmp_path) in printed.err


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_interrupt_ends_with_one_line(stderr, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stderr", stderr())
    monkeypatch.setattr(verification, "drawn", interrupted)

    assert main([]) == 130

    assert sys.stderr.getvalue().endswith("gradcheck: interrupted\n")


def test_reader_that_has_gone_ends_it_quietly(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())

    assert main(["--quiet"]) == 141


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_succeed(option, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([option])

    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert "gradcheck" in printed
    if option == "--help":
        for name in ("--seed", "--hidden", "--activation", "--quiet", "--json", "exit codes"):
            assert name in printed


def test_module_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck", "--version"], cwd=ROOT, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"gradcheck {gradcheck.__version__}\n"


def test_breast_cancer_data_are_scaled():
    pytest.importorskip("sklearn")
    X, Y = BREAST_CANCER()

    assert (X.shape, Y.shape) == ((30, 569), (1, 569))
    assert set(np.unique(Y)) == {0.0, 1.0}
    np.testing.assert_allclose(X.mean(axis=1), np.zeros(30), atol=1e-12, strict=True)
    np.testing.assert_allclose(X.std(axis=1), np.ones(30), rtol=1e-12, strict=True)


BREAST_CANCER = verification.breast_cancer
"""The real ones, before the fixture puts others in their place."""
