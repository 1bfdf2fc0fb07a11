"""The command line: ``gradcheck`` verifies the equations of `backprop`.

Exit codes: 0 all equations pass, 1 one is wrong, 2 usage errors, 3 something could not be
checked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import backprop
from gradcheck import __version__, verification
from gradcheck.errors import InvalidInput
from gradcheck.report import SCHEMA, BlockReport, GradientReport
from gradcheck.verdict import Verdict
from gradcheck.verification import Stage

__all__ = ["main"]

DRAWN = 100
"""Networks of drawn dimensions; with the data, half a minute on a small machine."""

EXIT = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    options = _parser().parse_args(argv)
    screen = Screen(quiet=options.quiet)
    try:
        with _one_thread():
            return _verify(options, screen)
    except KeyboardInterrupt:
        screen.clear()
        print("gradcheck: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; so that Python does not complain on exit:
        sys.stdout = None
        return 141


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gradcheck",
        description="Verify every equation of the network in `backprop`: on networks of drawn "
        "dimensions, and on the breast-cancer data at several moments of training.",
        epilog="exit codes: 0 pass, 1 an equation is wrong, 2 usage, 3 something was not checked",
    )
    parser.add_argument(
        "--seed", type=_whole(0), default=0, metavar="N", help="of all draws (default: 0)"
    )
    parser.add_argument(
        "--hidden", type=_whole(1, 10_000), default=5, metavar="N", help="hidden units (default: 5)"
    )
    parser.add_argument(
        "--activation",
        choices=list(backprop.ACTIVATIONS),
        help="of the hidden units (default: tanh on the data, all of them on drawn networks)",
    )
    parser.add_argument("--quiet", action="store_true", help="print the verdict alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    parser.add_argument("--version", action="version", version=f"gradcheck {__version__}")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"gradcheck: {message}", file=sys.stderr)
        print("try `gradcheck --help`", file=sys.stderr)
        raise SystemExit(2)


def _whole(least: int, most: int = 2**63) -> Any:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            bound = f"at least {least}" if value < least else f"at most {most}"
            raise argparse.ArgumentTypeError(f"expected a whole number of {bound}, got {text!r}")
        return value

    return parse


class Screen:
    """What the user sees while the work goes on; on stderr, so that stdout holds results.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.lively = sys.stderr.isatty()

    def progress(self, text: str, *, passing: bool = False) -> None:
        """Say what is being done; what is `passing` shows on a terminal only, in one place."""
        if self.quiet or (passing and not self.lively):
            return
        if self.lively:
            print(f"\r\033[K{text}", end="" if passing else "\n", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove a passing line."""
        if self.lively and not self.quiet:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _one_thread() -> AbstractContextManager[Any]:
    """Keep BLAS to one thread: ours are small matrices, and many of them."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1)


def _verify(options: argparse.Namespace, screen: Screen) -> int:
    if options.json is not None and not options.json.absolute().parent.is_dir():
        print(f"gradcheck: --json: there is no folder {options.json.parent}", file=sys.stderr)
        return 2
    if options.json is not None and options.json.is_dir():
        print(f"gradcheck: --json: {options.json} is a folder", file=sys.stderr)
        return 2
    stages: list[Stage] = []
    descent = None
    missing = ""
    try:
        for stage in verification.drawn(DRAWN, options.seed, options.activation):
            stages.append(stage)
            screen.progress(f"drawn networks {len(stages)}/{DRAWN}: {stage.name}", passing=True)
            if stage.verdict == Verdict.FAIL:
                break
        screen.progress(f"drawn networks: {len(stages)}, {_worst(stages)}")
        if _worst(stages) != Verdict.FAIL:
            descent, missing = _on_data(options, screen, stages)
    except (InvalidInput, ValueError, TypeError, ArithmeticError) as error:
        screen.clear()
        print(f"gradcheck: `backprop` cannot be checked: {error}", file=sys.stderr)
        for place in _places(error.__cause__ or error):
            print(f"  at {place}", file=sys.stderr)
        return 1

    verdict = _worst(stages)
    if missing and verdict == Verdict.PASS:
        verdict = Verdict.INCONCLUSIVE
    if not options.quiet:
        print(_table(stages))
        for stage in stages:
            if stage.verdict != Verdict.PASS:
                print(f"\nat {stage.name}:")
                shown = [r for r in stage.reports if r.verdict == stage.verdict][:2]
                shown = shown if stage.judged is None else [stage.judged]
                print("\n".join(report.text(color=_colors()) for report in shown))
    print(_closing(verdict, stages, descent, missing))
    if options.json is not None:
        try:
            options.json.write_text(json.dumps(_data(verdict, stages, descent), indent=2) + "\n")
        except OSError as error:
            print(f"gradcheck: --json: {error}", file=sys.stderr)
            return 2
    return EXIT[verdict]


def _colors() -> bool:
    """Whether to color what is printed: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _places(error: BaseException) -> list[str]:
    """Where in `backprop` an exception came from: the last line of it that was run."""
    home = Path(backprop.__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).parent == home]
    return [f"{Path(f.filename).name}, line {f.lineno}: {f.line}" for f in inside[-1:]]


def _on_data(
    options: argparse.Namespace, screen: Screen, stages: list[Stage]
) -> tuple[backprop.Descent | None, str]:
    """Check while training; gives the descent, or what is missing for one."""
    try:
        X, Y = verification.breast_cancer()
    except ImportError:
        return None, (
            "the real data was not checked, for scikit-learn is not installed; "
            "pip install 'gradcheck[examples]'"
        )

    def seen(stage: Stage) -> None:
        stages.append(stage)
        screen.progress(
            f"breast cancer, {stage.name}: accuracy {stage.accuracy:.4f}, {stage.verdict}"
        )

    activation = options.activation or "tanh"
    screen.progress(f"training {options.hidden} {activation} units", passing=True)
    descent = verification.trained(
        X, Y, hidden=options.hidden, activation=activation, seed=options.seed, seen=seen
    )
    return descent, ""


def _worst(parts: Sequence[Stage | BlockReport]) -> Verdict:
    """FAIL if one fails, INCONCLUSIVE if one is, else PASS."""
    found = {part.verdict for part in parts}
    return next((v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE) if v in found), Verdict.PASS)


def _table(stages: list[Stage]) -> str:
    """The six equations, each over all stages."""
    rows = [("equation", "entries", "not resolved", "relative error", "verdict")]
    for name, formula in backprop.EQUATIONS.items():
        blocks = [block for stage in stages for block in stage.blocks[name]]
        rows.append(
            (
                formula,
                str(sum(block.entries for block in blocks)),
                str(sum(b.count(Verdict.INCONCLUSIVE) + b.count(Verdict.KINK) for b in blocks)),
                _relative(blocks),
                str(_worst(blocks)),
            )
        )
    wide = [max(len(row[k]) for row in rows) for k in range(5)]
    return "\n".join(
        f"{a:{wide[0]}}  {b:>{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}  {e}"
        for a, b, c, d, e in rows
    )


def _relative(blocks: list[BlockReport]) -> str:
    known = [block.relative_error for block in blocks if block.relative_error >= 0]
    return f"{max(known):.1e}" if known else "-"


def _closing(
    verdict: Verdict, stages: list[Stage], descent: backprop.Descent | None, missing: str
) -> str:
    text = f"{verdict}: the six equations, checked at {len(stages)} points"
    if verdict == Verdict.FAIL:
        text = f"FAIL: wrong in {', '.join(_wrong(stages))}"
        judged = _judged(stages)
        if judged is not None and judged.blame and judged.blame.equations:
            text = f"FAIL: wrong in {', '.join(judged.blame.equations)}"
            inherited = ", ".join(judged.blame.inherited)
            text += f", which {inherited} inherit" if inherited else ""
    if descent is not None:
        rest = "converged" if descent.converged else "stopped"
        text += f"; training {rest} after {descent.iterations} iterations"
        text += f" at accuracy {stages[-1].accuracy:.4f}"
    return text + (f"\n{missing}" if missing else "")


def _wrong(stages: list[Stage]) -> list[str]:
    """What fails at any stage, by the equations that compute it."""
    failing = {name for stage in stages for name in stage.wrong}
    return [name for name in backprop.EQUATIONS if name in failing]


def _judged(stages: list[Stage]) -> GradientReport | None:
    """The check with probes of the first stage that has one."""
    return next((stage.judged for stage in stages if stage.judged is not None), None)


def _data(
    verdict: Verdict, stages: list[Stage], descent: backprop.Descent | None
) -> dict[str, Any]:
    """The results as plain data."""
    return {
        "schema": SCHEMA,
        "verdict": str(verdict),
        "wrong": _wrong(stages),
        "equation": None if (judged := _judged(stages)) is None else judged.equation,
        "accuracy": stages[-1].accuracy if descent is not None else None,
        "iterations": None if descent is None else descent.iterations,
        "converged": None if descent is None else descent.converged,
        "stages": [
            {
                "name": stage.name,
                "verdict": str(stage.verdict),
                "accuracy": stage.accuracy,
                "reports": [report.to_dict() for report in stage.reports],
                "judged": None if stage.judged is None else stage.judged.to_dict(),
            }
            for stage in stages
        ],
    }
