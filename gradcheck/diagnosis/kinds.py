"""The kinds of mistake: what each name in a diagnosis means, what to do, and an example.

>>> KINDS["sum-for-mean"].meaning
'a sum where the mean is due'
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of mistake.

    Attributes
    ----------
    meaning : str
        What is wrong, in a few words.
    hint : str
        What to look at, or to write instead.
    example : str
        A line of code that makes the mistake.
    adds : bool
        Whether the meaning says more than the evidence of a diagnosis does already.
    """

    meaning: str
    hint: str
    example: str
    adds: bool = False


KINDS = {
    "sign": Kind(
        "the sign is wrong",
        "look for a difference the wrong way round, such as Y - A2, or a lost minus",
        "dZ2 = Y - A2",
    ),
    "zero": Kind(
        "it is 0",
        "see that it is computed, and that nothing overwrites it",
        "dW1 = np.zeros_like(W1)",
    ),
    "not-computed": Kind(
        "it was never computed: it still holds what it was made with",
        "compute it, or store the result where it is returned",
        "dW1 = np.ones_like(W1)",
        adds=True,
    ),
    "not-finite": Kind(
        "it is NaN or infinite",
        "look for a division by zero, an overflow, or the log or root of 0",
        "dA2 = -Y / A2",
    ),
    "constant-ratio": Kind(
        "a factor is wrong",
        "look for a factor forgotten or applied twice in this block's own equation",
        "dW = 2 * X.T @ residual  # for a cost of half the square",
        adds=True,
    ),
    "scaled-loss": Kind(
        "one factor is wrong in every block: the cost itself is scaled",
        "look for the factor in the first line of the backward pass, or in the cost",
        "dZ2 = 2 * (A2 - Y)",
        adds=True,
    ),
    "sum-for-mean": Kind(
        "a sum where the mean is due",
        "divide by the number of examples",
        "dW2 = dZ2 @ A1.T  # 1/m is missing",
        adds=True,
    ),
    "mean-for-sum": Kind(
        "a mean where the sum is due, or the mean taken twice",
        "divide by the number of examples once, not twice",
        "dW2 = 1/m * (1/m * dZ2) @ A1.T",
        adds=True,
    ),
    "transposed": Kind(
        "it is the transpose",
        "transpose it, or exchange the factors: (A B^T)^T = B A^T",
        "dW = X @ dZ.T  # for dZ @ X.T",
    ),
    "swapped": Kind(
        "two blocks' gradients are exchanged",
        "exchange them where they are returned",
        'return {"W1": dW2, "W2": dW1}',
    ),
    "another-block": Kind(
        "it is, or contains, another block's gradient",
        "look at the names where it is computed and returned",
        'return {"b1": db2, "b2": db2}',
    ),
    "permuted": Kind(
        "the right numbers in another order",
        "look for a reversed or sorted index; time steps must come back in their own order",
        "dX = np.stack(steps)  # gathered backwards, not reversed",
    ),
    "shifted": Kind(
        "the right numbers, moved along an axis",
        "look for an index off by one",
        "dx[1:] = d[:-1]",
    ),
    "summed-over-all-axes": Kind(
        "one number where each entry is due its own",
        "sum over the examples alone: np.sum(dZ, axis=1, keepdims=True)",
        "db1 = np.sum(dZ1) / m",
        adds=True,
    ),
    "summed-over-wrong-axis": Kind(
        "summed over the wrong axis",
        "sum over the axis of the examples and keep that of the units",
        "db1 = np.sum(dZ1, axis=0, keepdims=True) / m",
        adds=True,
    ),
    "not-summed": Kind(
        "not summed over the examples",
        "sum over the examples: np.sum(dZ, axis=1, keepdims=True)",
        "db1 = dZ1 / m",
        adds=True,
    ),
    "keepdims-forgotten": Kind(
        "it was summed without keepdims=True",
        "sum with keepdims=True, or reshape",
        "db1 = np.sum(dZ1, axis=1) / m",
        adds=True,
    ),
    "row-vector": Kind(
        "a row where a column is due",
        "sum with axis=1, keepdims=True, or transpose",
        "db1 = np.sum(dZ1, axis=1)[None] / m",
    ),
    "wrong-shape": Kind(
        "the shape is not that of the parameter",
        "a gradient has the shape of its parameter",
        "dW = dW.ravel()",
    ),
    "regulariser-missing": Kind(
        "the penalty's part is missing",
        "add the derivative of the penalty",
        "dW = dZ @ X.T / m  # the cost has lam/2 * np.sum(W**2)",
        adds=True,
    ),
    "regulariser-doubled": Kind(
        "the penalty's part is there twice",
        "the derivative of c/2 W^2 is c W",
        "dW = dZ @ X.T / m + 2 * lam * W  # the cost has lam/2 * np.sum(W**2)",
        adds=True,
    ),
    "regulariser-factor": Kind(
        "the penalty's part has the wrong factor",
        "compare the factor with that in the cost",
        "dW = dZ @ X.T / m + lam * W  # the cost has lam/(2*m) * np.sum(W**2)",
        adds=True,
    ),
    "regulariser-on-bias": Kind(
        "a bias is penalised, and the cost does not penalise it",
        "leave the penalty out of the biases",
        "db = dZ.sum(axis=1, keepdims=True) / m + lam * b",
        adds=True,
    ),
    "regulariser-not-due": Kind(
        "the penalty's part is there, and the cost has no penalty",
        "add the penalty to the cost, or leave it out of the gradient",
        "dW = dZ @ X.T / m + lam * W  # the cost has no penalty",
    ),
    "constant-residual": Kind(
        "a constant is added",
        "look for a constant that has no derivative, or one forgotten",
        "dW = dW + eps",
    ),
    "single-entry": Kind(
        "one entry is wrong",
        "look for an index treated apart, or an entry overwritten",
        "dW[0, 0] = 0",
    ),
    "single-row": Kind(
        "one row is wrong",
        "look for an index treated apart, or a loop that ends too early",
        "for i in range(1, n): dW[i] = ...",
    ),
    "single-column": Kind(
        "one column is wrong",
        "look for an index treated apart, or a loop that ends too early",
        "for j in range(1, n): dW[:, j] = ...",
    ),
    "single-example": Kind(
        "one example is missing, or counts twice",
        "look for a slice that drops an example",
        "dW = dZ[:, 1:] @ X[:, 1:].T / m",
    ),
    "ratio-by-row": Kind(
        "each row is off by a factor of its own",
        "look for a factor of each unit: a derivative, a scale",
        "dW = dZ @ X.T / m  # without the scale of each unit",
    ),
    "ratio-by-column": Kind(
        "each column is off by a factor of its own",
        "look for a factor of each input: a scaling of the data that one side lacks",
        "dW = dZ @ X.T / m  # the cost uses X / sigma",
    ),
    "parametrisation": Kind(
        "the factor is a function of the parameter itself",
        "look for a factor made of the parameter that is forgotten, or applied once too often",
        "dlog_s = dJ_ds  # without * s",
        adds=True,
    ),
    "wrong-term": Kind(
        "a term beside the others is missing, or not due, or has the wrong factor",
        "derive this block anew, term by term",
        "dZ2 = A2  # - Y is missing",
    ),
    "argument-ignored": Kind(
        "an argument of the cost is left out of the gradient",
        "use the argument as the cost does",
        "dW = X.T @ residual  # for X.T @ (weights * residual)",
        adds=True,
    ),
    "normalisation-term": Kind(
        "a term of the mean or of the standard deviation is missing, or has the wrong factor",
        "dx = (dxh - mean(dxh) - xh * mean(dxh * xh)) / std, for xh = (x - mean(x)) / std",
        "dx = dxh / std  # mean and std depend on x too",
    ),
    "clipped": Kind(
        "it is limited in size",
        "leave clipping to the update; the gradient is not clipped",
        "dW = np.clip(dW, -1, 1)",
    ),
    "activation-derivative-missing": Kind(
        "the activation's derivative is missing",
        "multiply by g'(Z)",
        "dZ1 = W2.T @ dZ2",
        adds=True,
    ),
    "activation-derivative-of-another": Kind(
        "the activation's derivative is that of another one",
        "use the derivative of the activation of the forward pass",
        "dZ1 = W2.T @ dZ2 * sigmoid_prime(Z1)  # A1 = np.tanh(Z1)",
        adds=True,
    ),
    "activation-derivative-at-wrong-argument": Kind(
        "the activation's derivative is taken at another value",
        "g' is taken at Z; written by the output, such as 1 - A^2, at A",
        "dZ1 = W2.T @ dZ2 * g1_prime(A1)",
    ),
    "activation-derivative-doubled": Kind(
        "an activation's derivative is multiplied in twice",
        "multiply by g'(Z) once; A2 - Y has that of the sigmoid in it already",
        "dZ2 = (A2 - Y) * A2 * (1 - A2)",
        adds=True,
    ),
    "wrong-input": Kind(
        "it is made with another factor than its equation has",
        "use the gradient and the value that the equation multiplies",
        "dW2 = 1/m * dZ2 @ Z1.T  # for A1.T",
    ),
    "convention": Kind(
        "gradients of intermediates belong to another multiple of the cost than is declared",
        "declare it: Intermediates(..., scale=m)",
        "dZ2 = A2 - Y  # of the summed loss, for a cost that is its mean",
    ),
    "precision": Kind(
        "it has the digits of a shorter number",
        "compute it in double precision throughout",
        "dW = dW.astype(np.float32)",
        adds=True,
    ),
    "finite-difference": Kind(
        "it is itself a numerical derivative",
        "derive it, or declare it with approximate=",
        "dW[i] = (cost(W + h) - cost(W)) / h",
    ),
    "integer-truncation": Kind(
        "it is cut to whole numbers",
        "make the array that collects it one of floats",
        "dW = np.zeros(W.shape, dtype=int)",
    ),
    "stale-cache": Kind(
        "it belongs to another point, and uses what an earlier call left",
        "run the forward pass inside of the gradient, at its own argument",
        "def grad(params): return backward(self.cache)",
        adds=True,
    ),
    "nondeterministic": Kind(
        "it differs from call to call",
        "draw what is random once, before the check, or seed each call alike",
        "mask = rng.random(A1.shape) < keep",
    ),
    "conjugated": Kind(
        "it is the conjugate of what is due",
        "return its conjugate: the gradient by z is dJ/dRe z + i dJ/dIm z",
        "return np.conj(dz)",
    ),
    "cotangent-ignored": Kind(
        "it does not depend on the cotangent as a product with it does",
        "multiply by the cotangent that comes in",
        "def backward(dout, cache): return 2 * cache",
    ),
    "missing-block": Kind(
        "the gradient has nothing for a block", "return it too", 'return {"W1": dW1}'
    ),
    "none": Kind("it is None", "return it", "def grad(params): dW = ..."),
    "wrong-structure": Kind(
        "the gradient is another container than the parameters",
        "return it in the structure of the parameters",
        "return [dW1, db1]  # for a dict",
    ),
    "wrong-type": Kind(
        "it is no array of numbers", "return a numpy array of floats", "return sparse_matrix"
    ),
    "dtype": Kind(
        "complex where real is due, or the reverse",
        "return the dtype of the parameter",
        "return 1j * dW",
    ),
    "unexplained": Kind(
        "no known kind of mistake gives these values",
        "derive this block anew, term by term; a term may be missing",
        "dW1 = np.cumsum(dZ1 @ X.T, axis=1) / m  # what no rule of this list gives",
    ),
}
"""By the stable names that `Diagnosis.kind` has."""
