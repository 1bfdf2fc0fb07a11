"""How often the verdicts are right, on costs with known gradients: makes docs/verdicts-measured.md.

    python benchmarks/verdicts.py --start 20000 --draws 160 --wrong 8 > docs/verdicts-measured.md

Each draw of a family is checked with its true gradient, then with one corrupted in each of the
ways of `families.corruptions`. The table counts entries for the former and checks for the latter.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from families import FAMILIES, Params, Problem, corruptions

from gradcheck import GradientReport, Verdict, check_gradient
from gradcheck.verdict import OF_BLOCK, OF_WHOLE

HEAD = """# Verdicts, measured

Made by `python benchmarks/verdicts.py {arguments}`: costs with known gradients, drawn at
random from the families of `benchmarks/families.py`, which say what is hard about each.

Two families, `fixed_point_solver` and `conjugate_gradient_solver`, contain an iteration that stops
at a tolerance. What they compute has another derivative than what is meant, by a relative 1e-8 to
1e-2. A gradient that is right for what is meant is right here, too: the cost jumps nearby, which
shows, and the entry is inconclusive. Bars may hold for either, and a lie is off from both. In
`own_scales`, entries of 1e-9 stand beside others of 1e8, and what they do is below the noise of
the sum.

An entry is *inside the bar* if the true derivative lies within the stated error of the numerical
one. A *lie* is a wrong entry that passes though the mistake is larger than the stated resolution
of its scale (see [verdicts](verdicts.md)).

## Right gradients
"""


@dataclass
class Tally:
    """Counts of one family."""

    entries: Counter[str] = field(default_factory=Counter)
    inside: int = 0
    measured: int = 0
    evaluations: int = 0
    caught: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    lies: int = 0
    examples: list[str] = field(default_factory=list)


def check(problem: Problem, gradient: Any) -> GradientReport:
    with np.errstate(all="ignore"):
        return check_gradient(problem.cost, gradient, problem.params)


def judge_family(name: str, draws: range, wrong_before: int) -> Tally:
    """Counts over some draws of one family; mistakes are made in the first ones only."""
    tally = Tally()
    for k in draws:
        rng = np.random.default_rng([list(FAMILIES).index(name), k])
        problem = FAMILIES[name](rng)
        for claim in (problem.gradient, problem.user_gradient):
            if claim is None:
                continue
            report = check(problem, claim)
            tally.checks[str(report.verdict)] += 1
            tally.evaluations += report.evaluations
            count(tally, report, problem, f"draw {k}")
        for kind, corrupt in corruptions.items() if k < wrong_before else ():
            wrong = corrupt(rng, problem.gradient)
            if wrong is not None:
                report = check(problem, wrong)
                tally.caught.setdefault(kind, Counter())[str(report.verdict)] += 1
                tally.lies += lies(report, problem, wrong)
    return tally


def count(tally: Tally, report: GradientReport, problem: Problem, where: str) -> None:
    for name, block in report.blocks.items():
        known = np.isfinite(block.error)
        tally.measured += int(known.sum())
        inside = np.zeros(known.shape, dtype=bool)
        for right in (problem.gradient, problem.computed or problem.gradient):
            truth = np.ravel(right[name]).astype(float)
            slack = 4 * np.finfo(problem.gradient[name].dtype).eps * np.abs(truth)
            inside |= np.abs(block.numerical - truth) <= block.error + slack
        tally.inside += int(inside[known].sum())
        tally.entries.update(str(v) for v in block.verdicts)
        tally.reasons.update(str(r) for r in block.reasons if r)
        for i in np.flatnonzero(block.verdicts == Verdict.FAIL):
            tally.examples.append(f"{where}: {block.entry(int(i))} {problem.condition}")


def lies(report: GradientReport, problem: Problem, wrong: Params) -> int:
    """Wrong entries that passed although the mistake is larger than the stated resolution.

    Where an unfinished solver computes another derivative than is meant, either is right.
    """
    found = 0
    units = {name: np.maximum(1.0, np.abs(x)) for name, x in problem.params.items()}
    whole = max(np.max(np.abs(g) * units[name]) for name, g in problem.gradient.items())
    for name, block in report.blocks.items():
        other, unit = np.ravel(wrong[name]).astype(float), np.ravel(units[name])
        lying = block.verdicts == Verdict.PASS
        for right in (problem.gradient, problem.computed or problem.gradient):
            one = np.ravel(right[name]).astype(float)
            size = np.maximum(np.abs(one), np.abs(other))
            scale = np.maximum(size, OF_BLOCK * np.abs(one).max())
            scale = np.maximum(scale, OF_WHOLE * whole / unit)
            beyond = np.abs(one - other) > block.resolutions * scale * (1 + 1e-9)
            lying &= beyond & (scale > 0)
        found += int(lying.sum())
    return found


def merge(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for name in ("entries", "reasons", "checks"):
            getattr(total, name).update(getattr(tally, name))
        for name in ("inside", "measured", "evaluations", "lies"):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        for kind, counts in tally.caught.items():
            total.caught.setdefault(kind, Counter()).update(counts)
        total.examples += tally.examples
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=40, help="draws of each family")
    parser.add_argument("--wrong", type=int, help="draws in which mistakes are made too")
    parser.add_argument("--start", type=int, default=0, help="number of the first draw")
    parser.add_argument("--families", nargs="*", default=list(FAMILIES), metavar="NAME")
    parser.add_argument("--failures", action="store_true", help="list false failures on stderr")
    options = parser.parse_args()

    chunk = 20
    ranges = [
        range(k, min(k + chunk, options.start + options.draws))
        for k in range(options.start, options.start + options.draws, chunk)
    ]
    everything = options.start + options.draws
    wrong_before = everything if options.wrong is None else options.start + options.wrong
    started = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        jobs = {
            name: [pool.submit(judge_family, name, draws, wrong_before) for draws in ranges]
            for name in options.families
        }
        tallies = {}
        for name, futures in jobs.items():
            tallies[name] = merge([future.result() for future in futures])
            print(f"{name} {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(HEAD.format(arguments=" ".join(sys.argv[1:])))
    print(table(tallies))
    if options.failures:
        for name, tally in tallies.items():
            for example in tally.examples[:6]:
                print(f"{name}: {example}", file=sys.stderr)


def table(tallies: dict[str, Tally]) -> str:
    lines = [
        "| family | entries | PASS | KINK | INCONCLUSIVE | FAIL (false) | evaluations an entry "
        "| inside the bar |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, t in tallies.items():
        n = sum(t.entries.values())
        cells = [t.entries[v] for v in ("PASS", "KINK", "INCONCLUSIVE", "FAIL")]
        share = f"{100 * t.inside / t.measured:.2f} %" if t.measured else "-"
        lines.append(
            f"| {name} | {n} | {' | '.join(map(str, cells))} | {t.evaluations / n:.1f} | {share} |"
        )
    total = merge(list(tallies.values()))
    lines.append(
        f"| **all** | {sum(total.entries.values())} | "
        + " | ".join(str(total.entries[v]) for v in ("PASS", "KINK", "INCONCLUSIVE", "FAIL"))
        + " | | |"
    )
    lines += ["", "## Wrong gradients", ""]
    lines += ["Share of checks that FAIL (P: those that PASS, I: that are INCONCLUSIVE).", ""]
    kinds = list(corruptions)
    lines += ["| family | " + " | ".join(kinds) + " | lies |", "|---" * (len(kinds) + 2) + "|"]
    for name, t in [*tallies.items(), ("**all**", total)]:
        cells = []
        for kind in kinds:
            c = t.caught.get(kind, Counter())
            n = sum(c.values())
            cell = f"{100 * c['FAIL'] / n:.4g} %" if n else "-"
            if n and c["FAIL"] < n:
                cell += f" (P{c['PASS']} I{c['INCONCLUSIVE']})"
            cells.append(cell)
        lines.append(f"| {name} | {' | '.join(cells)} | {t.lies} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
