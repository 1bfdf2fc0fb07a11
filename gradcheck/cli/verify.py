"""``gradcheck`` alone: the six equations of `backprop`, verified, and how that is told.

On networks of drawn dimensions, then on the breast-cancer data at several moments of training.
The checks are those of `verification`; here are its options, its table and its closing line.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import backprop
from gradcheck.cli import verification
from gradcheck.cli.screen import EXIT, Screen, colors, complain, writable, write_html, write_json
from gradcheck.cli.verification import Stage
from gradcheck.errors import InvalidInput
from gradcheck.report import SCHEMA, BlockReport, GradientReport
from gradcheck.verdict import Verdict

__all__ = ["add_arguments", "run"]

HIDDEN = 5
"""Hidden units, unless the user says how many."""


def add_arguments(parser: argparse._ActionsContainer, whole: Any) -> None:
    """Add the options of the network; `whole` parses a whole number within bounds."""
    parser.add_argument(
        "--hidden", type=whole(1, 10_000), metavar="N", help=f"hidden units (default: {HIDDEN})"
    )
    parser.add_argument(
        "--activation",
        choices=list(backprop.ACTIVATIONS),
        help="of the hidden units (default: tanh on the data, all of them on drawn networks)",
    )


def run(options: argparse.Namespace, screen: Screen, drawn: int) -> int:
    """Verify the equations, on so many drawn networks first; gives the exit code."""
    writable(options.json, options.html)
    stages: list[Stage] = []
    descent = None
    missing = ""
    try:
        for stage in verification.drawn(drawn, options.seed, options.activation):
            stages.append(stage)
            screen.progress(f"drawn networks {len(stages)}/{drawn}: {stage.name}", passing=True)
            if stage.verdict == Verdict.FAIL:
                break
        screen.progress(f"drawn networks: {len(stages)}, {_worst(stages)}")
        if _worst(stages) != Verdict.FAIL:
            descent, missing = _on_data(options, screen, stages)
    except (InvalidInput, ValueError, TypeError, ArithmeticError) as error:
        screen.clear()
        complain(f"`backprop` cannot be checked: {error}")
        for place in _places(error.__cause__ or error):
            print(f"  at {place}", file=sys.stderr)
        return 1

    verdict = _worst(stages)
    if missing and verdict == Verdict.PASS:
        verdict = Verdict.INCONCLUSIVE
    if not options.quiet:
        screen.tell(_table(stages))
        for stage in stages:
            if options.verbose or stage.verdict != Verdict.PASS:
                screen.tell(f"\nat {stage.name}:")
                shown = [r for r in stage.reports if r.verdict == stage.verdict]
                shown = shown if options.verbose else shown[:2]
                shown = shown if stage.judged is None else [stage.judged]
                screen.tell("\n".join(report.text(color=colors()) for report in shown))
    screen.tell(_closing(verdict, stages, descent, missing))
    write_json(options.json, _data(verdict, stages, descent))
    judged = [[stage.judged] if stage.judged else list(stage.reports) for stage in stages]
    names = [f"{k}. {stage.name}" for k, stage in enumerate(stages, start=1)]
    write_html(options.html, dict(zip(names, judged, strict=True)))
    return EXIT[verdict]


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
    screen.progress(f"training {options.hidden or HIDDEN} {activation} units", passing=True)
    descent = verification.trained(
        X, Y, hidden=options.hidden or HIDDEN, activation=activation, seed=options.seed, seen=seen
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
