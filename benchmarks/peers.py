"""What this checker and others say of the same gradients: makes the tables of docs/comparison.md.

    pip install '.[peers]'
    python benchmarks/peers.py

Each case of `peer_cases.py` is drawn some times and put to each checker of `peer_checkers.py`
that is installed, with its defaults; so are the families of `families.py`. Then all check the
same network, one after the other and round by round, for what they cost. The tables stand
between comments in the page, whose prose is left alone.
"""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module, metadata
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from families import FAMILIES
from peer_cases import CASES, Problem, network, of_family
from peer_checkers import CHECKERS, FAIL, PASS, UNSURE, Checker

from gradcheck import check_jax, check_torch

__all__ = ["PAGE", "TABLES", "asked", "cases_table", "inserted", "rules_table"]

PAGE = Path(__file__).parent.parent / "docs" / "comparison.md"

CHANGES = ("block zero", "block doubled", "entry off by 1e-3", "entry off by 1e-4")
"""Corruptions of `families.py` that every family is given."""

Counts = Counter[str | None]


def asked(
    checker: Checker, draw: Callable[[np.random.Generator], Problem | None], *seed: int
) -> str | None:
    """The verdict on one draw; None if nothing was drawn."""
    np.random.seed(seed[-1])  # noqa: NPY002 - autograd draws from the global generator
    with np.errstate(all="ignore"):
        problem = draw(np.random.default_rng(seed))
    return None if problem is None else checker(problem)


def row(cells: list[Any]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(cells: list[str]) -> list[str]:
    """The first two lines, with all columns but the first to the right."""
    return [row(cells), "|---" + "|--:" * (len(cells) - 1) + "|"]


def cell(counts: Counts, wanted: str) -> str:
    """How many verdicts were right, and what the others were; bold if some were wrong."""
    others = [f"{counts[v]} {v}" for v in (PASS, FAIL, UNSURE) if v != wanted and counts[v]]
    text = f"{counts[wanted]} ({', '.join(others)})" if others else str(counts[wanted])
    wrong = counts[PASS if wanted == FAIL else FAIL]
    return f"**{text}**" if wrong else text


def rules_table(checkers: list[Checker]) -> str:
    """How each checker takes differences and judges."""
    lines = [row(["checker", "differences", "rule"]), "|---|---|---|"]
    return "\n".join([*lines, *(row([c.name, c.step, c.rule]) for c in checkers)])


def cases_table(checkers: list[Checker], draws: int) -> str:
    """Right verdicts on each case, and sums of the wrong ones."""
    lines = head(["gradient", *(c.name for c in checkers)])
    sums: dict[str, Counts] = {c.name: Counter() for c in checkers}
    for right, title in ((False, "**wrong, should fail**"), (True, "**right, should pass**")):
        lines.append(row([title, *("" for _ in checkers)]))
        wanted = PASS if right else FAIL
        for key, case in enumerate(CASES.values()):
            if case.right != right:
                continue
            print(case.name, file=sys.stderr)
            counts = [Counter(asked(c, case.draw, key, k) for k in range(draws)) for c in checkers]
            lines.append(row([case.name, *(cell(found, wanted) for found in counts)]))
            for checker, found in zip(checkers, counts, strict=True):
                sums[checker.name] += Counter({f"{wanted} {v}": n for v, n in found.items()})
    for title, key in (("passed wrongly", f"{FAIL} {PASS}"), ("failed wrongly", f"{PASS} {FAIL}")):
        lines.append(row([f"**{title}**", *(sums[c.name][key] for c in checkers)]))
    unsure = [sums[c.name][f"{PASS} {UNSURE}"] + sums[c.name][f"{FAIL} {UNSURE}"] for c in checkers]
    return "\n".join([*lines, row(["**undecided**", *unsure])])


def families_table(checkers: list[Checker], draws: int) -> str:
    """Verdicts on right gradients of all families, and how many are told from corrupted ones."""
    titles = [f"right: {v}" for v in (PASS, UNSURE, FAIL)]
    titles += [f"told from: {change}" for change in CHANGES]
    lines = head(["checker", *titles])
    for checker in checkers:
        print(f"families: {checker.name}", file=sys.stderr)
        right: Counts = Counter()
        told: Counts = Counter()
        corrupted: Counts = Counter()
        for seed in product(range(len(FAMILIES)), range(draws)):
            draw = partial(of_family, list(FAMILIES)[seed[0]])
            of_right = asked(checker, draw, *seed)
            right[of_right] += 1
            for change in CHANGES:
                of_wrong = asked(checker, partial(draw, change=change), *seed)
                corrupted[change] += of_wrong is not None
                told[change] += of_right == PASS and of_wrong == FAIL
        shares = [right[v] / right.total() for v in (PASS, UNSURE, FAIL)]
        shares += [told[change] / corrupted[change] for change in CHANGES]
        lines.append(row([checker.name, *(f"{100 * share:.0f} %" for share in shares)]))
    return "\n".join(lines)


def costs_table(checkers: list[Checker], rounds: int) -> str:
    """Evaluations and time of each checker for the same right gradient, relative to ours."""
    sizes = {"21 entries": (3, 4, 5), "661 entries": (30, 20, 50)}
    lines = head(
        ["checker", *(f"{size}: {what}" for size in sizes for what in ("calls of cost", "time"))]
    )
    cells: dict[str, list[str]] = {c.name: [] for c in checkers}
    for n0, n1, m in sizes.values():
        problem = network(np.random.default_rng(0), n0=n0, n1=n1, m=m)
        calls = {c.name: counted(c, problem) for c in checkers}
        times = timed({c.name: partial(c, problem) for c in checkers}, rounds)
        for name in cells:
            cells[name] += [str(calls[name]), relative(times[name], times["gradcheck"])]
    return "\n".join([*lines, *(row([name, *found]) for name, found in cells.items())])


def counted(checker: Checker, problem: Problem) -> int:
    """How often a checker calls the cost."""
    calls = 0

    def cost(p: Any) -> Any:
        nonlocal calls
        calls += 1
        return problem.cost(p)

    checker(replace(problem, cost=cost))
    return calls


def timed(actions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median times in seconds, all actions in each round so that they share its conditions."""
    found: dict[str, list[float]] = {name: [] for name in actions}
    for k in range(rounds + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if k:  # the first round loads and compiles
                found[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in found.items()}


def relative(seconds: float, ours: float) -> str:
    """A time in milliseconds, and as a multiple of ours."""
    return f"{1e3 * seconds:.1f} ms ({seconds / ours:.2g})"


def native_table(rounds: int) -> str:
    """Time of the checkers of PyTorch and JAX on a network in their own terms, against ours."""
    lines = head(["network of 661 parameters, output of one number", "time (multiple of ours)"])
    for framework in (native_torch, native_jax):
        actions = dict(framework())
        if actions:
            times = timed(actions, rounds)
            ours = next(iter(times.values()))
            lines += [row([name, relative(t, ours)]) for name, t in times.items()]
    return "\n".join(lines)


def native_torch() -> Iterator[tuple[str, Callable[[], Any]]]:
    """A module's gradient by `check_torch` and by PyTorch's own checker."""
    if find_spec("torch") is None:
        return
    torch = import_module("torch")
    torch.manual_seed(0)

    class Loss(torch.nn.Module):  # type: ignore[misc, name-defined]
        """Cross-entropy of a network with one hidden layer."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(30, 20), torch.nn.Tanh(), torch.nn.Linear(20, 2)
            )

        def forward(self, x: Any, y: Any) -> Any:
            """Mean over the batch."""
            return torch.nn.functional.cross_entropy(self.layers(x), y)

    module, x, y = Loss().double(), torch.randn(50, 30).double(), torch.randint(0, 2, (50,))
    names, values = zip(*module.named_parameters(), strict=True)

    def loss(*values: Any) -> Any:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x, y))

    given = [value.detach().requires_grad_() for value in values]
    yield "check_torch", lambda: check_torch(module, x, y)
    yield "torch.autograd.gradcheck", lambda: torch.autograd.gradcheck(loss, given)
    yield "torch, fast_mode=True", lambda: torch.autograd.gradcheck(loss, given, fast_mode=True)


def native_jax() -> Iterator[tuple[str, Callable[[], Any]]]:
    """A function's gradient by `check_jax` and by JAX's own checker."""
    if find_spec("jax") is None:
        return
    jax, check_grads = import_module("jax"), import_module("jax.test_util").check_grads
    jnp, rng = jax.numpy, np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 50)), rng.integers(0, 2, (1, 50)).astype(float)
    shapes = {"W1": (20, 30), "b1": (20, 1), "W2": (1, 20), "b2": (1, 1)}
    params = {name: 0.2 * rng.normal(size=shape) for name, shape in shapes.items()}

    @jax.jit
    def loss(p: Any) -> Any:
        scores = p["W2"] @ jnp.tanh(p["W1"] @ X + p["b1"]) + p["b2"]
        return jnp.mean(jnp.logaddexp(0.0, scores) - Y * scores)

    def theirs() -> None:
        with jax.enable_x64(True):
            check_grads(loss, (params,), order=1)

    yield "check_jax, of a jitted function", lambda: check_jax(loss, params)
    yield "jax check_grads, order=1, both modes", theirs


def versions(checkers: list[Checker], options: argparse.Namespace) -> str:
    """What was measured with what."""
    packages = dict.fromkeys(["numpy", *(name for c in checkers for name in c.needs)])
    with_version = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    return (
        f"Python {platform.python_version()}, {with_version}; {options.draws} draws of a case, "
        f"{options.family_draws} of a family."
    )


TABLES = ("versions", "rules", "cases", "families", "costs", "native")
"""Names of the places in the page."""


def inserted(page: str, tables: dict[str, str]) -> str:
    """The page with the tables put between their comments."""
    for name, table in tables.items():
        pattern = rf"(<!-- {name}: .*?-->\n).*?(\n<!-- end -->)"
        page, count = re.subn(pattern, lambda m, t=table: m[1] + t + m[2], page, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{PAGE.name} has {count} places for the table {name}, expected one")
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20, help="draws of each case")
    parser.add_argument("--family-draws", type=int, default=4, help="draws of each family")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which time is taken")
    parser.add_argument("--only", nargs="*", default=TABLES, choices=TABLES, help="some tables")
    options = parser.parse_args()
    checkers = [checker for checker in CHECKERS if not checker.missing]
    for checker in CHECKERS:
        if checker.missing:
            print(f"left out: {checker.name}, needs {checker.missing}", file=sys.stderr)
    make: dict[str, Callable[[], str]] = {
        "versions": lambda: versions(checkers, options),
        "rules": lambda: rules_table(checkers),
        "cases": lambda: cases_table(checkers, options.draws),
        "families": lambda: families_table(checkers, options.family_draws),
        "costs": lambda: costs_table(checkers, options.rounds),
        "native": lambda: native_table(options.rounds),
    }
    tables = {name: make[name]() for name in options.only}
    PAGE.write_text(inserted(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
