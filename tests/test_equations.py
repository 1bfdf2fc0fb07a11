"""With probes the equation to blame is named, whatever inherits its mistake."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import backprop
from gradcheck import Intermediates, InvalidInput, Verdict, check_gradient, probe
from gradcheck.equations import term

N0, N1, N2, M = 3, 4, 2, 7

RIGHT = {
    "dZ2": "A2 - Y",
    "dW2": "1 / m * dZ2 @ A1.T",
    "db2": "1 / m * np.sum(dZ2, axis=1, keepdims=True)",
    "dA1": "W2.T @ dZ2",
    "dZ1": "dA1 * slope(Z1)",
    "dW1": "1 / m * dZ1 @ X.T",
    "db1": "1 / m * np.sum(dZ1, axis=1, keepdims=True)",
}

MISTAKES = [
    ("dZ2", "Y - A2", "sign"),
    ("dZ2", "(A2 - Y) / m", "mean-for-sum"),
    ("dZ2", "(A2 - Y) * A2 * (1 - A2)", "activation-derivative-doubled"),
    ("dW2", "dZ2 @ A1.T", "sum-for-mean"),
    ("dW2", "1 / m * dZ2 @ Z1.T", "wrong-input"),
    ("dW2", "1 / m * A1 @ dZ2.T", "transposed"),
    ("db2", "1 / m * np.sum(dZ2)", "summed-over-all-axes"),
    ("db2", "1 / m * np.sum(dZ2, axis=1)", "keepdims-forgotten"),
    ("db2", "1 / m * dZ2", "not-summed"),
    ("dZ1", "dA1", "activation-derivative-missing"),
    ("dZ1", "dA1 * slope(A1)", "activation-derivative-at-wrong-argument"),
    ("dZ1", "-dA1 * slope(Z1)", "sign"),
    ("dW1", "dZ1 @ X.T", "sum-for-mean"),
    ("dW1", "-1 / m * dZ1 @ X.T", "sign"),
    ("dW1", "0 * W1", "zero"),
    ("db1", "np.sum(dZ1, axis=1, keepdims=True)", "sum-for-mean"),
    ("db1", "1 / m * np.sum(dZ1, axis=1)", "keepdims-forgotten"),
    ("db1", "1 / m * dZ1", "not-summed"),
]

INHERIT = {
    "dZ2": {"dW2", "db2", "dZ1", "dW1", "db1"},
    "dZ1": {"dW1", "db1"},
}


def network(activation="tanh"):
    rng = np.random.default_rng(1)
    shapes = {"W1": (N1, N0), "b1": (N1, 1), "W2": (N2, N1), "b2": (N2, 1)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    X, Y = rng.normal(size=(N0, M)), rng.uniform(size=(N2, M))
    g, slope = backprop.ACTIVATIONS[activation]

    def cost(p, X, Y):
        Z1 = probe("Z1", p["W1"] @ X + p["b1"])
        A1 = probe("A1", g(Z1))
        Z2 = probe("Z2", p["W2"] @ A1 + p["b2"])
        return np.sum(backprop.loss(Z2, Y)) / M

    def backward(p, X, Y, values=None, **instead):
        values = {**(values or {}), **p, "X": X, "Y": Y, "m": M, "np": np, "slope": slope}
        values["Z1"] = p["W1"] @ X + p["b1"]
        values["A1"] = g(values["Z1"])
        values["A2"] = backprop.sigmoid.g(p["W2"] @ values["A1"] + p["b2"])
        for name, equation in {**RIGHT, **instead}.items():
            values[name] = eval(equation, values)
        return {name: values[name] for name in RIGHT}

    return cost, backward, params, (X, Y)


def check(instead, activation="tanh", names=("Z1", "Z2"), **options):
    cost, backward, params, args = network(activation)
    spec = Intermediates(names, scale=M, equations=backprop.EQUATIONS)
    return check_gradient(
        cost,
        lambda p, X, Y: backward(p, X, Y, **instead),
        params,
        args=args,
        intermediates=spec,
        **options,
    )


def test_gradient_that_raises_at_its_last_call_is_bad_input_as_at_any_other():
    cost, backward, params, args = network()
    spec = Intermediates(("Z1", "Z2"), scale=M)
    last = check_gradient(cost, backward, params, args=args, intermediates=spec)
    calls = itertools.count(1)

    def failing(*arguments):
        if next(calls) == last.gradient_evaluations:
            raise RuntimeError("too late")
        return backward(*arguments)

    with pytest.raises(InvalidInput, match=r"`grad` raised RuntimeError .* too late"):
        check_gradient(cost, failing, params, args=args, intermediates=spec)


@pytest.mark.parametrize("activation", backprop.ACTIVATIONS)
def test_right_equations_pass_and_the_convention_is_shown(activation):
    report = check({}, activation, names=("Z1", "A1", "Z2"))

    assert (report.verdict, report.equation, report.blame) == (Verdict.PASS, None, None)
    assert set(report.blocks) == {"W1", "b1", "W2", "b2", "Z1", "A1", "Z2"}
    assert "dZ1, dA1, dZ2 of 7 times the cost" in str(report)


@pytest.mark.parametrize(("name", "equation", "kind"), MISTAKES)
def test_the_wrong_equation_is_blamed_with_the_kind_of_mistake(name, equation, kind):
    report = check({name: equation})

    assert report.equation == name
    assert report.blame.equations == (name,)
    assert set(report.blame.inherited) == INHERIT.get(name, set())
    assert report.diagnoses[0].kind == kind
    assert report.diagnoses[0].block == name[1:]
    number = list(backprop.EQUATIONS).index(name) + 1
    assert f"equation {number}: {backprop.EQUATIONS[name]}" in str(report)
    lines = str(report).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(("name", "equation", "kind"), MISTAKES)
def test_data_have_the_equation_and_the_term_that_is_wrong(name, equation, kind):
    data = check({name: equation}).to_dict()

    number = list(backprop.EQUATIONS).index(name) + 1
    assert data["equations"] == {name: f"equation {number}: {backprop.EQUATIONS[name]}"}
    assert data["terms"] == {name: term(backprop.EQUATIONS[name], kind)}


@pytest.mark.parametrize(
    ("name", "kind", "marked"),
    [
        ("dW2", "sum-for-mean", "1/m"),
        ("dW2", "wrong-input", "A1^T"),
        ("dW1", "transposed", "X^T"),
        ("dZ1", "activation-derivative-missing", "g1'(Z1)"),
        ("db1", "summed-over-wrong-axis", "axis=1"),
        ("db1", "keepdims-forgotten", "keepdims=True"),
        ("db2", "not-summed", "np.sum(dZ2, axis=1, keepdims=True)"),
        ("dZ2", "sign", "A2 - Y"),
        ("dZ2", "sum-for-mean", "A2 - Y"),
        ("dW1", "", "1/m dZ1 X^T"),
    ],
)
def test_term_is_where_such_a_mistake_is_made(name, kind, marked):
    assert term(backprop.EQUATIONS[name], kind) == marked


@pytest.mark.parametrize("activation", backprop.ACTIVATIONS)
@pytest.mark.parametrize("name", backprop.EQUATIONS)
def test_every_equation_is_blamed_with_any_activation(name, activation):
    report = check({name: f"1.5 * ({RIGHT[name]})"}, activation)

    assert report.equation == name
    assert report.to_dict()["equation"] == name


def test_what_has_no_equation_of_its_own_is_part_of_the_next():
    report = check({"dA1": "2 * W2.T @ dZ2"}, names=("Z1", "A1", "Z2"))

    assert (report.equation, report.diagnoses[0].block) == ("dZ1", "A1")


def test_of_gradients_that_differ_from_call_to_call_no_equation_is_called_wrong():
    draw = np.random.default_rng(0)
    cost, backward, params, args = network()

    def drawn(p, X, Y):
        right = backward(p, X, Y)
        return {**right, "dW1": right["dW1"] * draw.random((N1, N0))}

    report = check_gradient(
        cost, drawn, params, args=args, intermediates=Intermediates(("Z1", "Z2"), scale=M)
    )

    assert "the equation of dW1   <- differs from call to call" in str(report)
    assert [(d.kind, d.block) for d in report.diagnoses] == [("nondeterministic", "W1")]


def test_two_wrong_equations_are_both_blamed():
    report = check({"dW2": "dZ2 @ A1.T", "db1": f"-({RIGHT['db1']})"})

    assert report.blame.equations == ("dW2", "db1")


def test_a_wrong_factor_that_the_next_equation_takes_back_is_seen_in_both():
    report = check({"dZ1": "2 * dA1 * slope(Z1)", "dW1": "1 / (2 * m) * dZ1 @ X.T"})

    assert report.blocks["W1"].verdict == Verdict.PASS
    assert report.blame.equations == ("dZ1",)
    assert report.blame.inherited == ("db1",)
    assert f"{backprop.EQUATIONS['dW1']}   <- dW1 is right, but does not follow" in str(report)
    assert set(report.to_dict()["equations"]) == {"dZ1"}


def by(scale, instead=None, **options):
    """A check of the network, whose gradients of intermediates are those of M times the cost."""
    cost, backward, params, args = network()
    spec = Intermediates(("Z1", "Z2"), scale=scale, equations=backprop.EQUATIONS)

    def grad(p, X, Y):
        return backward(p, X, Y, **(instead or {}))

    return check_gradient(cost, grad, params, args=args, intermediates=spec, **options)


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (1, "`dZ2`, `dZ1` belong to 7 times the cost; the gradients of the parameters are right"),
        (2, "`dZ2`, `dZ1` belong to 7 times the cost, and not to 2 times;"),
        (-7, "`dZ2`, `dZ1` belong to 7 times the cost, and not to -7 times;"),
        (2 / 3, "`dZ2`, `dZ1` belong to 7 times the cost, and not to 0.666666667 times;"),
    ],
)
def test_another_convention_than_the_declared_one_is_named_and_no_equation_is_blamed(scale, said):
    report = by(scale)

    (diagnosis,) = report.diagnoses
    assert report.verdict == Verdict.FAIL
    assert said in str(diagnosis)
    assert "scale=7" in diagnosis.hint
    assert (diagnosis.kind, diagnosis.block, diagnosis.sure) == ("convention", None, "likely")
    assert (report.equation, report.blame.equations, report.blame.inherited) == (None, (), ())
    assert "<- " not in str(report)


def test_the_convention_of_the_cost_itself_is_named():
    instead = {"dZ2": "(A2 - Y) / m", "dW2": "dZ2 @ A1.T", "dW1": "dZ1 @ X.T"}
    instead |= {
        b: f"np.sum({z}, axis=1, keepdims=True)" for b, z in (("db1", "dZ1"), ("db2", "dZ2"))
    }

    report = by(M, instead)

    assert "belong to the cost itself, and not to 7 times" in str(report.diagnoses[0])
    assert "leave `scale` out" in report.diagnoses[0].hint


@pytest.mark.parametrize(
    ("name", "equation", "kind"),
    [
        ("dW2", "1 / m * dZ2 @ Z1.T", "wrong-input"),
        ("dZ1", "dA1 * slope(A1)", "activation-derivative-at-wrong-argument"),
        ("dW1", "-1 / m * dZ1 @ X.T", "sign"),
    ],
)
def test_a_mistake_is_found_beside_a_convention_that_is_not_declared(name, equation, kind):
    report = by(1, {name: equation})

    convention, mistake = report.diagnoses[:2]
    assert (convention.kind, convention.block) == ("convention", None)
    assert "7 times the cost" in str(convention)
    assert "parameters are right" not in str(convention)
    assert (mistake.block, mistake.kind) == (name[1:], kind)
    assert report.blame.equations == (name,)
    assert set(report.blame.inherited) == INHERIT.get(name, set())


def test_one_factor_in_the_whole_backward_pass_is_no_convention():
    report = check({"dZ2": "3 * (A2 - Y)"})

    assert report.blame.equations == ("dZ2",)


def test_what_is_right_is_not_called_wrong():
    cost, backward, params, args = network()

    def doubled(p, X, Y):
        right = backward(p, X, Y)
        return {**right, "dZ1": 2 * right["dZ1"]}  # after dW1 and db1 were made with it

    report = check_gradient(
        cost, doubled, params, args=args, intermediates=Intermediates(("Z1", "Z2"), scale=M)
    )

    assert report.blame.equations == ("dZ1",)
    assert {d.block for d in report.diagnoses} == {"Z1"}
    for name in ("W1", "b1"):
        said = f"the equation of d{name}   <- d{name} is right, but does not follow from the dZ1 r"
        assert report.blocks[name].verdict == Verdict.PASS
        assert said in str(report)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda d: d.pop("dZ1"), "missing-block", "the gradient has no `dZ1`"),
        (lambda d: d.update(dZ1=None), "none", "`dZ1` is None, expected an array of shape (4, 7)"),
    ],
)
def test_a_forgotten_intermediate_is_missed_and_not_compared(change, code, message):
    cost, backward, params, args = network()

    def partial(p, X, Y):
        gradients = backward(p, X, Y)
        change(gradients)
        return gradients

    report = check_gradient(
        cost, partial, params, args=args, intermediates=Intermediates(("Z1", "Z2"), scale=M)
    )

    (finding,) = report.findings
    assert (finding.code, finding.block) == (code, "Z1")
    assert message in finding.message
    assert [(d.kind, d.block) for d in report.diagnoses] == [(code, "Z1")]
    assert report.equation == "dZ1"
    assert (report.blocks["Z1"].verdict, report.blocks["Z1"].entries) == (Verdict.FAIL, 0)
    assert "the equation of dZ1   <- missing" in str(report)
    assert "nan" not in str(report)


def test_steps_of_a_loop_have_probes_of_one_name():
    x, w = np.array([0.3, -0.7]), {"w": np.array([0.8, 1.1])}

    def cost(p):
        h = x
        for _ in range(2):
            h = probe("h", np.tanh(p["w"] * h))
        return np.sum(h**2)

    def backward(p, slip=1.0):
        h = [x]
        for _ in range(2):
            h.append(np.tanh(p["w"] * h[-1]))
        last = 2 * h[2]
        first = slip * last * (1 - h[2] ** 2) * p["w"]
        dw = last * (1 - h[2] ** 2) * h[1] + first * (1 - h[1] ** 2) * h[0]
        return {"w": dw, "dh": [first, last]}

    right = check_gradient(cost, backward, w, intermediates="h")
    wrong = check_gradient(cost, lambda p: backward(p, 3.0), w, intermediates="h")

    assert right.verdict == Verdict.PASS
    assert set(right.blocks) == {"w", "h", "h[1]"}
    assert (wrong.equation, wrong.blame.inherited) == ("dh", ("dw",))


W = {"W": np.array([[0.3, -0.7, 1.1], [0.5, 0.9, -0.2]])}
DATA = np.random.default_rng(2).normal(size=(3, 5))


def sines(p):
    return np.sum(np.sin(probe("Z", p["W"] @ DATA)))


def of_sines(p, factor=1.0, share=1.0):
    dZ = np.cos(p["W"] @ DATA)
    return {"dZ": share * factor * dZ, "W": factor * dZ @ DATA.T}


@pytest.mark.parametrize(
    "cost",
    [
        lambda p: sines(p) + 0 * sines({"W": 1.1 * p["W"]}),
        lambda p: 0 * sines({"W": 1.1 * p["W"]}) + sines(p),
        lambda p: (sines(p) + sines(p)) / 2,
        lambda p: [sines(p) for _ in range(3)][-1],
    ],
    ids=["a first that counts", "a last that counts", "twice the same", "the last of three"],
)
def test_a_cost_may_run_its_forward_pass_more_than_once(cost):
    right = check_gradient(cost, of_sines, W, intermediates="Z")
    wrong = check_gradient(cost, lambda p: of_sines(p, share=2.0), W, intermediates="Z")
    inherited = check_gradient(cost, lambda p: of_sines(p, 3.0), W, intermediates="Z")

    assert (right.verdict, right.findings) == (Verdict.PASS, ())
    assert len(right.blocks) == 2
    assert wrong.verdict == Verdict.FAIL
    assert inherited.blame.equations == ("dZ",)
    assert inherited.blame.inherited == ("dW",)


def test_one_array_for_forward_passes_at_different_points_belongs_to_the_one_that_it_fits():
    def cost(p):
        return sines({"W": 2 * p["W"]}) + sines(p)

    def backward(p, factor=1.0, slip=1.0):
        dZ, other = np.cos(p["W"] @ DATA), np.cos(2 * p["W"] @ DATA)
        return {"dZ": factor * dZ, "W": slip * (dZ + 2 * other) @ DATA.T}

    right = check_gradient(cost, backward, W, intermediates="Z")
    elsewhere = check_gradient(cost, lambda p: backward(p, 1.5), W, intermediates="Z")
    after = check_gradient(cost, lambda p: backward(p, slip=1.5), W, intermediates="Z")

    assert (right.verdict, set(right.blocks)) == (Verdict.PASS, {"W", "Z[1]"})
    assert [f.code for f in elsewhere.findings] == ["missing-block"]
    assert "the cost meets `Z` 2 times with other values" in str(elsewhere)
    assert "return a list of 2" in str(elsewhere)
    assert after.blame.equations == ("dW",)


@pytest.mark.parametrize(
    ("intermediates", "message"),
    [
        ("Z3", "no probe of that name; it calls `Z1`, `A1`, `Z2`"),
        (("Z1", "Z3"), "`Z3`, but the cost calls no probe of that name"),
        (5, "expected names of probes"),
        ([], "expected names of probes"),
        ({"Z1": 1}, "expected names of probes"),
    ],
)
def test_bad_intermediates_are_refused(intermediates, message):
    cost, backward, params, args = network()

    with pytest.raises(InvalidInput, match=message):
        check_gradient(cost, backward, params, args=args, intermediates=intermediates)


@pytest.mark.parametrize("scale", [0, np.nan, "m", True, None])
def test_bad_scale_is_refused(scale):
    with pytest.raises(InvalidInput, match="`scale`"):
        Intermediates("Z1", scale=scale)


def test_a_gradient_made_with_another_cotangent_is_not_said_to_have_another_input():
    report = check({"dW1": "1 / m * dA1 @ X.T"}, names=("Z1", "A1", "Z2"))

    assert report.equation == "dW1"
    assert str(report.diagnoses[0]) == "`dW1` is made with `dA1` in place of `dZ1`"


def redrawn(draw):
    return {
        "masked": lambda d: d * (draw.random(d.shape) < 0.5),
        "scaled": lambda d: d * draw.random(),
        "noisy": lambda d: d + draw.normal(size=d.shape),
    }


def broken(number):
    return lambda d: np.where(np.arange(d.size).reshape(d.shape) == 1, number, d)


ODD = {
    "zero": np.zeros_like,
    "orthogonal": lambda d: np.roll(d, 1) * (np.arange(d.size).reshape(d.shape) == np.argmin(d)),
    "nan": broken(np.nan),
    "inf": broken(-np.inf),
    "all nan": lambda d: d * np.nan,
    "complex": lambda d: d + 0j,
    "complex nan": lambda d: d * complex(1, np.nan),
    "transposed": lambda d: d.T,
    "flat": np.ravel,
    "one row": lambda d: d[:1],
    "rank 0": np.sum,
    "empty": lambda d: d[:0],
    "integers": lambda d: np.ceil(3 * d).astype(int),
    "truth values": lambda d: d > 0,
    "objects": lambda d: d.astype(object),
    "text": lambda d: d.astype(str),
    "masked array": lambda d: np.ma.array(d, mask=d > 0),
    "lists": lambda d: [list(row) for row in d[:, :1]] + [[1.0, 2.0]],
    "none": lambda d: None,
    **redrawn(np.random.default_rng(3)),
}


def changed(mistakes, names=("Z1", "Z2"), scale=M, through=True):
    """A check of the network with dZ1 and dZ2 changed, and what follows from them too or not."""
    cost, backward, params, args = network()

    @np.errstate(all="ignore")  # of what is NaN or infinite on purpose
    def grad(p, X, Y):
        instead = {
            f"d{name}": f"change_{name}({RIGHT[f'd{name}']})" for name in mistakes if through
        }
        changes = {f"change_{name}": change for name, change in mistakes.items()}
        made = backward(p, X, Y, values=changes, **instead)
        if not through:
            made |= {f"d{name}": change(made[f"d{name}"]) for name, change in mistakes.items()}
        return made

    spec = Intermediates(names, scale=scale)
    return check_gradient(cost, grad, params, args=args, intermediates=spec)


# What follows cannot be computed from these.
ALONE = {"transposed", "flat", "one row", "rank 0", "empty", "objects", "text", "lists", "none"} | {
    "masked array"
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_of_an_intermediate_is_blamed_on_its_equation_alone(odd):
    report = changed({"Z1": ODD[odd]}, through=odd not in ALONE)

    errors = [f.block for f in report.findings if f.severity == "error"]
    assert report.blocks["Z1"].verdict == Verdict.FAIL
    assert report.blame.equations == ("dZ1",)
    assert set(report.blame.inherited) == (set() if odd in ALONE else {"dW1", "db1"})
    assert {d.block for d in report.diagnoses} == {"Z1"}
    assert errors[:1] in ([], ["Z1"])
    assert "dZ1" in str(report).splitlines()[0]
    assert all(name not in report.blame.marks for name in ("dZ2", "dW2", "db2"))


@pytest.mark.parametrize("odd", ["nan", "inf", "all nan", "complex", "complex nan", "masked"])
def test_what_is_odd_of_the_last_layer_is_inherited_by_all_before(odd):
    report = changed({"Z2": ODD[odd]})

    assert "`dZ2`" in str(report).splitlines()[0]
    assert report.blame.equations == ("dZ2",)
    assert set(report.blame.inherited) == INHERIT["dZ2"]


@settings(max_examples=12)
@given(
    st.dictionaries(st.sampled_from(["Z1", "Z2"]), st.sampled_from(sorted(ODD)), min_size=1),
    st.sampled_from([1, M]),
    st.booleans(),
)
@example({"Z1": "complex", "Z2": "inf"}, M, True)
def test_whatever_is_said_of_intermediates_there_is_a_report(odd, scale, through):
    through = through and not ALONE & {*odd.values()}
    # There are no whole numbers of complex ones.
    through = through and not ("integers" in odd.values() and "complex" in " ".join(odd.values()))

    report = changed(
        {name: ODD[which] for name, which in odd.items()}, scale=scale, through=through
    )

    assert report.verdict == Verdict.FAIL
    assert str(report).startswith("FAIL")
    assert report.to_json()


@pytest.mark.parametrize("mistake", ["masked", "scaled", "noisy"])
def test_of_what_is_redrawn_no_value_is_diagnosed(mistake):
    report = changed({"Z1": ODD[mistake]})

    assert "`dZ1` differs between two calls" in str(report).splitlines()[0]
    assert [(d.kind, d.block) for d in report.diagnoses] == [("nondeterministic", "Z1")]


def test_a_mistake_of_its_own_is_seen_beside_what_is_inherited():
    values = {"nan": broken(np.nan)}
    cost, backward, params, args = network()
    wrong = {"dZ1": "nan(dA1 * slope(Z1))", "dW1": "2 / m * dZ1 @ X.T"}
    report = check_gradient(
        cost,
        lambda p, X, Y: backward(p, X, Y, values=values, **wrong),
        params,
        args=args,
        intermediates=Intermediates(("Z1", "Z2"), scale=M),
    )

    assert report.blame.equations == ("dZ1", "dW1")
    assert report.blame.inherited == ("db1",)


@pytest.mark.parametrize("factor", [2, -1, 0.5])
@pytest.mark.parametrize(("name", "rest"), [("Z1", set()), ("Z2", {"dW2", "db2"})])
def test_a_factor_beside_a_convention_that_is_not_declared_is_told_from_it(name, rest, factor):
    report = changed({name: lambda d: factor * d}, names=(name,), scale=1)

    assert report.blame.equations == (f"d{name}",)
    assert set(report.blame.inherited) == {"dW1", "db1"} | rest
    assert [d.block for d in report.diagnoses[:2]] == [None, name]
    assert (
        report.diagnoses[0].evidence
        == f"`d{name}` belongs to 7 times the cost; 7 = M = columns of X"
    )


def test_a_factor_that_a_convention_may_explain_as_well_is_not_certain():
    x = np.array([0.5, -1.0, 2.0, 1.5])

    def cost(p):
        return np.mean(np.sin(probe("z", p["w"] * x)))

    def backward(p):
        dz = 2 * np.cos(p["w"] * x)  # of the sum, and twice
        return {"dz": dz, "dw": dz * x / 4}

    report = check_gradient(cost, backward, {"w": np.full(4, 0.7)}, intermediates="z")

    assert {d.sure for d in report.diagnoses if d.block == "w"} == {"possible"}
    assert "unless `dz` belongs to a multiple of the cost" in str(report).replace("\n      ", " ")


def test_a_convention_that_is_not_declared_is_found_beside_what_is_not_finite():
    report = changed({"Z1": broken(np.nan)}, scale=1)

    assert report.blame.equations == ("dZ1",)
    assert report.diagnoses[0].kind == "convention"


def test_a_small_mask_that_is_redrawn_is_found_although_two_draws_may_be_alike():
    draws = itertools.cycle([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])

    def cost(p):
        return float(probe("z", p["w"] ** 2).sum())

    def backward(p):
        dz = np.ones(1) * next(draws)
        return {"dz": dz, "dw": 2 * p["w"] * dz}

    report = check_gradient(cost, backward, {"w": np.array([1.5])}, intermediates="z")

    assert (report.blame.equations, report.blame.inherited) == (("dz",), ("dw",))


def test_gradients_of_steps_that_are_redrawn_are_found_in_their_list():
    draw = np.random.default_rng(4)

    def cost(p):
        return np.sum(probe("h", np.tanh(p["w"] * probe("h", p["w"] * W["W"]))))

    def backward(p):
        h = p["w"] * W["W"]
        last = np.ones(h.shape)
        inner = last * (1 - np.tanh(p["w"] * h) ** 2)
        first = inner * p["w"] * (draw.random(h.shape) < 0.5)
        return {"dw": np.array(np.sum(inner * h + first * W["W"])), "dh": [first, last]}

    report = check_gradient(cost, backward, {"w": np.array(0.8)}, intermediates="h")

    assert (report.blame.equations, report.blame.inherited) == (("dh",), ("dw",))


def of_relu(dz, da="2 * a / a.size"):
    """A check of the mean square of relu, with the equations of its backward pass as text."""
    w, x = np.array([0.7, -0.4, 1.1]), np.random.default_rng(2).normal(size=(3, 5))

    def cost(p):
        return np.mean(probe("a", np.maximum(probe("z", p["w"][:, None] * x), 0)) ** 2)

    def backward(p):
        z = p["w"][:, None] * x
        values = {"z": z, "a": np.maximum(z, 0), "np": np}
        values["da"] = eval(da, values)
        values["dz"] = eval(dz, values)
        return {"da": values["da"], "dz": values["dz"], "dw": np.sum(values["dz"] * x, axis=1)}

    return check_gradient(cost, backward, {"w": w}, intermediates=("z", "a"))


def test_what_lies_between_the_slopes_of_a_kink_is_no_derivative_there():
    """Below 0 the output of relu is 0, where relu itself has a kink."""
    report = of_relu("da * np.where(z > 0, 1, 0.01)", da="2 * a / a.size + 0.1 * np.cos(z)")

    kinds = {d.kind for d in report.diagnoses if d.block == "z"}
    assert "activation-derivative-at-wrong-argument" not in kinds
    assert kinds & {"activation-derivative-of-another", "activation-derivative-missing"}


def test_a_gradient_is_not_what_came_in_of_one_that_is_computed_from_it():
    report = of_relu("da * (z > 0)", da="np.where(z > 0, 0.7 * a, 0)")

    assert report.blame.equations == ("da",)
    assert "activation-derivative-missing" not in {d.kind for d in report.diagnoses}
