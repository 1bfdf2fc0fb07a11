"""``gradcheck audit``: mistakes planted in the user's own gradient, and the share caught.

Three ways, by what is given: a COST and a GRAD with data (the check of the command line is
run with each mistake), tests (pytest runs each that checks a gradient, with each mistake), or a
GRAD and behind ``--`` a run of pytest, which is started once for each mistake.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gradcheck import audit
from gradcheck.audit import Trial
from gradcheck.audit.mistakes import MISTAKES, Passing, Planted, Seen
from gradcheck.audit.planted import VARIABLE, order
from gradcheck.audit.tests import UNSTEADY
from gradcheck.cli import check
from gradcheck.cli.running import Outcome, Subject, processes
from gradcheck.cli.screen import Screen, complain, writable, write_json
from gradcheck.errors import InvalidInput
from gradcheck.targets import load
from gradcheck.verdict import Verdict
from gradcheck.views.audited import RED

__all__ = ["EPILOG", "add_arguments", "run"]

EPILOG = """\
  gradcheck audit COST GRAD --shapes SPEC    your check (or --data FILE.npz), with each mistake
  gradcheck audit tests/test_model.py        tests that use gradcheck: pytest --gradcheck-audit
  gradcheck audit GRAD -- pytest tests       any tests: pytest runs once for each mistake

exit codes: 0 all caught, 1 some survive or tests fail already, 2 usage, 3 nothing was audited
"""


RAN = (0, 1, 5)
"""Exit codes of a pytest that ran: all passed, some failed, there were none."""


def add_arguments(parser: argparse.ArgumentParser, whole: Any) -> None:
    """Add the options of an audit; `whole` parses a whole number within bounds."""
    check.add_arguments(parser, whole, layers=False)
    parser.add_argument(
        "--layers", action="store_true", help="the targets are a FORWARD and a BACKWARD"
    )


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Audit what the options say; gives the exit code."""
    if options.html is not None:
        raise InvalidInput("--html: an audit has no page; its results are written by --json FILE")
    writable(options.json, None)
    with screen.waiting("auditing"):
        made = _audited(options, screen)
    screen.clear()
    text = audit.text(made.trials)
    if not made.trials and not made.whole:
        text = f"FAIL without any mistake planted: {text}"
    screen.tell(text.splitlines()[-1] if options.quiet else text)
    for remark in made.remarks:
        complain(remark)
    write_json(options.json, {"schema": 1, **audit.to_dict(made.trials), "remarks": made.remarks})
    if not made.whole or not all(trial.caught for trial in made.trials):
        return 1
    return 0 if made.trials else 3


@dataclass(frozen=True)
class _Made:
    """The trials, remarks on what was not audited, and whether that should have been."""

    trials: list[Trial]
    remarks: list[str] = field(default_factory=list)
    whole: bool = True


def _audited(options: argparse.Namespace, screen: Screen) -> _Made:
    if options.tests is not None and options.targets:
        if len(options.targets) > 1:
            raise InvalidInput(
                f"one function is replaced for pytest, got {' and '.join(options.targets)}"
            )
        return _by_runs(options, screen)
    has_data = options.shapes is not None or options.data is not None
    if options.tests is not None or (all(map(_names_tests, options.targets)) and not has_data):
        given = [*options.targets, *(options.tests or [])]
        if not given and options.tests is None:
            raise InvalidInput("audit what? say COST GRAD --shapes SPEC, tests, or GRAD -- pytest")
        return _by_plugin(given)
    return _by_check(options, screen)


def _names_tests(text: str) -> bool:
    """Whether a word is a path, or the name of a test in one."""
    path, _, name = text.partition("::")
    is_test = not name or name.rpartition("::")[2].lower().startswith("test")
    return is_test and Path(path).exists()


def _by_check(options: argparse.Namespace, screen: Screen) -> _Made:
    """Run the check of the command line with each mistake."""
    subject = check.subject_of(options, is_layer=options.layers)
    seen = Seen()
    outcome = _outcome(subject, options, seen)
    if outcome.verdict != Verdict.PASS:
        told = outcome.said or check.headline(outcome.report)
        remark = f"the check does not pass without a mistake, see to it first: {told}"
        return _Made([], [remark], outcome.verdict != Verdict.FAIL)
    try_one = partial(_trial, subject, options)
    workers = options.workers or 1
    pool = processes(workers) if workers > 1 else nullcontext()
    return _Made(_planted(try_one, seen.places, pool, screen, options.verbose))


def _outcome(subject: Subject, options: argparse.Namespace, passing: Passing) -> Outcome:
    return check.tried(subject, options, lambda _: None, passing)


def _trial(subject: Subject, options: argparse.Namespace, mistake: str, block: str) -> Trial | None:
    """One mistake in one block, or None if it makes no difference."""
    planted = Planted(MISTAKES[mistake], block)
    try:
        caught = _outcome(subject, options, planted).verdict != Verdict.PASS
    except InvalidInput:
        caught = True
    return Trial(mistake, block, "", caught) if planted.changed else None


def _planted(
    try_one: Callable[[str, str], Trial | None],
    places: Sequence[tuple[str, str]],
    pool: AbstractContextManager[Executor | None],
    screen: Screen,
    verbose: bool,
) -> list[Trial]:
    """Each mistake in its place, tried one after the other or by the workers of a pool."""
    trials = []
    with pool as executor:
        each = executor.map if executor else map
        found = each(try_one, *zip(*places, strict=True)) if places else ()
        for k, trial in enumerate(found, start=1):
            name, block = places[k - 1]
            how = "no difference" if trial is None else "caught" if trial.caught else "survives"
            told = f"{k} of {len(places)}: {name}, in {block}: {how}"
            screen.progress(told, passing=not verbose)
            trials += [trial] if trial else []
    return trials


def _by_plugin(args: Sequence[str]) -> _Made:
    """Let the plugin run each test again with each mistake."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.json"
        done = _pytest([*_of_pytest(args), "--gradcheck-audit", f"--gradcheck-report={path}"])
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["audit"]
        except (OSError, ValueError, KeyError):
            found = None
    if found is None or done.returncode not in RAN:
        raise InvalidInput(f"pytest could not run: {_last_words(done)}")
    remarks = [f"not audited, for {why}: {test}" for test, why in found["passed_over"].items()]
    remarks += [f"not audited, for {RED}: {test}" for test in found["red"]]
    steady = UNSTEADY not in found["passed_over"].values()
    trials = [Trial(**trial) for trial in found["trials"]]
    whole = steady and not found["red"]
    if whole and done.returncode == 1 and all(trial.caught for trial in trials):
        remarks.append(f"tests that check no gradient fail: {_last_words(done)}")
        whole = False
    return _Made(trials, remarks, whole)


def _by_runs(options: argparse.Namespace, screen: Screen) -> _Made:
    """Start pytest once for each mistake in the named function."""
    target, args = options.targets[0], _of_pytest(options.tests)
    if not callable(load(target)):
        raise InvalidInput(f"{target} is no function")
    with tempfile.TemporaryDirectory() as folder:
        run = partial(_run_with, target, args, Path(folder))
        done, seen = run("", "")
        if done.returncode:
            said = _last_words(done)
            if done.returncode not in RAN:
                raise InvalidInput(f"pytest could not run: {said}")
            why = "tests fail without a mistake" if done.returncode == 1 else "there are no tests"
            return _Made([], [f"{why}, see to it first: {said}"], done.returncode != 1)
        if not seen["places"]:
            return _Made([], [f"no test calls {target}: there is nothing to plant a mistake in"])

        def try_one(mistake: str, block: str) -> Trial | None:
            done, seen = run(mistake, block)
            # Without notes pytest was torn down by the mistake, as it is while it collects.
            changed = seen["changed"] or (done.returncode != 0 and not seen["noted"])
            return Trial(mistake, block, "", done.returncode != 0) if changed else None

        workers = options.workers or 1
        pool = _threads(workers) if workers > 1 else nullcontext()
        return _Made(_planted(try_one, seen["places"], pool, screen, options.verbose))


@contextmanager
def _threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _run_with(
    target: str, args: Sequence[str], folder: Path, mistake: str, block: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """One run of pytest with a mistake, and what it noted of the gradient."""
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        notes = Path(file.name)
    told = {VARIABLE: order(target, notes, mistake, block)}
    done = _pytest([*args, "-x", "-p", "gradcheck.audit.planted"], told)
    lines = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    places = dict.fromkeys((m, block) for line in lines for m, block in line["places"])
    changed = any(line["changed"] for line in lines)
    return done, {"places": list(places), "changed": changed, "noted": bool(lines)}


def _of_pytest(args: Sequence[str]) -> list[str]:
    """The arguments of pytest, of a command line that may begin with its name."""
    given = list(args)
    if given[:1] in (["python"], ["python3"]) and given[1:2] == ["-m"]:
        given = given[2:]
    return given[1:] if given[:1] in (["pytest"], ["py.test"]) else given


def _pytest(
    args: Sequence[str], told: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    points = importlib.metadata.entry_points(group="pytest11")
    ours = "gradcheck" if "gradcheck" in points.names else "gradcheck.pytest_plugin"
    env = {**os.environ, **(told or {})}
    home = Path(__file__).parents[2]
    if home.name not in ("site-packages", "dist-packages"):
        env["PYTHONPATH"] = os.pathsep.join([*filter(None, [env.get("PYTHONPATH")]), str(home)])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", ours, *args],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The line of pytest's output that says most: its error, or the last one."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "FAILED", "E  "))]
    said = (errors or lines[-1:] or [f"exit code {done.returncode}"])[0]
    return said.removeprefix("E ").strip(" =")
