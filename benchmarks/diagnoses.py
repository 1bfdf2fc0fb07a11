"""How often diagnoses are right: makes docs/diagnoses-measured.md.

    python benchmarks/diagnoses.py --right 20000 > docs/diagnoses-measured.md

The mistakes are those of tests/mistakes.py, which were looked at while the hypotheses were
written, and of tests/mistakes_aside.py, which were not. Right gradients of the same functions,
of drawn sizes, must neither fail nor have a diagnosis.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from functions import FUNCTIONS
from mistakes import MISTAKES, report_of, score
from mistakes_aside import ASIDE

from gradcheck import Verdict, check_gradient

HEAD = """# Diagnoses, measured

Made by `python benchmarks/diagnoses.py {arguments}`.

A mistake is *named* if the first diagnosis of its block has the right kind; of kinds that give
the very same numbers, all must be among the first. Each is made at {seeds} points. The mistakes
set aside were drawn at random from one collection, a third of it, and were not looked at while
the hypotheses were written. Judged for the first time, 83.1 % of them were named. What the others
had in common (constants, norms, sums in row layout, examples left out) has been mended since, so
that their share below no longer tells of mistakes that nobody has seen.

| mistakes | number | fail | named |
|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--right", type=int, default=2000, help="draws of right gradients")
    parser.add_argument("--seeds", type=int, default=2, help="points for each mistake")
    parser.add_argument("--processes", type=int, help="at the same time; default all cores")
    options = parser.parse_args()
    seeds = tuple(range(options.seeds))
    print(HEAD.format(arguments=" ".join(sys.argv[1:]), seeds=options.seeds))
    for name, mistakes in (("looked at", MISTAKES), ("set aside", ASIDE)):
        pairs = [(mistake, seed) for mistake in mistakes for seed in seeds]
        failed = sum(report_of(*pair).verdict == Verdict.FAIL for pair in pairs)
        named = len(pairs) - sum(len(score((mistake,), (seed,))) for mistake, seed in pairs)
        print(
            f"| {name} | {len(mistakes)} | {failed / len(pairs):.1%} | {named / len(pairs):.1%} |"
        )
    with ProcessPoolExecutor(options.processes) as pool:
        counts = sum(pool.map(right, range(options.right), chunksize=50), Counter())
    print("\n| right gradients | number |\n|---|---|")
    for outcome in ("PASS", "INCONCLUSIVE", "FAIL", "diagnosed"):
        print(f"| {outcome} | {counts[outcome]} |")


def right(k: int) -> Counter[str]:
    """The outcome for one right gradient of drawn sizes."""
    draw: Any = FUNCTIONS[k % len(FUNCTIONS)]
    rng = np.random.default_rng((k, 1))
    usual = {name: p.default for name, p in inspect.signature(draw).parameters.items()}
    sizes = {n: d + int(rng.integers(3)) for n, d in usual.items() if type(d) is int}
    problem = draw(rng, **sizes)
    report = check_gradient(problem.cost, problem.gradient, problem.params, args=problem.args)
    return Counter([str(report.verdict), *["diagnosed"] * bool(report.diagnoses)])


if __name__ == "__main__":
    main()
