"""`backprop.network` with one place of its source changed: the mistakes that people make.

>>> wrong = MUTANTS["dW2: mean forgotten"]
>>> wrong.old, wrong.new
('dW2 = 1 / m * dZ2', 'dW2 = dZ2')

Each mutant names the equation that it breaks, the parameters whose gradient must then fail, and
the finding that must say so where the shape is wrong.
"""

import inspect
import types
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backprop import network

__all__ = ["MUTANTS", "Mutant"]


@dataclass(frozen=True)
class Mutant:
    """One mistake: `old` in the source becomes `new`."""

    equation: str
    old: str
    new: str
    blocks: str
    finding: str | None = None

    @cached_property
    def module(self) -> Any:
        head, start, body = inspect.getsource(network).partition("def backward(")
        assert body.count(self.old) == 1, f"{self.old!r} occurs {body.count(self.old)} times"
        source = head + start + body.replace(self.old, self.new)
        module = types.ModuleType("mutant")
        exec(compile(source, "mutant", "exec"), module.__dict__)
        return module


DW2 = "dW2 = 1 / m * dZ2 @ T(A1) + l2 / m * W2"
DW1 = "dW1 = 1 / m * dZ1 @ T(X) + l2 / m * W1"
DB2 = "db2 = 1 / m * np.sum(dZ2, axis=-1, keepdims=True)"
DB1 = "db1 = 1 / m * np.sum(dZ1, axis=-1, keepdims=True)"
DZ1 = "dZ1 = dA1 * g1_prime(Z1)"
EVERY = "W1 b1 W2 b2"

MUTANTS = {
    "dZ2: sign": Mutant("dZ2", "dZ2 = A2 - Y", "dZ2 = Y - A2", EVERY),
    "dZ2: target forgotten": Mutant("dZ2", "dZ2 = A2 - Y", "dZ2 = A2", EVERY),
    "dZ2: derivative of the sigmoid twice": Mutant(
        "dZ2", "dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)", EVERY
    ),
    "dZ2: mean taken too early": Mutant("dZ2", "dZ2 = A2 - Y", "dZ2 = (A2 - Y) / m", EVERY),
    "dZ2: Z2 for A2": Mutant("dZ2", "dZ2 = A2 - Y", "dZ2 = W2 @ A1 + b2 - Y", EVERY),
    "dW2: mean forgotten": Mutant("dW2", "dW2 = 1 / m * dZ2", "dW2 = dZ2", "W2"),
    "dW2: sign": Mutant("dW2", "dW2 = 1 / m * dZ2", "dW2 = -1 / m * dZ2", "W2"),
    "dW2: Z1 for A1": Mutant("dW2", "dZ2 @ T(A1)", "dZ2 @ T(Z1)", "W2"),
    "dW2: transposed": Mutant(
        "dW2", DW2, "dW2 = T(1 / m * dZ2 @ T(A1) + l2 / m * W2)", "W2", "transposed"
    ),
    "dW2: penalty doubled": Mutant("dW2", "l2 / m * W2\n    db2", "2 * l2 / m * W2\n    db2", "W2"),
    "db2: keepdims forgotten": Mutant(
        "db2", DB2, "db2 = 1 / m * np.sum(dZ2, axis=-1)", "b2", "rank-1"
    ),
    "db2: summed over all": Mutant("db2", DB2, "db2 = 1 / m * np.sum(dZ2)", "b2", "scalar-bias"),
    "db2: mean forgotten": Mutant("db2", DB2, DB2.replace("1 / m * ", ""), "b2"),
    "db2: summed over units": Mutant("db2", DB2, DB2.replace("-1", "-2"), "b2", "wrong-shape"),
    "db2: not summed": Mutant("db2", DB2, "db2 = 1 / m * dZ2", "b2", "not-summed"),
    "dZ1: derivative at A1": Mutant("dZ1", DZ1, "dZ1 = dA1 * g1_prime(A1)", "W1 b1"),
    "dZ1: derivative forgotten": Mutant("dZ1", DZ1, "dZ1 = dA1", "W1 b1"),
    "dZ1: activation for its derivative": Mutant("dZ1", DZ1, "dZ1 = dA1 * g(Z1)", "W1 b1"),
    "dZ1: W2 forgotten": Mutant(
        "dZ1", "dA1 = T(W2) @ dZ2", "dA1 = T(np.ones_like(W2)) @ dZ2", "W1 b1"
    ),
    "dZ1: sum for product": Mutant("dZ1", DZ1, "dZ1 = dA1 + g1_prime(Z1)", "W1 b1"),
    "dW1: mean forgotten": Mutant("dW1", "dW1 = 1 / m * dZ1", "dW1 = dZ1", "W1"),
    "dW1: sign": Mutant("dW1", "dW1 = 1 / m * dZ1", "dW1 = -1 / m * dZ1", "W1"),
    "dW1: transposed": Mutant(
        "dW1", DW1, "dW1 = T(1 / m * dZ1 @ T(X) + l2 / m * W1)", "W1", "transposed"
    ),
    "dW1: penalty forgotten": Mutant("dW1", " + l2 / m * W1\n    db1", "\n    db1", "W1"),
    "db1: keepdims forgotten": Mutant(
        "db1", DB1, "db1 = 1 / m * np.sum(dZ1, axis=-1)", "b1", "rank-1"
    ),
    "db1: summed over all": Mutant("db1", DB1, "db1 = 1 / m * np.sum(dZ1)", "b1", "scalar-bias"),
    "db1: mean forgotten": Mutant("db1", DB1, DB1.replace("1 / m * ", ""), "b1"),
    "db1: a row": Mutant("db1", DB1, f"{DB1}.T", "b1", "row-vector"),
    "db1: not summed": Mutant("db1", DB1, "db1 = 1 / m * dZ1", "b1", "not-summed"),
    "db1: penalised": Mutant("db1", DB1, f"{DB1} + l2 / m * b1", "b1"),
}
