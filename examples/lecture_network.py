"""The lecture's network on real data: a gradient with a mistake, found before and after training.

A network with one hidden layer learns to tell benign from malign tumours (scikit-learn's
breast-cancer data). Its gradient is checked at the start and at the end, where the parameters
are large and the gradient is small; and a slip of the pen is made on purpose.
"""

import sys

try:
    from sklearn.datasets import load_breast_cancer
except ModuleNotFoundError as error:
    print(f"{error}; this needs scikit-learn: pip install -e '.[examples]'", file=sys.stderr)
    sys.exit(2)

import backprop
from gradcheck import assert_gradient, check_gradient

data = load_breast_cancer()
X = ((data.data - data.data.mean(axis=0)) / data.data.std(axis=0)).T
Y = data.target[None].astype(float)


def without_mean(parameters, X, Y):
    """The lecture's six equations, but for the 1/m of db2."""
    gradients = backprop.gradients(parameters, X, Y)
    return gradients._replace(db2=Y.shape[1] * gradients.db2)


def main():
    """Check, train, check again, and let a mistake be found."""
    parameters = backprop.initialise(X.shape[0], 3, rng=0)
    print("At the start")
    print(assert_gradient(backprop.cost, backprop.gradients, parameters, args=(X, Y)))

    descent = backprop.descend(parameters, X, Y)
    _, _, _, A2 = backprop.forward(descent.parameters, X)
    print(f"\nAt the end: {((A2 > 0.5) == Y).mean():.1%} of {Y.size} are told apart")
    print(assert_gradient(backprop.cost, backprop.gradients, descent.parameters, args=(X, Y)))

    print("\nWith a mistake")
    print(check_gradient(backprop.cost, without_mean, parameters, args=(X, Y)))


if __name__ == "__main__":
    main()
