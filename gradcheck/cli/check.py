"""``gradcheck COST GRAD`` and ``gradcheck layers``: the user's own, checked without a test.

What is checked is a `checking.Subject`; here are its options, the choice between drawn data, the
user's point and a test of the user's, and how the outcome is told.
"""

from __future__ import annotations

import argparse
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.audit.mistakes import Passing
from gradcheck.cli.running import Outcome, Subject, at_point, by_test, drawn, in_processes
from gradcheck.cli.screen import EXIT, Screen, colors, writable, write_html, write_json
from gradcheck.cli.wording import in_options
from gradcheck.errors import InvalidInput
from gradcheck.report import SCHEMA, GradientReport
from gradcheck.targets import arguments, is_test
from gradcheck.text import COULD_PASS
from gradcheck.verdict import Verdict

__all__ = ["add_arguments", "headline", "read_arrays", "run", "subject_of", "tried"]

EXAMPLES = 100
"""Examples drawn, unless the user says how many: as many as Hypothesis draws for a test."""

OF_GRADIENT = ("method", "vectorized", "bounds", "intermediates")
"""Options that a layer's check has not."""


def add_arguments(parser: argparse._ActionsContainer, whole: Any, *, layers: bool) -> None:
    """Add the options of a check; `whole` parses a whole number within bounds."""
    add = parser.add_argument
    add("--shapes", metavar="SPEC", help='draw such data: "X: n0 m; W: n1 n0; b: n1 1"')
    add("--data", type=Path, metavar="FILE.npz", help="check at these arrays, by their names")
    add("--examples", type=whole(1), metavar="N", help=f"examples to draw (default: {EXAMPLES})")
    add("--scale", type=float, metavar="X", help="size of the entries drawn (default: 1)")
    add("--workers", type=whole(1, 256), metavar="N", help="processes to draw in (default: 1)")
    add("--resolution", type=float, metavar="X", help="relative error that a pass may not hide")
    add("--approximate", type=float, metavar="X", help="relative error that the gradient has")
    add(
        "--on-kink",
        choices=["inconclusive", "accept", "fail"],
        help="what a value between the slopes of a kink gets",
    )
    add("--dimensions", type=_sizes, metavar="m=12,...", help="names of sizes, for diagnoses")
    if layers:
        return
    add("--wrt", type=_names, metavar="W1,b1", help="check the gradients of these alone")
    add(
        "--params",
        metavar="TARGET",
        help="what makes the first argument from arrays by name, such as a NamedTuple",
    )
    add("--method", choices=["auto", "centered", "complex"], help="of the numerical derivatives")
    add("--bounds", type=_bounds, metavar="W=0:1,...", help="where the cost may be called")
    add("--vectorized", action="store_true", default=None, help="the cost takes many points")
    add("--intermediates", type=_names, metavar="Z1,Z2", help="probes whose gradients come too")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _items(text: str, example: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and equals and value.strip() for name, equals, value in pairs):
        raise argparse.ArgumentTypeError(f"expected names and values as {example}, got {text!r}")
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _sizes(text: str) -> dict[str, int]:
    try:
        return {name: int(value) for name, value in _items(text, "m=12,n1=4")}
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers, got {text!r}") from None


def _bounds(text: str) -> dict[str, tuple[float | None, float | None]]:
    found = {}
    for name, value in _items(text, "W=0:1,b=:5"):
        ends = value.split(":")
        try:
            low, high = (float(end) if end.strip() else None for end in ends)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected LOW:HIGH for {name!r}, one of them empty for no limit, got {value!r}"
            ) from None
        found[name] = low, high
    return found


def subject_of(options: argparse.Namespace, *, is_layer: bool = False) -> Subject:
    """What the options say is to be checked.

    Raises
    ------
    InvalidInput
        If there are more than two targets.
    """
    if len(options.targets) > 2:
        raise InvalidInput(
            f"expected one or two targets, got {len(options.targets)}: {', '.join(options.targets)}"
        )
    names = ("resolution", "approximate", "on_kink", "dimensions", *OF_GRADIENT)
    given = {name: getattr(options, name, None) for name in names}
    return Subject(
        tuple(options.targets),
        is_layer,
        getattr(options, "wrt", None),
        getattr(options, "params", None) or "",
        {name: value for name, value in given.items() if value is not None},
    )


def run(options: argparse.Namespace, screen: Screen, *, is_layer: bool = False) -> int:
    """Check what the options say; gives the exit code."""
    writable(options.json, options.html)
    subject = subject_of(options, is_layer=is_layer)
    with screen.waiting("checking"):
        outcome = tried(subject, options, partial(_show, options, screen))
    screen.clear()
    by_test = len(subject.targets) == 1 and is_test(subject.loaded[0])
    text = _text(outcome, options)
    screen.tell(text if by_test else in_options(text))
    write_json(options.json, _data(subject, outcome))
    reports = [] if outcome.report is None else [outcome.report]
    write_html(options.html, {" ".join(subject.targets) + _which(outcome): reports})
    return EXIT[outcome.verdict]


def _which(outcome: Outcome) -> str:
    """Of what is drawn, which example is reported."""
    if outcome.examples and outcome.verdict == Verdict.FAIL:
        return ", the simplest example that fails"
    return f", the last of {outcome.examples} examples" if outcome.examples > 1 else ""


def tried(
    subject: Subject,
    options: argparse.Namespace,
    seen: Callable[[Outcome], None],
    passing: Passing | None = None,
) -> Outcome:
    """The check itself: by a test, at the user's point, or at drawn data.

    Parameters
    ----------
    subject : Subject
    options : argparse.Namespace
    seen : callable
        Is told of each example.
    passing : Passing, optional
        What the gradient goes through.

    Raises
    ------
    InvalidInput
        If the options say too little or too much.
    """
    if options.shapes is not None and options.data is not None:
        raise InvalidInput("--shapes draws data and --data reads them: say one of them")
    if len(subject.targets) == 1 and is_test(subject.loaded[0]):
        _refuse(options, "a test says itself what it checks", "shapes", "data", "scale", "workers")
        if subject.options or subject.wrt:
            raise InvalidInput("the options of a check are said in the test")
        return by_test(
            subject, examples=options.examples, seed=options.seed, passing=passing, seen=seen
        )
    try:
        outcome = _tried_at_data(subject, options, seen, passing)
    except InvalidInput as error:
        raise type(error)(in_options(str(error))) from error.__cause__
    outcome.said = in_options(outcome.said)
    return outcome


def _tried_at_data(
    subject: Subject,
    options: argparse.Namespace,
    seen: Callable[[Outcome], None],
    passing: Passing | None,
) -> Outcome:
    """At the user's point, or at drawn data."""
    _ = subject.functions
    if options.data is not None:
        _refuse(options, "nothing is drawn with --data", "examples", "scale", "workers")
        arrays = read_arrays(options.data)
        _check_named(arrays, subject, options.data)
        outcome = at_point(subject, arrays, passing)
        if outcome.report is not None and passing is None:
            outcome.remark = subject.remark(arrays)
        return outcome
    if options.shapes is None:
        raise InvalidInput(
            'at which data? say --shapes "X: n0 m; W: n1 n0" to draw them (gradcheck --help), or '
            "--data FILE.npz"
        )
    call = partial(drawn, subject, options.shapes, scale=options.scale or 1.0)
    examples = options.examples or EXAMPLES
    if (options.workers or 1) > 1 and passing is None:
        return in_processes(call, options.workers, examples, options.seed)
    return call(examples=examples, seed=options.seed, passing=passing, seen=seen)


def _refuse(options: argparse.Namespace, why: str, *names: str) -> None:
    given = [f"--{name}" for name in names if getattr(options, name) is not None]
    if given:
        raise InvalidInput(f"{', '.join(given)}: {why}")


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of an .npz file.

    Raises
    ------
    InvalidInput
        If it is none, or holds what is no array of numbers.
    """
    how = "np.savez(FILE, W=W, X=X) writes one"
    none = InvalidInput(f"--data: {path} is no .npz file of arrays by name; {how}")
    if not path.is_file():
        raise InvalidInput(f"--data: there is no file {str(path)!r}; {how}")
    if not zipfile.is_zipfile(path):
        raise none
    arrays: dict[str, Any] = {}
    with np.load(path, allow_pickle=False) as file:
        for name in file.files:
            try:
                arrays[name] = file[name]
            except Exception as error:
                why = str(error).partition("\n")[0]
                of = "objects" if "allow_pickle" in why else f"what cannot be read: {why}"
            else:
                if not isinstance(arrays[name], np.ndarray):
                    raise none
                of = "" if arrays[name].dtype.kind in "biufc" else str(arrays[name].dtype)
            if of:
                raise InvalidInput(
                    f"--data: `{name}` in {path} is no array of numbers, but of {of}; leave it "
                    "out, or save numbers in its place"
                )
    if not arrays:
        raise InvalidInput(f"--data: {path} has no arrays; {how}")
    return {n: a.item() if a.ndim == 0 and a.dtype.kind in "biuU" else a for n, a in arrays.items()}


def _check_named(arrays: Mapping[str, Any], subject: Subject, path: Path) -> None:
    """Refuse arrays that were saved without names, unless the user's function calls them so."""
    unnamed = [name for name in arrays if re.fullmatch(r"arr_\d+", name)]
    if unnamed and unnamed[0] not in arguments(subject.functions[0]):
        raise InvalidInput(
            f"--data: {', '.join(unnamed)} in {path} were saved without names; name them as the "
            "arguments are called: np.savez(FILE, W=W, X=X)"
        )


def _show(options: argparse.Namespace, screen: Screen, outcome: Outcome) -> None:
    """Tell of the example that was checked last."""
    count = outcome.examples + sum(outcome.inconclusive.values())
    if options.verbose and outcome.last is not None:
        shapes = ", ".join(f"{b.block.name} {b.block.shape}" for b in outcome.last.blocks.values())
        screen.progress(f"example {count}: {outcome.last.verdict}, {shapes}")
    else:
        of = "" if options.examples is None else f" of {options.examples}"
        screen.progress(f"example {count}{of}: {outcome.verdict}", passing=True)


def _text(outcome: Outcome, options: argparse.Namespace) -> str:
    report = outcome.report
    if options.quiet:
        said = outcome.said.partition("\n")[0] if outcome.said else headline(report)
        return said if said.startswith(outcome.verdict) else f"{outcome.verdict}: {said}"
    lines = []
    if outcome.said and outcome.verdict != Verdict.PASS:
        lines.append(f"{outcome.verdict}: {outcome.said}")
    many = outcome.verdict == Verdict.PASS and outcome.examples
    if report is not None and not many and str(report) not in outcome.said:
        lines.append(report.text(color=colors()))
    if many:
        names = ", ".join(report.blocks) if report else ""
        evaluated = report.evaluated if report else "the cost"
        lines.append(headline(report))
        lines.append(
            f"checked: {_counted(outcome.entries, 'entry', 'entries')} of {names} in "
            f"{_counted(outcome.examples, 'example')}, by "
            f"{_counted(outcome.evaluations, 'evaluation')} of {evaluated}"
        )
        lines += [
            f"not checked: {_counted(n, 'example')}, {reason}"
            for reason, n in outcome.inconclusive.most_common()
        ]
        lines.append(f"resolution {outcome.resolution:.1e} {COULD_PASS}")
        if options.verbose and report is not None:
            lines += ["the last of them:", report.text(color=colors())]
    lines += [f"note: {outcome.remark}"] if outcome.remark else []
    return "\n".join(lines) or f"{outcome.verdict}: nothing was checked"


def headline(report: GradientReport | None) -> str:
    """The first line of a report."""
    return str(report).partition("\n")[0] if report is not None else "nothing was checked"


def _counted(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _data(subject: Subject, outcome: Outcome) -> Mapping[str, Any]:
    """The outcome as plain data."""
    return {
        "schema": SCHEMA,
        "targets": list(subject.targets),
        "verdict": str(outcome.verdict),
        "examples": outcome.examples,
        "entries": outcome.entries,
        "evaluations": outcome.evaluations,
        "resolution": None if math.isnan(outcome.resolution) else outcome.resolution,
        "inconclusive": dict(outcome.inconclusive),
        "said": outcome.said,
        "remark": outcome.remark,
        "report": None if outcome.report is None else outcome.report.to_dict(),
    }
