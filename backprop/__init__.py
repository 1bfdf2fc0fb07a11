"""A network with one hidden layer, trained by gradient descent: the equations as code.

>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(2, 40))
>>> Y = (X[:1] > X[1:]).astype(float)
>>> dW1, db1, dW2, db2 = gradients(initialise(2, 3, rng=rng), X, Y)

`network` holds the four forward and the six backward equations, `activations` the hidden
activations, `descent` the training, `arguments` what each function may be given.
"""

from backprop.activations import (
    ACTIVATIONS,
    Activation,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    softplus,
    tanh,
)
from backprop.descent import Descent, descend, initialise
from backprop.network import (
    EQUATIONS,
    Backward,
    Forward,
    Gradients,
    Parameters,
    backward,
    cost,
    forward,
    gradients,
    loss,
    predict,
)

__all__ = [
    "ACTIVATIONS",
    "EQUATIONS",
    "Activation",
    "Backward",
    "Descent",
    "Forward",
    "Gradients",
    "Parameters",
    "backward",
    "cost",
    "descend",
    "forward",
    "gradients",
    "identity",
    "initialise",
    "leaky_relu",
    "loss",
    "predict",
    "relu",
    "sigmoid",
    "softplus",
    "tanh",
]
