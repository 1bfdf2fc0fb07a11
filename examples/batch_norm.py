"""A layer with a forward step, a backward step and a cache between them: batch normalisation.

`check_vjp` needs no loss behind the layer and no network around it. It multiplies the output by
a random cotangent: with ones, a batch norm that forgets how its mean and variance depend on `x`
would go unseen.
"""

import numpy as np

from gradcheck import assert_vjp, check_vjp


def forward(x, gamma, beta):
    """Normalise each feature over the batch, then scale and shift."""
    deviation = np.sqrt(x.var(axis=0) + 1e-5)
    normal = (x - x.mean(axis=0)) / deviation
    return gamma * normal + beta, (normal, gamma, deviation)


def backward(dout, cache):
    """Gradients of x, gamma and beta."""
    normal, gamma, deviation = cache
    dnormal = dout * gamma
    dx = dnormal - dnormal.mean(axis=0) - normal * (dnormal * normal).mean(axis=0)
    return dx / deviation, (dout * normal).sum(axis=0), dout.sum(axis=0)


def backward_without_variance(dout, cache):
    """The same, as if the variance did not depend on x."""
    normal, gamma, deviation = cache
    dnormal = dout * gamma
    dx = dnormal - dnormal.mean(axis=0)
    return dx / deviation, (dout * normal).sum(axis=0), dout.sum(axis=0)


def main():
    """Check the right layer, then the wrong one."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=3)

    print("Right")
    print(assert_vjp(forward, backward, inputs))

    print("\nWithout the term of the variance")
    print(check_vjp(forward, backward_without_variance, inputs))


if __name__ == "__main__":
    main()
