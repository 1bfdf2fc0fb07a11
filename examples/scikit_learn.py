"""Functions of scikit-learn that return a value with its gradient, checked as they are.

`jac=True` says that a function returns both, as SciPy's optimisers have it. The first is what
fitting a Gaussian process maximises; the second what `LogisticRegression` minimises, which is
not public and may move in a later version.
"""

import sys

import numpy as np

try:
    from sklearn._loss import HalfBinomialLoss
    from sklearn.datasets import load_breast_cancer, load_diabetes
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.linear_model._linear_loss import LinearModelLoss
except ModuleNotFoundError as error:
    print(f"{error}; this needs scikit-learn: pip install -e '.[examples]'", file=sys.stderr)
    sys.exit(2)

from gradcheck import assert_gradient


def gaussian_process():
    """Log marginal likelihood of a Gaussian process, by the logarithms of its parameters."""
    X, y = load_diabetes(return_X_y=True)
    kernel = ConstantKernel(2.0) * RBF(0.1) + WhiteKernel(0.5)
    process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True)
    process.fit(X[:60], y[:60])

    def likelihood(theta):
        return process.log_marginal_likelihood(theta, eval_gradient=True)

    return assert_gradient(likelihood, None, process.kernel_.theta + 0.1, jac=True)


def logistic_regression():
    """Penalised loss of logistic regression, by its coefficients and its intercept."""
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    loss = LinearModelLoss(HalfBinomialLoss(), fit_intercept=True)
    coefficients = np.random.default_rng(0).normal(size=X.shape[1] + 1) / 4

    def value_and_gradient(coefficients):
        return loss.loss_gradient(coefficients, X, y.astype(float), l2_reg_strength=0.1)

    return assert_gradient(value_and_gradient, None, coefficients, jac=True)


def main():
    """Check both."""
    print("Gaussian process")
    print(gaussian_process())
    print("\nLogistic regression")
    print(logistic_regression())


if __name__ == "__main__":
    main()
