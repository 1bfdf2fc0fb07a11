"""Costs with their right gradients, derived by hand, to make mistakes in.

>>> problem = net(np.random.default_rng(0))
>>> {name: block.shape for name, block in problem.params.items()}
{'W1': (5, 4), 'b1': (5, 1), 'W2': (3, 5), 'b2': (3, 1)}

Each builder draws a `Problem` from a random generator; sizes can be given. Those that are not
are pairwise different, and none is 2, so that a factor tells which dimension it comes from.
Gradients have one equation a line, for `mistakes.edit` to change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["FUNCTIONS", "Problem"]

Params = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A cost, its right gradient, a point, and the data that both take as further arguments."""

    name: str
    cost: Callable[..., Any]
    gradient: Callable[..., Params]
    params: Params
    args: tuple[Any, ...]


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


ACTIVATIONS = {
    "tanh": (np.tanh, lambda Z: 1 - np.tanh(Z) ** 2),
    "sigmoid": (sigmoid, lambda Z: sigmoid(Z) * (1 - sigmoid(Z))),
    "relu": (lambda Z: np.maximum(Z, 0), lambda Z: (Z > 0) * 1.0),
    "softplus": (lambda Z: np.logaddexp(0, Z), sigmoid),
    "leaky_relu": (lambda Z: np.where(Z > 0, Z, 0.1 * Z), lambda Z: np.where(Z > 0, 1.0, 0.1)),
    "identity": (lambda Z: Z, np.ones_like),
}


def softmax(Z, axis):
    E = np.exp(Z - np.max(Z, axis=axis, keepdims=True))
    return E / np.sum(E, axis=axis, keepdims=True)


def log_sum_exp(Z, axis):
    top = np.max(Z, axis=axis, keepdims=True)
    return top + np.log(np.sum(np.exp(Z - top), axis=axis, keepdims=True))


def normals(rng, **shapes):
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def one_hot(rng, k, m):
    return np.eye(k)[:, rng.integers(k, size=m)]


def net(rng, activation="tanh", n0=4, n1=5, n2=3, m=7):
    params = normals(rng, W1=(n1, n0), b1=(n1, 1), W2=(n2, n1), b2=(n2, 1))
    args = rng.normal(size=(n0, m)), rng.integers(2, size=(n2, m)) * 1.0, activation
    return Problem(f"net, {activation}", net_cost, net_gradient, params, args)


def net_cost(params, X, Y, activation):
    W1, b1, W2, b2 = params.values()
    g1, _ = ACTIVATIONS[activation]
    Z2 = W2 @ g1(W1 @ X + b1) + b2
    return np.sum(np.logaddexp(0, Z2) - Y * Z2) / X.shape[1]


def net_gradient(params, X, Y, activation):
    W1, b1, W2, b2 = params.values()
    g1, g1_prime = ACTIVATIONS[activation]
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = g1(Z1)
    A2 = sigmoid(W2 @ A1 + b2)
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dA1 = W2.T @ dZ2
    dZ1 = dA1 * g1_prime(Z1)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def penalised_net(rng, activation="tanh", lam=0.3, **sizes):
    drawn = net(rng, activation, **sizes)
    args = (*drawn.args, lam)
    return Problem(
        f"penalised {drawn.name}", penalised_cost, penalised_gradient, drawn.params, args
    )


def penalised_cost(params, X, Y, activation, lam):
    penalty = lam / (2 * X.shape[1]) * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))
    return net_cost(params, X, Y, activation) + penalty


def penalised_gradient(params, X, Y, activation, lam):
    m = X.shape[1]
    gradient = net_gradient(params, X, Y, activation)
    gradient["W1"] += lam / m * params["W1"]
    gradient["W2"] += lam / m * params["W2"]
    return gradient


def deep_net(rng, n0=4, n1=5, n2=6, n3=3, m=7):
    params = normals(rng, W1=(n1, n0), b1=(n1, 1), W2=(n2, n1), b2=(n2, 1), W3=(n3, n2), b3=(n3, 1))
    args = rng.normal(size=(n0, m)), rng.normal(size=(n3, m))
    return Problem("two hidden layers", deep_cost, deep_gradient, params, args)


def deep_cost(params, X, Y):
    W1, b1, W2, b2, W3, b3 = params.values()
    A3 = W3 @ np.tanh(W2 @ np.tanh(W1 @ X + b1) + b2) + b3
    return np.sum((A3 - Y) ** 2) / (2 * X.shape[1])


def deep_gradient(params, X, Y):
    W1, b1, W2, b2, W3, b3 = params.values()
    m = X.shape[1]
    A1 = np.tanh(W1 @ X + b1)
    A2 = np.tanh(W2 @ A1 + b2)
    dZ3 = W3 @ A2 + b3 - Y
    dW3 = dZ3 @ A2.T / m
    db3 = np.sum(dZ3, axis=1, keepdims=True) / m
    dZ2 = W3.T @ dZ3 * (1 - A2**2)
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T @ dZ2 * (1 - A1**2)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def softmax_regression(rng, n=5, k=3, m=7, scale=1.0):
    params = normals(rng, W=(k, n), b=(k, 1))
    args = scale * rng.normal(size=(n, m)), one_hot(rng, k, m)
    return Problem("softmax regression", softmax_cost, softmax_gradient, params, args)


def softmax_cost(params, X, Y):
    Z = params["W"] @ X + params["b"]
    return np.sum(log_sum_exp(Z, 0) - np.sum(Y * Z, axis=0)) / X.shape[1]


def softmax_gradient(params, X, Y):
    W, b = params.values()
    m = X.shape[1]
    A = softmax(W @ X + b, axis=0)
    dZ = (A - Y) / m
    dW = dZ @ X.T
    db = np.sum(dZ, axis=1, keepdims=True)
    return {"W": dW, "b": db}


def weighted_outputs(rng, n=5, k=3, m=7):
    params = normals(rng, W=(k, n), b=(k, 1))
    X, Y = rng.normal(size=(n, m)), rng.integers(2, size=(k, m)) * 1.0
    args = X, Y, rng.uniform(0.3, 3, (n, 1)), rng.uniform(0.3, 3, (k, 1))
    return Problem("weighted outputs", weighted_cost, weighted_gradient, params, args)


def weighted_cost(params, X, Y, scale, weight):
    Z = params["W"] @ (X / scale) + params["b"]
    return np.sum(weight * (np.logaddexp(0, Z) - Y * Z)) / X.shape[1]


def weighted_gradient(params, X, Y, scale, weight):
    W, b = params.values()
    m = X.shape[1]
    Z = W @ (X / scale) + b
    dZ = weight * (sigmoid(Z) - Y)
    dW = dZ @ (X / scale).T / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return {"W": dW, "b": db}


def batch_norm(rng, n0=4, n1=3, m=7):
    params = normals(rng, W=(n1, n0), gamma=(n1, 1), beta=(n1, 1))
    args = 1 + rng.normal(size=(n0, m)), rng.normal(size=(n1, m))
    return Problem("batch norm", batch_norm_cost, batch_norm_gradient, params, args)


def batch_norm_cost(params, X, Y):
    W, gamma, beta = params.values()
    Z = W @ X
    variance = np.var(Z, axis=1, keepdims=True)
    Z_hat = (Z - np.mean(Z, axis=1, keepdims=True)) / np.sqrt(variance + 1e-3)
    return np.sum((gamma * Z_hat + beta - Y) ** 2) / (2 * X.shape[1])


def batch_norm_gradient(params, X, Y):
    W, gamma, beta = params.values()
    m = X.shape[1]
    Z = W @ X
    mean = np.mean(Z, axis=1, keepdims=True)
    deviation = np.sqrt(np.var(Z, axis=1, keepdims=True) + 1e-3)
    Z_hat = (Z - mean) / deviation
    dA = (gamma * Z_hat + beta - Y) / m
    dgamma = np.sum(dA * Z_hat, axis=1, keepdims=True)
    dbeta = np.sum(dA, axis=1, keepdims=True)
    dZ_hat = dA * gamma
    by_mean = np.mean(dZ_hat, axis=1, keepdims=True)
    by_variance = Z_hat * np.mean(dZ_hat * Z_hat, axis=1, keepdims=True)
    dZ = (dZ_hat - by_mean - by_variance) / deviation
    dW = dZ @ X.T
    return {"W": dW, "gamma": dgamma, "beta": dbeta}


def layer_norm(rng, n0=4, n1=5, m=7):
    params = normals(rng, W=(n1, n0), gamma=(n1, 1), beta=(n1, 1))
    args = rng.normal(size=(n0, m)), rng.normal(size=(n1, m))
    return Problem("layer norm", layer_norm_cost, layer_norm_gradient, params, args)


def layer_norm_cost(params, X, Y):
    W, gamma, beta = params.values()
    Z = W @ X
    Z_hat = (Z - np.mean(Z, axis=0)) / np.sqrt(np.var(Z, axis=0) + 1e-3)
    return np.sum((gamma * Z_hat + beta - Y) ** 2) / (2 * X.shape[1])


def layer_norm_gradient(params, X, Y):
    W, gamma, beta = params.values()
    m = X.shape[1]
    Z = W @ X
    deviation = np.sqrt(np.var(Z, axis=0) + 1e-3)
    Z_hat = (Z - np.mean(Z, axis=0)) / deviation
    dA = (gamma * Z_hat + beta - Y) / m
    dgamma = np.sum(dA * Z_hat, axis=1, keepdims=True)
    dbeta = np.sum(dA, axis=1, keepdims=True)
    dZ_hat = dA * gamma
    by_mean = np.mean(dZ_hat, axis=0)
    by_variance = Z_hat * np.mean(dZ_hat * Z_hat, axis=0)
    dZ = (dZ_hat - by_mean - by_variance) / deviation
    dW = dZ @ X.T
    return {"W": dW, "gamma": dgamma, "beta": dbeta}


def recurrent_net(rng, n0=4, n1=3, m=7, steps=3):
    params = normals(rng, Wx=(n1, n0), Wh=(n1, n1), b=(n1, 1))
    args = rng.normal(size=(steps, n0, m)) / 2, rng.normal(size=(n1, m))
    return Problem("recurrent net", recurrent_cost, recurrent_gradient, params, args)


def recurrent_cost(params, X, Y):
    Wx, Wh, b = params.values()
    H = np.zeros_like(Y)
    for X_t in X:
        H = np.tanh(Wx @ X_t + Wh @ H + b)
    return np.sum((H - Y) ** 2) / (2 * Y.shape[1])


def recurrent_gradient(params, X, Y):
    Wx, Wh, b = params.values()
    m = Y.shape[1]
    H = [np.zeros_like(Y)]
    for X_t in X:
        H.append(np.tanh(Wx @ X_t + Wh @ H[-1] + b))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dH = (H[-1] - Y) / m
    for t in reversed(range(len(X))):
        dZ = dH * (1 - H[t + 1] ** 2)
        dWx += dZ @ X[t].T
        dWh += dZ @ H[t].T
        db += np.sum(dZ, axis=1, keepdims=True)
        dH = Wh.T @ dZ
    return {"Wx": dWx, "Wh": dWh, "b": db}


def attention(rng, m=7, n=5, d=3, e=4):
    params = normals(rng, Wq=(n, d), Wk=(n, d), Wv=(n, e))
    args = rng.normal(size=(m, n)) / 2, rng.normal(size=(m, e))
    return Problem("attention", attention_cost, attention_gradient, params, args)


def attention_cost(params, X, Y):
    Wq, Wk, Wv = params.values()
    A = softmax(X @ Wq @ (X @ Wk).T / np.sqrt(Wq.shape[1]), axis=1)
    return np.sum((A @ X @ Wv - Y) ** 2) / (2 * len(X))


def attention_gradient(params, X, Y):
    Wq, Wk, Wv = params.values()
    m, d = len(X), Wq.shape[1]
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = softmax(Q @ K.T / np.sqrt(d), axis=1)
    dO = (A @ V - Y) / m
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(A * dA, axis=1, keepdims=True)) / np.sqrt(d)
    dQ = dS @ K
    dK = dS.T @ Q
    dWq = X.T @ dQ
    dWk = X.T @ dK
    dWv = X.T @ dV
    return {"Wq": dWq, "Wk": dWk, "Wv": dWv}


def linear_regression(rng, m=7, n=4):
    params = {"w": rng.normal(size=n), "b": rng.normal(size=())}
    args = rng.normal(size=(m, n)), rng.normal(size=m)
    return Problem("linear regression", linear_cost, linear_gradient, params, args)


def linear_cost(params, X, Y):
    return np.sum((X @ params["w"] + params["b"] - Y) ** 2) / (2 * len(X))


def linear_gradient(params, X, Y):
    w, b = params.values()
    m = len(X)
    r = X @ w + b - Y
    dw = X.T @ r / m
    db = np.sum(r) / m
    return {"w": dw, "b": db}


def logistic_regression(rng, m=7, n=4, lam=0.3):
    params = {"w": rng.normal(size=n), "b": rng.normal(size=())}
    args = rng.normal(size=(m, n)), rng.integers(2, size=m) * 1.0, lam
    return Problem("logistic regression", logistic_cost, logistic_gradient, params, args)


def logistic_cost(params, X, Y, lam):
    w, b = params.values()
    z = X @ w + b
    return np.mean(np.logaddexp(0, z) - Y * z) + lam / 2 * np.sum(w**2)


def logistic_gradient(params, X, Y, lam):
    w, b = params.values()
    m = len(X)
    r = sigmoid(X @ w + b) - Y
    dw = X.T @ r / m + lam * w
    db = np.mean(r)
    return {"w": dw, "b": db}


def poisson_regression(rng, m=7, n=4):
    params = {"w": rng.normal(size=n) / 2, "b": rng.normal(size=())}
    args = rng.normal(size=(m, n)), rng.poisson(2.0, m) + 1.0, rng.uniform(0.3, 3, m)
    return Problem("poisson regression", poisson_cost, poisson_gradient, params, args)


def poisson_cost(params, X, Y, exposure):
    eta = X @ params["w"] + params["b"] + np.log(exposure)
    return np.mean(np.exp(eta) - Y * eta)


def poisson_gradient(params, X, Y, exposure):
    w, b = params.values()
    m = len(X)
    rate = exposure * np.exp(X @ w + b)
    r = (rate - Y) / m
    dw = X.T @ r
    db = np.sum(r)
    return {"w": dw, "b": db}


def gaussian(rng, n=5, m=7):
    params = normals(rng, mu=(n, 1), log_sigma=(n, 1))
    args = (rng.normal(size=(n, m)),)
    return Problem("gaussian", gaussian_cost, gaussian_gradient, params, args)


def gaussian_cost(params, X):
    mu, log_sigma = params.values()
    R = (X - mu) / np.exp(log_sigma)
    return np.sum(log_sigma) + np.sum(R**2) / (2 * X.shape[1])


def gaussian_gradient(params, X):
    mu, log_sigma = params.values()
    m = X.shape[1]
    sigma = np.exp(log_sigma)
    R = (X - mu) / sigma
    dmu = -np.sum(R / sigma, axis=1, keepdims=True) / m
    dlog_sigma = 1 - np.sum(R**2, axis=1, keepdims=True) / m
    return {"mu": dmu, "log_sigma": dlog_sigma}


def covariance(rng, n=4, m=7):
    L = rng.normal(size=(n, n))
    np.fill_diagonal(L, rng.uniform(0.5, 2, n))
    params = {"mu": rng.normal(size=(n, 1)), "L": L}
    return Problem(
        "covariance", covariance_cost, covariance_gradient, params, (rng.normal(size=(n, m)),)
    )


def covariance_cost(params, X):
    L = np.tril(params["L"])
    return np.sum((L.T @ (X - params["mu"])) ** 2) / (2 * X.shape[1]) - np.sum(np.log(np.diag(L)))


def covariance_gradient(params, X):
    mu, L = params["mu"], np.tril(params["L"])
    m = X.shape[1]
    V = L.T @ (X - mu)
    dmu = -L @ np.sum(V, axis=1, keepdims=True) / m
    by_determinant = np.diag(1 / np.diag(L))
    dL = np.tril((X - mu) @ V.T / m - by_determinant)
    return {"mu": dmu, "L": dL}


def factorisation(rng, p=5, q=4, r=3, lam=0.3):
    params = normals(rng, U=(p, r), V=(q, r))
    args = rng.normal(size=(p, q)), lam
    return Problem("factorisation", factorisation_cost, factorisation_gradient, params, args)


def factorisation_cost(params, X, lam):
    U, V = params.values()
    return np.sum((U @ V.T - X) ** 2) / 2 + lam / 2 * (np.sum(U**2) + np.sum(V**2))


def factorisation_gradient(params, X, lam):
    U, V = params.values()
    R = U @ V.T - X
    dU = R @ V + lam * U
    dV = R.T @ U + lam * V
    return {"U": dU, "V": dV}


def convolution(rng, m=5, t=7, f=4, taps=3):
    params = normals(rng, K=(f, taps), b=(f, 1))
    args = rng.normal(size=(m, t + taps - 1)), rng.normal(size=(m, f, t))
    return Problem("convolution", convolution_cost, convolution_gradient, params, args)


def convolution_cost(params, X, Y):
    K, b = params.values()
    Z = np.einsum("fs,mts->mft", K, sliding_window_view(X, K.shape[1], axis=1)) + b
    return np.sum((Z - Y) ** 2) / (2 * len(X))


def convolution_gradient(params, X, Y):
    K, b = params.values()
    m, f, t = Y.shape
    windows = sliding_window_view(X, K.shape[1], axis=1)
    dZ = (np.einsum("fs,mts->mft", K, windows) + b - Y) / m
    dK = np.zeros_like(K)
    for s in range(K.shape[1]):
        dK[:, s] = np.einsum("mft,mt->f", dZ, X[:, s : s + t])
    db = np.sum(dZ, axis=(0, 2)).reshape(f, 1)
    return {"K": dK, "b": db}


def embedding(rng, words=8, d=3, k=4, m=6):
    params = normals(rng, E=(words, d), W=(d, k))
    X = rng.permutation(words - 1)[: m - 1]
    args = np.append(X, X[0]), rng.normal(size=(m, k))
    return Problem("embedding", embedding_cost, embedding_gradient, params, args)


def embedding_cost(params, X, Y):
    E, W = params.values()
    return np.sum((E[X] @ W - Y) ** 2) / (2 * len(X))


def embedding_gradient(params, X, Y):
    E, W = params.values()
    m = len(X)
    dZ = (E[X] @ W - Y) / m
    dW = E[X].T @ dZ
    dE = np.zeros_like(E)
    np.add.at(dE, X, dZ @ W.T)
    return {"E": dE, "W": dW}


def mixture(rng, k=3, n=4, m=7, scale=1.0):
    params = {"a": rng.normal(size=k), "M": rng.normal(size=(k, n))}
    args = (scale * rng.normal(size=(m, n)),)
    return Problem("mixture", mixture_cost, mixture_gradient, params, args)


def log_joint(a, M, X):
    distance = np.sum((X[:, None] - M) ** 2, axis=2)
    return a - log_sum_exp(a, 0) - distance / 2


def mixture_cost(params, X):
    return -np.mean(log_sum_exp(log_joint(params["a"], params["M"], X), 1))


def mixture_gradient(params, X):
    a, M = params.values()
    m = len(X)
    R = softmax(log_joint(a, M, X), axis=1)
    da = softmax(a, axis=0) - np.sum(R, axis=0) / m
    dM = (np.sum(R, axis=0)[:, None] * M - R.T @ X) / m
    return {"a": da, "M": dM}


def alignment(rng, n=5, m=7):
    params = normals(rng, P=(n, 1), Q=(n, 1))
    args = rng.normal(size=(n, m)), rng.normal(size=(n, m))
    return Problem("alignment", alignment_cost, alignment_gradient, params, args)


def alignment_cost(params, X, Y):
    return np.sum((X + params["P"] - Y - params["Q"]) ** 2) / (2 * X.shape[1])


def alignment_gradient(params, X, Y):
    P, Q = params.values()
    m = X.shape[1]
    R = X + P - Y - Q
    dP = np.sum(R, axis=1, keepdims=True) / m
    dQ = -np.sum(R, axis=1, keepdims=True) / m
    return {"P": dP, "Q": dQ}


def complex_regression(rng, m=7, n=4):
    def drawn(*shape):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    args = drawn(m, n), drawn(m)
    return Problem("complex regression", complex_cost, complex_gradient, {"z": drawn(n)}, args)


def complex_cost(params, X, Y):
    return np.sum(np.abs(X @ params["z"] - Y) ** 2) / len(X)


def complex_gradient(params, X, Y):
    m = len(X)
    r = X @ params["z"] - Y
    dz = 2 / m * X.conj().T @ r
    return {"z": dz}


FUNCTIONS = (
    *(partial(net, activation=name) for name in ACTIVATIONS),
    *(partial(penalised_net, activation=name) for name in ACTIVATIONS),
    deep_net,
    softmax_regression,
    weighted_outputs,
    batch_norm,
    layer_norm,
    recurrent_net,
    attention,
    linear_regression,
    logistic_regression,
    poisson_regression,
    gaussian,
    covariance,
    factorisation,
    convolution,
    embedding,
    mixture,
    alignment,
    complex_regression,
)
