"""Functions with many outputs: Jacobians, Hessians and their products with vectors."""

import numpy as np
import pytest

from gradcheck import InvalidInput, Verdict, check_hessian, check_jacobian

rng = np.random.default_rng(0)
A = rng.normal(size=(5, 4))
X = rng.normal(size=4)


def f(x):
    return np.tanh(A @ x) * x[0]


def jac(x):
    J = (1 - np.tanh(A @ x) ** 2)[:, None] * A * x[0]
    J[:, 0] += np.tanh(A @ x)
    return J


def jvp(x, v):
    return jac(x) @ v


def vjp(x, w):
    return w @ jac(x)


def cost(p):
    return np.sum(np.tanh(p["W"] @ p["x"]) ** 2)


def grad(p):
    A = np.tanh(p["W"] @ p["x"])
    dZ = 2 * A * (1 - A**2)
    return {"W": np.outer(dZ, p["x"]), "x": p["W"].T @ dZ}


PARAMS = {"W": rng.normal(size=(2, 3)), "x": rng.normal(size=3)}


def quadratic(x):
    return 0.5 * x @ (A.T @ A) @ x + np.sum(x**3)


def quadratic_grad(x):
    return A.T @ A @ x + 3 * x**2


def quadratic_hess(x):
    return A.T @ A + np.diag(6 * x)


def test_right_jacobian_passes_with_all_its_products():
    report = check_jacobian(f, jac, X, jvp=jvp, vjp=vjp)

    assert report.verdict == Verdict.PASS
    assert [(name, b.shape) for name, b in report.blocks.items()] == [
        ("J", (5, 4)),
        ("jvp", (3, 5)),
        ("vjp", (3, 4)),
    ]
    assert report.resolution < 1e-5


def test_jacobian_may_be_an_array_or_have_the_shapes_of_result_and_argument():
    assert check_jacobian(f, jac(X), X)

    square = X.reshape(2, 2)
    full = check_jacobian(
        lambda x: f(x.ravel()).reshape(5, 1),
        lambda x: jac(x.ravel()).reshape(5, 1, 2, 2),
        square,
    )
    assert full.verdict == Verdict.PASS


WRONG_JACOBIANS = {
    "one entry off by 1e-5": lambda J: J * (1 + 1e-5 * (np.arange(20).reshape(5, 4) == 7)),
    "one entry zero": lambda J: J * (np.arange(20).reshape(5, 4) != 7),
    "one row negated": lambda J: J * np.array([1, 1, -1, 1, 1])[:, None],
    "rows exchanged": lambda J: J[[1, 0, 2, 3, 4]],
    "all off by 1e-6": lambda J: J * (1 + 1e-6),
}


@pytest.mark.parametrize("name", WRONG_JACOBIANS)
def test_wrong_jacobian_fails(name):
    wrong = WRONG_JACOBIANS[name]

    assert check_jacobian(f, lambda x: wrong(jac(x)), X).verdict == Verdict.FAIL


@pytest.mark.parametrize("name", WRONG_JACOBIANS)
def test_products_with_a_wrong_jacobian_fail(name):
    wrong = WRONG_JACOBIANS[name]

    one = check_jacobian(f, None, X, jvp=lambda x, v: wrong(jac(x)) @ v)
    other = check_jacobian(f, None, X, vjp=lambda x, w: w @ wrong(jac(x)))

    assert one.verdict == other.verdict == Verdict.FAIL


@pytest.mark.parametrize(
    "change", [np.abs, np.square, np.ones_like, lambda w: w[::-1], lambda w: w / np.linalg.norm(w)]
)
def test_vjp_that_mistreats_its_cotangent_fails(change):
    assert check_jacobian(f, None, X, vjp=lambda x, w: vjp(x, change(w))).verdict == Verdict.FAIL


def test_products_that_belong_to_different_jacobians_are_named():
    report = check_jacobian(f, None, X, jvp=jvp, vjp=lambda x, w: vjp(x, 2 * w))

    assert "not-adjoint" in [finding.code for finding in report.findings]
    assert report.blocks["jvp"].verdict == Verdict.PASS
    assert report.blocks["vjp"].verdict == Verdict.FAIL


class Sparse:
    """What leaves out zeros, as SciPy's arrays do."""

    def __init__(self, array):
        self.array = array

    def toarray(self):
        return self.array


def test_entry_that_a_sparse_jacobian_leaves_out_is_missed():
    forgotten = jac(X)
    forgotten[2, 1] = 0

    assert check_jacobian(f, Sparse(jac(X)), X).verdict == Verdict.PASS
    assert check_jacobian(f, Sparse(forgotten), X).verdict == Verdict.FAIL


@pytest.mark.parametrize(
    ("result", "code"),
    [(jac(X).T, "transposed"), (None, "none"), (np.ones(3), "wrong-shape"), ("J", "wrong-type")],
    ids=["transposed", "none", "shape", "text"],
)
def test_jacobian_of_another_form_is_a_finding(result, code):
    report = check_jacobian(f, lambda x: result, X)

    assert report.verdict == Verdict.FAIL
    assert [finding.code for finding in report.findings] == [code]


def test_reused_output_buffer_does_not_hide_a_wrong_jacobian():
    buffer = np.empty(5)

    def reused(x):
        buffer[:] = f(x)
        return buffer

    assert check_jacobian(reused, np.zeros((5, 4)), X).verdict == Verdict.FAIL
    assert check_jacobian(reused, jac, X).verdict == Verdict.PASS


@pytest.mark.parametrize(
    "call",
    [
        lambda: check_jacobian(f, None, X),
        lambda: check_jacobian(f, jac, {"a": X, "b": X}),
        lambda: check_jacobian(lambda x: None, jac, X),
        lambda: check_jacobian(lambda x: np.log(x - 10), jac, X),
        lambda: check_hessian(quadratic, None, X),
        lambda: check_hessian(quadratic, quadratic_hess, X, grad=quadratic_grad(X)),
    ],
    ids=["nothing given", "two arrays", "None", "not finite", "no Hessian", "gradient an array"],
)
def test_what_cannot_be_checked_is_refused(call):
    with np.errstate(all="ignore"), pytest.raises(InvalidInput):
        call()


def test_right_hessian_passes_over_several_blocks():
    def hess(params):
        flat = np.concatenate([params["W"].ravel(), params["x"]])
        H = np.empty((9, 9))
        for i in range(9):
            step = np.zeros(9, dtype=complex)
            step[i] = 1e-30j
            z = flat + step
            g = grad({"W": z[:6].reshape(2, 3), "x": z[6:]})
            H[:, i] = np.concatenate([g["W"].ravel(), g["x"]]).imag / 1e-30
        return H

    report = check_hessian(cost, hess, PARAMS, grad=grad)

    assert report.verdict == Verdict.PASS
    assert report.blocks["H"].shape == (9, 9)
    assert check_hessian(cost, lambda p: hess(p) * 1.00001, PARAMS, grad=grad).verdict == "FAIL"


def test_hessian_can_be_held_against_the_cost_alone():
    assert check_hessian(quadratic, quadratic_hess, X).verdict == Verdict.PASS
    wrong = check_hessian(quadratic, lambda x: 1.001 * quadratic_hess(x), X)
    assert wrong.verdict == Verdict.FAIL


def test_hessian_vector_products_pass_and_fail():
    def hvp(x, v):
        return quadratic_hess(x) @ v

    right = check_hessian(quadratic, None, X, grad=quadratic_grad, hvp=hvp)
    wrong = check_hessian(
        quadratic, None, X, grad=quadratic_grad, hvp=lambda x, v: hvp(x, v) + 1e-4 * v
    )

    assert right.verdict == Verdict.PASS
    assert wrong.verdict == Verdict.FAIL


def test_a_wrong_gradient_is_blamed_and_not_the_hessian():
    report = check_hessian(quadratic, quadratic_hess, X, grad=lambda x: 2 * quadratic_grad(x))

    assert report.verdict == Verdict.FAIL
    assert report.findings[0].code == "gradient-wrong"
    assert "H" not in report.blocks


def test_hessian_that_is_not_symmetric_is_a_finding():
    def lopsided(x):
        H = quadratic_hess(x)
        H[0, 1] *= 1.01
        return H

    report = check_hessian(quadratic, lopsided, X, grad=quadratic_grad)

    assert report.verdict == Verdict.FAIL
    assert "not-symmetric" in [finding.code for finding in report.findings]


def test_a_kink_of_one_output_does_not_spoil_the_others():
    report = check_jacobian(
        lambda x: np.array([abs(x[0]), np.sin(x[0])]), np.array([[0.5], [1.0]]), np.array([0.0])
    )

    assert [str(v) for v in report.blocks["J"].verdicts] == ["KINK", "PASS"]


LINEAR = np.array([1.0, -2.0, 0.0, 3.0])


@pytest.mark.parametrize("own", [lambda x: LINEAR.copy(), None], ids=["given", "measured"])
def test_the_hessian_of_a_linear_cost_is_zero_and_nothing_else(own):
    """Nothing moves, but the gradient it stands for has passed and sets the scale."""
    right = check_hessian(lambda x: LINEAR @ x, np.zeros((4, 4)), X, grad=own)
    wrong = check_hessian(lambda x: LINEAR @ x, np.full((4, 4), 1e-6), X, grad=own)

    assert right.verdict == Verdict.PASS
    assert wrong.blocks["H"].count(Verdict.FAIL) == 16


def test_the_hessian_of_a_constant_cost_is_inconclusive():
    report = check_hessian(lambda x: 3.0, np.zeros((4, 4)), X, grad=lambda x: 0 * x)

    assert report.verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize("value", [0.0, 5.0, 1e6])
def test_outputs_that_do_not_move_have_a_row_of_zeros(value):
    J = np.zeros((2, 4))
    J[0, 0] = np.cos(X[0])

    report = check_jacobian(lambda x: np.array([np.sin(x[0]), value]), J, X)

    assert report.blocks["J"].count(Verdict.PASS) == 8
    J[1, 2] = 1e-3
    assert check_jacobian(lambda x: np.array([np.sin(x[0]), value]), J, X).verdict == Verdict.FAIL


def drawn(product):
    """A product, or a Jacobian, times a random factor."""
    draw = np.random.default_rng(0)
    return lambda *arguments: product(*arguments) * draw.uniform(1, 2)


@pytest.mark.parametrize("name", ["J", "jvp", "vjp"])
def test_what_differs_from_call_to_call_is_named_as_that_alone(name):
    products = {"jac": jac, "jvp": jvp, "vjp": vjp}
    key = "jac" if name == "J" else name
    products[key] = drawn(products[key])

    report = check_jacobian(f, products.pop("jac"), X, **products)

    assert [(finding.code, finding.block) for finding in report.findings] == [
        ("nondeterministic", name)
    ]
    assert [(d.kind, d.block) for d in report.diagnoses] == [("nondeterministic", name)]
    assert [block for block, r in report.blocks.items() if r.verdict == Verdict.FAIL] == [name]


def test_a_drawn_hessian_is_not_said_to_lack_symmetry():
    draw = np.random.default_rng(0)

    report = check_hessian(
        lambda x: np.sum(x**3), lambda x: np.diag(6 * x) + draw.random((4, 4)), X
    )

    assert [(f.code, f.block) for f in report.findings] == [("nondeterministic", "H")]


def test_pass_says_what_was_checked_by_evaluations_of_what():
    x = np.array([0.3, -0.7])
    jacobian = check_jacobian(np.sin, lambda x: np.diag(np.cos(x)), x)
    hessian = check_hessian(
        lambda x: np.sin(x).sum(), lambda x: -np.diag(np.sin(x)), x, grad=np.cos
    )

    first, second, _ = str(jacobian).splitlines()
    assert first == "PASS: the Jacobian agrees with its numerical derivatives"
    assert second.endswith(f"by {jacobian.evaluations} evaluations of the function")
    first, second, _ = str(hessian).splitlines()
    assert first == "PASS: the Hessian agrees with its numerical derivatives"
    assert second.endswith(f"by {hessian.evaluations} evaluations of the cost and its gradient")
