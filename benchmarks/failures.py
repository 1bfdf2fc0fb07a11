"""What ten typical failures look like: makes docs/failures.md.

python benchmarks/failures.py > docs/failures.md
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from mistakes import MISTAKES, report_of
from test_equations import check

HEAD = """# Ten failures, as they print

Made by `python benchmarks/failures.py`, from mistakes of tests/mistakes.py.
What each kind means stands in [diagnoses](diagnoses.md)."""

KINDS = (
    "sum-for-mean",
    "keepdims-forgotten",
    "transposed",
    "summed-over-all-axes",
    "regulariser-missing",
    "swapped",
    "single-row",
    "stale-cache",
    "unexplained",
)


def main() -> None:
    print(HEAD)
    for kind in KINDS:
        mistake = next(m for m in MISTAKES if m.kinds == {kind} and m.block != "w")
        print(f"\n## {mistake.title}\n\n```text\n{report_of(mistake, 0)}\n```")
    report = check({"dZ1": "dA1 * slope(A1)"})
    print(f"\n## With probes: the derivative at A1\n\n```text\n{report}\n```")


if __name__ == "__main__":
    main()
