"""Code that repeats a check at drawn arrays, to be pasted and run.

>>> from gradcheck.strategies.domains import Arrays
>>> print(assigned(Arrays({"w": np.array([[1.0, 0.5]]), "lam": 2.0}, {"n": 2})))
arrays = {
    "w": np.array([[1.0, 0.5]]),
    "lam": 2.0,
}

Callables are imported by their names; those that have none, such as lambdas, are taken from the
test, which keeps them as its attributes.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gradcheck.calls import Plan
from gradcheck.strategies.domains import Arrays, code_of

__all__ = ["assigned", "snippet"]


def snippet(
    arrays: Arrays,
    plan: Plan,
    callables: Mapping[str, Callable[..., Any] | None],
    options: Mapping[str, Any],
    test: Callable[..., Any],
) -> str:
    """The whole code.

    Parameters
    ----------
    arrays : Arrays
    plan : Plan
        How they reach cost and gradient.
    callables : mapping of str to callable or None
        ``cost``, ``grad`` and ``params``.
    options : mapping
        Of the check; those that cannot be written down are named in a remark.
    test : callable
        Which has the callables as attributes.
    """
    imports: dict[str, list[str]] = {}
    assignments = []
    names = {"cost": "cost", "grad": "None", "params": ""}
    for role, thing in callables.items():
        if thing is None:
            continue
        names[role] = role
        where = _place(thing)
        if where:
            module, name = where
            names[role] = name if name not in names.values() else role
            alias = f" as {role}" if names[role] != name else ""
            imports.setdefault(module, []).append(f"{name}{alias}")
            continue
        home = _place(test)
        if home:
            imports.setdefault(home[0], []).append(home[1])
            assignments.append(f"{role} = {test.__qualname__}.{role}")
        else:
            assignments.append(f"{role} = ...  # {_described(thing)}")
    written = {name: repr(value) for name, value in options.items() if _is_literal(value)}
    lost = [name for name in options if name not in written]
    if plan.names != plan.order:
        written["wrt"] = repr(plan.names)
    bound = [names["cost"], names["grad"], "arrays", f"wrt={plan.order!r}"]
    bound += ["jac=True"] if plan.grad is None else []
    bound += [f"params={names['params']}"] if names["params"] else []
    lines = [
        "import numpy as np",
        "from gradcheck import assert_gradient",
        "from gradcheck.calls import bind",
        *(
            f"from {module} import {', '.join(dict.fromkeys(imports[module]))}"
            for module in imports
        ),
        "",
        *assignments,
        assigned(arrays),
        f"bound = bind({', '.join(bound)})",
        "assert_gradient(",
        "    bound.cost, bound.grad, bound.params, args=bound.args,",
        *(f"    {name}={value}," for name, value in written.items()),
        *(f"    # and {name}= as in the test" for name in lost),
        ")",
    ]
    return "\n".join(lines)


def assigned(arrays: Arrays) -> str:
    """Lines that make the arrays."""
    lines = (
        f'    "{name}": {code_of(value, indent=8 + len(name))},' for name, value in arrays.items()
    )
    return "\n".join(["arrays = {", *lines, "}"])


def _place(thing: Any) -> tuple[str, str] | None:
    """Module and name to import a thing by; of what is in a class, that of the class."""
    module, path = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if module in (None, "__main__") or not path or module not in sys.modules:
        return None
    found: Any = sys.modules[module]
    for name in path.split("."):
        found = getattr(found, name, None)
    # The name of a test leads to what decorators have made of it, with the same attributes.
    same = found is thing or getattr(found, "__dict__", None) is getattr(thing, "__dict__", 0)
    return (module, path.partition(".")[0]) if same else None


def _described(thing: Any) -> str:
    """A callable that has no name to import it by."""
    code = getattr(thing, "__code__", None)
    place = f", {code.co_filename}:{code.co_firstlineno}" if code else ""
    return f"{getattr(thing, '__qualname__', None) or type(thing).__name__}{place}"


def _is_literal(value: Any) -> bool:
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError, TypeError):
        return False
    return True
