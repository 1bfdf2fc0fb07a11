"""A function of JAX, with a derivative of its own that avoids overflow.

`check_jax` checks what `jax.grad` returns, in double precision also where the flag
`jax_enable_x64` is off.
"""

import sys

import numpy as np

try:
    import jax
    import jax.numpy as jnp
except ModuleNotFoundError as error:
    print(f"{error}; this needs JAX: pip install -e '.[jax]'", file=sys.stderr)
    sys.exit(2)

from gradcheck import assert_jax, check_jax


@jax.custom_vjp
def log1pexp(x):
    """log(1 + exp(x)), whose derivative by JAX's own rules would be inf / inf for large x."""
    return jnp.logaddexp(0.0, x)


log1pexp.defvjp(
    lambda x: (jnp.logaddexp(0.0, x), x),
    lambda x, dout: (dout * jax.nn.sigmoid(x),),
)


@jax.custom_vjp
def careless(x):
    """The same function, whose rule forgets what comes in from behind."""
    return jnp.logaddexp(0.0, x)


careless.defvjp(
    lambda x: (jnp.logaddexp(0.0, x), x),
    lambda x, dout: (jax.nn.sigmoid(x),),
)


def loss(params, X, Y):
    """Cross-entropy of a logistic regression."""
    scores = params["w"] @ X + params["b"]
    return jnp.mean(log1pexp(scores) - Y * scores)


def main():
    """Check the right function, then the wrong one."""
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(1, 4)), "b": rng.normal(size=(1, 1))}
    X, Y = rng.normal(size=(4, 7)), rng.integers(0, 2, (1, 7)).astype(float)

    print("Right")
    print(assert_jax(loss, params, X, Y, argnums=0))

    print("\nIn single precision")
    print(assert_jax(loss, params, X, Y, argnums=0, double=False))

    print("\nWith a careless rule")
    print(check_jax(careless, X[0]))


if __name__ == "__main__":
    main()
