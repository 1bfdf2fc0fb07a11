"""Code that repeats a check at drawn arrays, to be pasted and run.

>>> from gradcheck.strategies.domains import Arrays
>>> print(assigned(Arrays({"w": np.array([[1.0, 0.5]]), "lam": 2.0}, {"n": 2})))
arrays = {
    "w": np.array([[1.0, 0.5]]),
    "lam": 2.0,
}

A callable is written as what leads to it from a module: its name, that of the object of which it
is a method, or else the test, which keeps what it checks as its attributes. Only what does lead
to it is written. Of a function that nothing leads to the source is written, with the modules and
plain values that it needs; if it needs more, a remark says that it is the user's to define.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from gradcheck.calls import Plan
from gradcheck.strategies.domains import Arrays, code_of

__all__ = ["ORIGIN", "assigned", "callables_in_code", "snippet"]

ORIGIN = "gradcheck_origin"
"""Attribute of a test that no module has: lines of code that define what it checks."""

WIDTH = 86
"""Columns of a call that is not broken."""

FEW = 100
"""Entries of an array that a line of code may have."""

OURS = {"assert_gradient": "gradcheck", "assert_vjp": "gradcheck", "plan": "gradcheck.calls"}
"""What the code needs of this package, and its modules."""

TAKEN = ("sys", "np", "arrays", "bound", *OURS)
"""Names that the code uses itself."""


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
    names, head = callables_in_code(callables, test, ("assert_gradient", "plan"))
    written = {name: repr(value) for name, value in options.items() if _is_literal(value)}
    lost = [name for name in options if name not in written]
    if plan.names != plan.order:
        written["wrt"] = repr(plan.names)
    bound = [names["cost"], names.get("grad", "None"), "arrays", f"wrt={plan.order!r}"]
    bound += ["jac=True"] if plan.grad is None else []
    bound += [f"params={names['params']}"] if "params" in names else []
    lines = [
        *head,
        assigned(arrays),
        f"{_called('bound = plan', bound)}.at(arrays)",
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


def _called(function: str, arguments: Sequence[str]) -> str:
    """A call, on one line if that is short enough."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def callables_in_code(
    callables: Mapping[str, Callable[..., Any] | None],
    test: Callable[..., Any],
    ours: Sequence[str],
) -> tuple[dict[str, str], list[str]]:
    """What callables are called in code, and the lines that must stand before.

    Parameters
    ----------
    callables : mapping of str to callable or None
        By what they are for, which is what they are called where they have no name.
    test : callable
        Which has them as attributes, or as its attribute `ORIGIN` the code that defines them.
    ours : sequence of str
        What else the code uses, of `OURS`.
    """
    places = {
        role: _place(thing, role, test) for role, thing in callables.items() if thing is not None
    }
    head = ["import numpy as np", *(f"from {OURS[name]} import {name}" for name in ours)]
    origin = getattr(test, ORIGIN, "")
    if origin and None in places.values():
        return {role: role for role in places}, [*head, origin, ""]
    lost = [role for role, place in places.items() if place is None]
    names = {role: role for role in lost}
    owners: dict[str, Any] = dict.fromkeys([*TAKEN, *lost])
    imports: dict[str, list[str]] = {}
    for role, place in places.items():
        if place is None:
            continue
        module, path = place
        root, dot, rest = path.partition(".")
        ways = (root, role, f"{role}_of_{module.replace('.', '_')}")
        name = next(way for way in ways if owners.setdefault(way, (module, root)) == (module, root))
        names[role] = f"{name}{dot}{rest}"
        imports.setdefault(module, []).append(root if name == root else f"{root} as {name}")
    here = imports.pop("__main__", [])
    folders = [folder for folder in dict.fromkeys(map(_folder, imports)) if folder]
    return names, [
        *(["import sys"] if folders else []),
        *head,
        *(f"sys.path.insert(0, {folder!r})  # from where the test was run" for folder in folders),
        *(f"from {m} import {', '.join(dict.fromkeys(imports[m]))}" for m in imports),
        *([f"# paste this below the definition of {_listed(here)}"] if here else []),
        *_definitions(
            {role: callables[role] for role in lost},
            {*TAKEN, *(name.partition(".")[0] for pair in names.items() for name in pair)},
        ),
        "",
    ]


def _definitions(lost: Mapping[str, Any], taken: set[str]) -> Iterator[str]:
    """Lines that define functions anew, or remarks that they are the user's to define."""
    given: dict[str, str] = {}
    for role, thing in lost.items():
        values, source = _source(thing)
        own = getattr(thing, "__name__", "")
        met = {name for name, line in values.items() if given.get(name, line) != line}
        if not source or met or {own, *values} & (taken - {role, "np"}):
            yield f"# define `{role}` first: {_told(thing)}"
            continue
        yield from (line for name, line in values.items() if line and name not in given)
        given |= values
        yield from ["", source, *([] if own == role else [f"{role} = {own}"])]


def _source(thing: Any) -> tuple[dict[str, str], str]:
    """Lines for what a function needs, by name, and its source; empty if that is not enough."""
    if not isinstance(thing, FunctionType):
        return {}, ""
    try:
        closed = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        around = {name: cell.cell_contents for name, cell in closed}
        source = textwrap.dedent(inspect.getsource(thing)).rstrip()
        (tree,) = ast.parse(source).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}, ""
    for name in sorted(_globals(thing.__code__)):
        around[name] = thing.__globals__.get(name, getattr(builtins, name, object))
    lines = {name: _assigned(name, value) for name, value in around.items()}
    known = {name: line for name, line in lines.items() if line is not None}
    if len(known) < len(lines) or not isinstance(tree, ast.FunctionDef):
        return {}, ""
    # What stands in its head is evaluated where it is defined.
    head = [*tree.decorator_list, tree.args, *([tree.returns] if tree.returns else [])]
    named = {node.id for part in head for node in ast.walk(part) if isinstance(node, ast.Name)}
    return ({}, "") if named - {"np"} else (known, source)


def _assigned(name: str, value: Any) -> str | None:
    """A line that gives a value its name, empty if it has it anyway; None if there is none."""
    if (value is np and name == "np") or value is getattr(builtins, name, builtins):
        return ""
    if isinstance(value, ModuleType):
        return f"import {value.__name__} as {name}"
    plain = _is_literal(value) or (isinstance(value, np.ndarray) and value.size <= FEW)
    return f"{name} = {code_of(value, len(name) + 3)}" if plain else None


def _globals(code: CodeType) -> set[str]:
    """Names that code takes from its module, also in functions within it."""
    inner = [_globals(const) for const in code.co_consts if isinstance(const, CodeType)]
    here = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    return here.union(*inner)


def _listed(names: Sequence[str]) -> str:
    file = getattr(sys.modules["__main__"], "__file__", "")
    where = f", in {Path(file).name}" if file else ""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names)) + where


def _place(thing: Any, role: str, test: Any) -> tuple[str, str] | None:
    """A module that can be imported and the dotted name in it that leads to a thing."""
    homes = [getattr(test, "__module__", None)]
    places = [*_places(thing, homes), (homes[0], f"{getattr(test, '__qualname__', '')}.{role}")]
    for module, path in places:
        if module in sys.modules and _is(_at(module, path), thing) and _folder(module) is not None:
            return module, path
    return None


def _places(thing: Any, homes: Sequence[str | None]) -> Iterator[tuple[Any, str]]:
    """Where a thing may be found: by its own name, by another, as a method of what is found."""
    own = getattr(thing, "__module__", None)
    yield own, str(getattr(thing, "__qualname__", ""))
    for home in (own, *homes):
        for name, value in list(vars(sys.modules.get(str(home), object)).items()):
            if _is(value, thing):
                yield home, name
    if isinstance(thing, MethodType):
        for home, path in _places(thing.__self__, homes):
            yield home, f"{path}.{thing.__name__}"


def _at(module: str, path: str) -> Any:
    found: Any = sys.modules[module]
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is(found: Any, thing: Any) -> bool:
    """Whether both are one; methods are made anew each time they are looked up."""
    return found is thing or (isinstance(thing, MethodType) and bool(found == thing))


def _folder(module: str) -> str | None:
    """From where a module is imported, if not from the current folder or as it is installed.

    None if its name does not lead to its file, so that nobody else can import it.
    """
    file = getattr(sys.modules[module], "__file__", None)
    if file is None or module == "__main__":
        return ""
    path, names = Path(file), module.split(".")
    path = path.parent if path.stem == "__init__" else path
    if [*path.parts[:-1], path.name.partition(".")[0]][-len(names) :] != names:
        return None
    root = path.parents[len(names) - 1]
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    if installed or root == Path.cwd() or root.is_relative_to(Path(os.__file__).parent):
        return ""
    try:
        return Path(os.path.relpath(root)).as_posix()
    except ValueError:  # on another drive
        return root.as_posix()


def _told(thing: Any) -> str:
    """A callable that nothing leads to."""
    code = getattr(thing, "__code__", None)
    place = f", {Path(code.co_filename).name}, line {code.co_firstlineno}" if code else ""
    return f"{getattr(thing, '__qualname__', None) or type(thing).__name__}{place}"


def _is_literal(value: Any) -> bool:
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError, TypeError):
        return False
    return True
