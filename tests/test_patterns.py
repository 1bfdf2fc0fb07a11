"""Of a mistake that nothing explains whole it is told where in the block it is."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.patterns import patterns, unexplained, where
from gradcheck.diagnosis.suspect import Setting, Suspect

RNG = np.random.default_rng(3)
TRUTH, AT = RNG.normal(size=(2, 5, 4))
LAM = Setting(Names(scalars=(("lam", 0.37),)))


def suspect(claim, truth=TRUTH, at=AT):
    bar = np.full(truth.shape, 1e-10)
    return Suspect("W", claim, truth, bar, at, np.abs(claim - truth) > bar)


def told(claim, setting=LAM, **options):
    with np.errstate(all="ignore"):
        found = patterns(suspect(claim, **options), setting)
    return [guess.kind for guess in found], found[0].evidence


def changed(place, value):
    array = TRUTH.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("claim", "kinds", "evidence"),
    [
        (changed(4, 0), ["single-row"], "in row 4, the last, is 0; the other 16 entries are right"),
        (
            changed(0, 0),
            ["single-row"],
            "in row 0, the first, is 0; the other 16 entries are right",
        ),
        (
            changed(np.s_[:, 1], 3 * TRUTH[:, 1]),
            ["single-column"],
            "in column 1 is 3 times too large; the other 15 entries are right",
        ),
        (
            changed(2, TRUTH[2] - 0.37 * AT[2]),
            ["regulariser-missing", "single-row"],
            "in row 2 has 0.37 * W too little; 0.37 = lam; the other 16 entries are right",
        ),
        (
            changed(0, TRUTH[0] + 0.37 * AT[0]),
            ["regulariser-on-bias", "single-row"],
            "in row 0, the first, has 0.37 * W too much; 0.37 = lam; "
            "the other 16 entries are right",
        ),
        (
            changed(np.s_[:2], 0),
            ["zero"],
            "in rows 0, 1 is 0; the other 12 entries are right",
        ),
        (
            np.where(TRUTH < 0, 2 * TRUTH, TRUTH),
            ["constant-ratio"],
            "where what is due is negative is 2 times too large; as without the 1/2 before a "
            f"square; the other {np.sum(TRUTH > 0)} entries are right",
        ),
        (
            np.where(AT < 0, 0, TRUTH),
            ["zero"],
            f"where `W` is negative is 0; the other {np.sum(AT > 0)} entries are right",
        ),
        (
            np.where(np.abs(TRUTH) < 0.6, 0, TRUTH),
            ["zero"],
            f"where at most {np.abs(TRUTH[np.abs(TRUTH) < 0.6]).max():.3g} is due is 0; "
            f"the other {np.sum(np.abs(TRUTH) >= 0.6)} entries are right",
        ),
    ],
)
def test_part_of_a_block_is_told_with_its_place_and_what_is_wrong_there(claim, kinds, evidence):
    assert told(claim) == (kinds, evidence)


def test_entry_that_is_wrong_for_no_known_reason_is_told_with_its_size():
    claim = changed((1, 2), TRUTH[1, 2] + 10)

    kinds, evidence = told(claim)

    share = 10 / np.abs(TRUTH).max()
    assert kinds == ["single-entry"]
    assert evidence == (
        f"in entry [1, 2] is off by up to {share:.2g} of its largest entry; "
        "the other 19 entries are right"
    )


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.eye(3, dtype=bool), "on the diagonal"),
        (~np.eye(3, dtype=bool), "outside the diagonal"),
        (np.triu(np.ones((3, 3), dtype=bool), 1), "above the diagonal"),
        (np.tril(np.ones((3, 3), dtype=bool), -1), "below the diagonal"),
        (np.arange(12).reshape(3, 4) == 5, "in entry [1, 1]"),
        (np.arange(24).reshape(2, 3, 4) >= 12, "in place 1 of axis 0, the last,"),
        (np.arange(3) > 0, "in places 1, 2"),
        (np.array(True), ""),
        (np.zeros(3, dtype=bool), ""),
        (np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], dtype=bool), ""),
    ],
)
def test_place_is_said_in_words_if_it_is_one(mask, words):
    assert where(mask) == words


def test_residual_along_one_example_of_the_data_is_known_by_its_direction():
    X, dZ = RNG.normal(size=(4, 7)), RNG.normal(size=(5, 7))
    setting = Setting(Names(data=(("X", X),)))

    kinds, evidence = told(TRUTH - np.outer(dZ[:, 6], X[:, 6]), setting)

    assert kinds == ["single-example"]
    assert evidence.startswith("is off along column 6 of X alone")


@pytest.mark.parametrize(("rank", "words"), [(1, "has rank 1, as"), (2, "has rank 2")])
def test_low_rank_of_a_residual_is_said(rank, words):
    residual = RNG.normal(size=(5, rank)) @ RNG.normal(size=(rank, 4))

    kinds, evidence = told(TRUTH + residual)

    assert kinds == ["unexplained"]
    assert words in evidence


def test_residual_without_a_pattern_is_told_by_its_size():
    kinds, evidence = told(TRUTH + RNG.normal(size=TRUTH.shape))

    assert kinds == ["unexplained"]
    assert evidence.endswith("no known kind of mistake gives these values")


def test_entries_that_are_not_known_to_be_right_are_not_counted_as_right():
    claim = changed(4, 0)
    unsure = np.zeros(TRUTH.shape, dtype=bool)
    unsure[0] = True
    with np.errstate(all="ignore"):  # as `diagnose` has it
        found = patterns(replace(suspect(claim), open=unsure), LAM)

    assert found[0].evidence == "in row 4, the last, is 0; 12 of the other 16 entries are right"


@pytest.mark.parametrize(
    ("row", "hint"),
    [(0, ""), (2, "look for an index treated apart"), (4, "")],
    ids=["the first", "within", "the last"],
)
def test_a_loop_is_looked_for_where_the_row_is_one_of_the_ends(row, hint):
    with np.errstate(all="ignore"):
        (guess,) = patterns(suspect(changed(row, 0)), LAM)

    assert (guess.kind, guess.hint) == ("single-row", hint)


@pytest.mark.parametrize(
    "residual",
    [
        RNG.normal(size=(5, 4)),
        np.outer(AT[:, 0], AT[0]),
        RNG.normal(size=(5, 4)) * np.array([[1.0], [1], [50], [1], [1]]),
        np.where(np.eye(5, 4) > 0, RNG.normal(size=(5, 4)), 0),
    ],
    ids=["anywhere", "of rank 1", "mostly in a row", "in the diagonal"],
)
def test_of_what_no_kind_gives_it_is_said_whatever_pattern_it_has(residual):
    kinds, evidence = told(TRUTH + residual)

    assert kinds == ["unexplained"]
    assert evidence.endswith("; no known kind of mistake gives these values")


def test_a_penalty_at_one_end_of_a_vector_is_one_of_its_intercept():
    truth, at = TRUTH[0], AT[0]
    claim = truth + np.array([0, 0, 0, 0.37 * at[3]])

    with np.errstate(all="ignore"):
        found = patterns(suspect(claim, truth=truth, at=at), LAM)

    assert [guess.kind for guess in found] == ["regulariser-on-bias", "single-entry"]
    assert {guess.hint for guess in found} == {"subtract 0.37 * W"}


def test_what_is_wrong_in_one_entry_is_the_hint_and_not_the_place_alone():
    with np.errstate(all="ignore"):
        (guess,) = patterns(suspect(changed((1, 2), 2 * TRUTH[1, 2])), LAM)

    assert guess.kind == "single-entry"
    assert "a factor" in guess.hint


@pytest.mark.parametrize(("off", "nearly"), [(1e-6, True), (5e-3, True), (0.1, False)])
def test_block_that_is_nearly_right_may_be_what_a_tolerance_leaves(off, nearly):
    claim = TRUTH + off * np.abs(TRUTH).max() * np.cos(np.arange(20.0)).reshape(TRUTH.shape)

    assert ("approximate=" in unexplained(suspect(claim)).hint) == nearly
