"""Why an entry is inconclusive: what each reason means, what to do, and an example.

>>> REASONS["flat"].short
'the cost does not move at all'
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REASONS", "Reason"]


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes
    ----------
    short : str
        As it stands beside an entry.
    meaning : str
        In full, by itself.
    hint : str
        What to do.
    example : str
        A line of code that gives it.
    """

    short: str
    meaning: str
    hint: str
    example: str


REASONS = {
    "noise": Reason(
        "the noise of the cost hides it",
        "the noise of the cost hides the derivative",
        "compute in double precision, leave large constants out, seed what is random",
        "cost = lambda x: float(np.float32(np.sum(x**2)))",
    ),
    "truncation": Reason(
        "the cost bends too much for a sharper bar",
        "the cost bends too much for a sharper bar",
        "move the point, or scale the parameter so that its size is near 1",
        "np.sin(1e6 * x)",
    ),
    "kink": Reason(
        "kink",
        "two slopes meet at the point; the value lies between them",
        "move the point, or say on_kink='accept'",
        "np.maximum(x, 0.0) at x = 0",
    ),
    "corner": Reason(
        "kinks of several entries meet here, and slopes nearby are as different",
        "kinks of several entries meet here; the limits of gradients nearby (Clarke's generalised "
        "gradient) are a range, in which the claim may lie",
        "check at another point, such as one whose weights are neither 0 nor tiny",
        "np.sum(np.maximum(W @ X, 0)) at W = 0",
    ),
    "jump": Reason(
        "the cost jumps here",
        "the cost jumps at the point: it has no derivative there",
        "move the point, or look for a rounding or a comparison in the cost",
        "np.round(x) at x = 0.5",
    ),
    "edge": Reason(
        "known from one side only",
        "the cost is defined on one side alone, and known from there too little",
        "move the point inside, or say bounds=",
        "np.sqrt(x) at x = 0",
    ),
    "outside": Reason(
        "there is no room for a step, or no cost, on both sides",
        "there is no room for a step, or no cost, on both sides",
        "move the point away from its bounds",
        "bounds=(1.0, 1.0)",
    ),
    "gaps": Reason(
        "the cost is NaN or raises at some steps, and not at larger ones",
        "the cost is NaN or raises at some steps, and not at larger ones",
        "look for what in the cost is undefined now and then, such as 0 / 0 or a random number",
        "np.sum(x) / np.random.randint(3)",
    ),
    "flat": Reason(
        "the cost does not move at all",
        "the cost does not move at all, so that nothing could have disagreed",
        "use a point at which the cost depends on the parameter",
        "np.maximum(x, 0.0) at x = -3",
    ),
    "rough": Reason(
        "the cost is rough: steps of one size agree with the gradient, others do not",
        "steps of one size agree with the gradient, others do not",
        "look for float32 or a tolerance inside of the cost",
        "np.sum(x.astype(np.float32) ** 2)",
    ),
    "unsteady": Reason(
        "the cost makes jumps nearby, as an inner solver stopped early does",
        "the cost makes jumps nearby, as an inner solver stopped early does",
        "let the solver run on, or declare approximate=",
        "while change > 1e-6: u = step(u, x)",
    ),
    "skipped": Reason(
        "not refined, since the block has failed",
        "not refined, since its block has failed already",
        "mend the block, and check again",
        "block W: 2 of 6 entries wrong, 1 not decided",
    ),
}
"""By the names that `Entry.reason` has."""
