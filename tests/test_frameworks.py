"""Gradients of PyTorch and JAX are checked by one call, in the right precision."""

import sys

import numpy as np
import pytest

from gradcheck import (
    GradientError,
    InvalidInput,
    Verdict,
    assert_jax,
    assert_torch,
    check_jax,
    check_torch,
)


@pytest.mark.parametrize(("module", "check"), [("torch", check_torch), ("jax", check_jax)])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, module, check):
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ImportError, match=rf"pip install 'gradcheck\[{module}\]'"):
        check(np.sum, np.ones(3))


def codes(report):
    return [finding.code for finding in report.findings]


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; extra `torch`")
    torch.manual_seed(0)
    return torch


@pytest.fixture
def cube(torch):
    """x**3 with a backward step that the test can choose."""

    def made(backward):
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, grad):
                return backward(ctx.saved_tensors[0], grad)

        return lambda x: Cube.apply(x)

    return made


def test_parameters_of_a_module_are_checked_by_their_names(torch):
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    report = check_torch(module, torch.randn(6, 3))

    assert report.verdict == Verdict.PASS
    assert report.blocks.keys() == {name for name, _ in module.named_parameters()}
    assert report.resolution < 1e-4, "in double precision"
    assert all(torch.equal(before[name], t) for name, t in module.state_dict().items())
    assert all(p.dtype == torch.float32 and p.grad is None for p in module.parameters())


def test_random_numbers_of_a_module_are_the_same_in_each_call(torch):
    state = torch.random.get_rng_state()

    report = check_torch(torch.nn.Dropout(0.5), torch.randn(20).requires_grad_(), seed=3)

    claimed = report.blocks["input"].analytic
    assert report.verdict == Verdict.PASS
    assert 0 < np.count_nonzero(claimed) < 20
    torch.random.set_rng_state(state)


def test_many_entries_of_a_module_are_moved_in_few_calls(torch):
    module, calls = torch.nn.Sequential(torch.nn.Linear(9, 8), torch.nn.Dropout(0.3)), []
    module.register_forward_hook(lambda *_: calls.append(1))

    report = check_torch(module, torch.randn(5, 9))

    assert report.verdict == Verdict.PASS
    assert len(calls) < report.evaluations / 8


def test_a_function_that_takes_one_point_at_a_time_is_checked_all_the_same(torch):
    def function(x):
        return x.square().sum() if x.sum().item() < 1e9 else x.sum()

    report = check_torch(function, torch.randn(80).requires_grad_())

    assert report.verdict == Verdict.PASS
    assert report.entries == 80


def test_a_function_that_gives_something_else_for_many_points_is_called_one_by_one(torch):
    def function(x):
        batched = torch._C._functorch.is_batchedtensor(x)
        return x.square().sum() * (3 if batched else 1)

    assert check_torch(function, torch.randn(80).requires_grad_()).verdict == Verdict.PASS


def test_the_generator_of_torch_is_left_as_it_was(torch):
    x = torch.randn(3).requires_grad_()
    before = torch.random.get_rng_state()

    check_torch(lambda x: torch.nn.functional.dropout(x), x)

    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_custom_function_is_judged(torch, cube):
    x = torch.randn(2, 3, requires_grad=True)

    assert check_torch(cube(lambda x, grad: 3 * grad * x**2), x)
    report = check_torch(cube(lambda x, grad: grad * x**2), x)

    assert report.verdict == Verdict.FAIL
    assert report.diagnoses[0].kind == "constant-ratio"
    with pytest.raises(GradientError, match="3 times too small"):
        assert_torch(cube(lambda x, grad: grad * x**2), x)


def test_a_backward_step_that_ignores_its_cotangent_is_told(torch, cube):
    report = check_torch(cube(lambda x, grad: 3 * x**2), torch.randn(4, requires_grad=True))

    assert codes(report) == ["cotangent-ignored"]
    assert [diagnosis.kind for diagnosis in report.diagnoses] == ["cotangent-ignored"]


def test_what_was_detached_has_a_gradient_of_zero_and_fails(torch):
    x = torch.randn(3, requires_grad=True)

    assert check_torch(lambda x: x.detach().square().sum(), x).diagnoses[0].kind == "zero"


def test_inputs_are_checked_if_they_require_a_gradient(torch):
    lstm = torch.nn.LSTM(2, 3)
    state = (torch.randn(1, 1, 3, requires_grad=True), torch.randn(1, 1, 3))

    report = check_torch(lstm, torch.randn(4, 1, 2), state, wrt=("hx[0]", "bias_hh_l0"))

    assert report.verdict == Verdict.PASS
    assert set(report.blocks) == {"hx[0]", "bias_hh_l0"}


def test_an_input_with_the_name_of_a_parameter_is_told_from_it(torch):
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.x = torch.nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.x * x

    report = check_torch(Scale(), torch.ones(2, requires_grad=True))

    assert report.verdict == Verdict.PASS
    assert set(report.blocks) == {"x", "x (input)"}


def test_the_gradient_of_a_single_number_is_shown_as_it_is(torch):
    x = torch.tensor([0.5, -2.0], requires_grad=True)

    report = check_torch(lambda x: x.square().sum(), x)

    np.testing.assert_array_equal(report.blocks["x"].analytic, [1.0, -4.0])


def test_sparse_gradients_are_compared_as_dense_ones(torch):
    embedding = torch.nn.Embedding(4, 2, sparse=True)

    report = check_torch(embedding, torch.tensor([0, 2, 2]))

    assert report.verdict == Verdict.PASS
    assert report.blocks["weight"].entries == 8


@pytest.mark.parametrize("scalar", [True, False])
def test_complex_gradients_of_torch_have_our_convention(torch, scalar):
    def function(z):
        out = z**2 * z.conj()
        return out.abs().square().sum() if scalar else out

    z = torch.randn(3, dtype=torch.complex64).requires_grad_()

    assert check_torch(function, z).verdict == Verdict.PASS


def test_single_precision_of_torch_is_said(torch):
    report = check_torch(torch.nn.Linear(3, 2), torch.randn(5, 3), double=False)

    assert report.verdict == Verdict.PASS
    assert codes(report) == ["single-precision"]
    assert report.resolution > 1e-6


def test_an_error_about_dtypes_says_what_was_done(torch):
    fixed = torch.ones(3, 2)

    with pytest.raises(InvalidInput, match=r"`<lambda>` raised RuntimeError.*double=False"):
        check_torch(lambda x: x @ fixed, torch.ones(2, 3, requires_grad=True))


def test_other_errors_are_torchs_own(torch):
    with pytest.raises(InvalidInput, match=r"`Linear` raised RuntimeError.*cannot be multiplied"):
        check_torch(torch.nn.Linear(3, 2), torch.ones(5, 4))


def test_bad_calls_of_check_torch_are_refused(torch):
    x = torch.ones(3, requires_grad=True)

    for function, inputs, options, message in (
        (3, (), {}, "expected a callable"),
        (torch.sin, (torch.ones(3),), {}, "requires_grad_"),
        (torch.sin, (np.ones(3),), {}, "requires_grad_"),
        (torch.argmax, (x,), {}, "no array of floats"),
        (lambda x: None, (x,), {}, "no array of floats"),
        (torch.sin, (x,), {"jac": True}, "use check_gradient"),
        (torch.sin, (x,), {"seed": -1}, "`seed`"),
        (torch.sin, (x,), {"resolution": 2}, "`resolution`"),
        (torch.sin, (x.detach().bfloat16().requires_grad_(),), {"double": False}, "bfloat16"),
    ):
        with pytest.raises(InvalidInput, match=message):
            check_torch(function, *inputs, **options)


@pytest.fixture
def jax():
    return pytest.importorskip("jax", reason="JAX is not installed; extra `jax`")


@pytest.fixture
def loss(jax):
    def loss(params, X):
        return jax.numpy.mean(jax.numpy.tanh(params["W"] @ X + params["b"]) ** 2)

    return loss


RNG = np.random.default_rng(0)
PARAMS = {"W": RNG.normal(size=(2, 3)), "b": RNG.normal(size=(2, 1))}
X = RNG.normal(size=(3, 5))


def test_arguments_of_a_jax_function_are_checked_by_their_names(loss):
    report = check_jax(loss, PARAMS, X)

    assert report.verdict == Verdict.PASS
    assert set(report.blocks) == {"params.W", "params.b", "X"}
    assert set(check_jax(loss, PARAMS, X, argnums=0).blocks) == {"W", "b"}
    assert set(check_jax(loss, PARAMS, X, argnums=(-1,)).blocks) == {"X"}


def test_jax_computes_in_double_precision_for_the_check_alone(jax, loss):
    off = not jax.config.jax_enable_x64

    report = check_jax(jax.jit(loss), PARAMS, X, argnums=0)

    assert report.resolution < 1e-6
    assert not report.findings
    assert off == (not jax.config.jax_enable_x64)


def test_many_entries_of_a_jax_function_are_moved_in_few_calls(jax):
    calls = []

    def function(x):
        calls.append(1)
        return jax.numpy.sum(jax.numpy.sin(x))

    report = check_jax(function, np.arange(100.0))

    assert report.verdict == Verdict.PASS
    assert len(calls) < report.evaluations / 8


def test_a_jax_function_that_takes_one_point_at_a_time_is_checked_all_the_same(jax):
    refused = []

    def function(x):
        if "Batch" in type(x).__name__:
            refused.append(x)
            raise TypeError("not for many")
        return jax.numpy.sum(x**2)

    report = check_jax(function, np.arange(1.0, 81))

    np.testing.assert_array_equal(report.blocks["x"].analytic, 2 * np.arange(1.0, 81))
    assert refused
    assert report.verdict == Verdict.PASS
    assert report.entries == 80


def test_single_precision_of_jax_is_said_with_the_flag(jax, loss):
    if jax.config.jax_enable_x64:
        pytest.skip("JAX computes in double precision here")

    report = check_jax(jax.jit(loss), PARAMS, X, argnums=0, double=False)

    assert report.verdict == Verdict.PASS
    assert report.resolution > 1e-4
    assert "jax_enable_x64 is off" in str(report)


def test_a_custom_rule_is_judged(jax):
    def made(backward):
        cube = jax.custom_vjp(lambda x: x**3)
        cube.defvjp(lambda x: (x**3, x), backward)
        return cube

    x = np.array([0.5, -1.2, 2.0])

    assert check_jax(made(lambda x, g: (3 * g * x**2,)), x)
    assert codes(check_jax(made(lambda x, g: (3 * x**2,)), x)) == ["cotangent-ignored"]
    with pytest.raises(GradientError, match="3 times too small"):
        assert_jax(made(lambda x, g: (g * x**2,)), x)


def test_a_wrong_rule_inside_a_scalar_function_is_judged_by_its_values(jax):
    cube = jax.custom_vjp(lambda x: x**3)
    cube.defvjp(lambda x: (x**3, x), lambda x, g: (g * x**2,))

    report = check_jax(lambda x: jax.numpy.sum(cube(x)), np.array([0.5, -1.2, 2.0]))

    assert not report.findings
    assert report.verdict == Verdict.FAIL


def test_a_gradient_that_was_stopped_is_zero_and_fails(jax):
    report = check_jax(lambda x: jax.numpy.sum(jax.lax.stop_gradient(x) ** 2), np.ones(3) / 3)

    assert report.diagnoses[0].kind == "zero"


@pytest.mark.parametrize("scalar", [True, False])
def test_complex_gradients_of_jax_have_our_convention(jax, scalar):
    def function(z):
        out = z**2 * z.conj()
        return jax.numpy.sum(jax.numpy.abs(out) ** 2) if scalar else out

    z = RNG.normal(size=3) + 1j * RNG.normal(size=3)

    assert check_jax(function, z).verdict == Verdict.PASS


def test_any_pytree_is_an_argument(jax):
    def function(tree, names, k):
        return {"sum": tree[0]["a"] * k, "both": (tree[1] ** 2, len(names))}

    report = check_jax(function, [{"a": np.ones(2)}, np.ones(3)], ("one", "two"), 2)

    assert report.verdict == Verdict.PASS
    assert set(report.blocks) == {"[0].a", "[1]"}


def test_bad_calls_of_check_jax_are_refused(jax, loss):
    for function, args, options, message in (
        (3, (), {}, "expected a callable"),
        (jax.numpy.sin, (3,), {}, "expected at least one array of floats.*an int"),
        (jax.numpy.sin, (), {}, "got none"),
        (loss, (PARAMS, X), {"argnums": 2}, "`argnums`"),
        (loss, (PARAMS, X.T), {}, "`loss` raised TypeError"),
        (jax.numpy.argmax, (X,), {}, "no array of floats"),
        (loss, (PARAMS, X), {"args": ()}, "use check_gradient"),
    ):
        with pytest.raises(InvalidInput, match=message):
            check_jax(function, *args, **options)
