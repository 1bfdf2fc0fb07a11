"""What the command line names: ``MODULE:OBJECT`` or ``PATH.py::OBJECT``, loaded.

>>> load("math:sin")(0.0)
0.0
>>> claimed([load("backprop")])[0].__name__
'cost'

The current folder is importable, and so is the folder of a PATH (of its outermost package, if
it is in one): a file is imported by the name by which the user's own code imports it.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.errors import InvalidInput, InvalidType

__all__ = ["arguments", "claimed", "is_test", "layer", "load", "might_be", "place_of"]

FORMS = "MODULE:OBJECT or PATH.py::OBJECT"

COSTS = ("cost", "loss")
GRADIENTS = ("gradients", "gradient", "grad")
"""Names by which an object's two halves are found, the first that it has."""


def load(text: str) -> Any:
    """The object that a target names; the module itself, if it names no object.

    Parameters
    ----------
    text : str
        ``MODULE:OBJECT``, ``PATH.py:OBJECT`` or ``PATH.py::OBJECT``, with dots or ``::`` between
        the names of a class and of what is in it.

    Raises
    ------
    InvalidInput
        If there is no such file, module or object, or if importing it raises.
    """
    where, names = _split(text)
    module = _of_file(Path(where)) if where.endswith(".py") else _of_name(where, text)
    found: Any = module
    for k, name in enumerate(names):
        if not hasattr(found, name):
            owner = f"`{'.'.join((where, *names[:k]))}`" if k else f"`{where}`"
            raise InvalidInput(f"{owner} has no `{name}`{_instead(found, name)}")
        found = _attribute(found, name)
    return found


def _attribute(owner: Any, name: str) -> Any:
    """An attribute; of a class a method is that of an instance."""
    if isinstance(owner, type) and inspect.isfunction(inspect.getattr_static(owner, name)):
        owner = _instance(owner)
    return getattr(owner, name)


def _split(text: str) -> tuple[str, list[str]]:
    """Where a target is defined, and the names that lead to it from there."""
    match = re.fullmatch(r"(.+?\.py|[^:]+?)(?:::?(.*))?", text)
    where, names = match.groups() if match else (text, None)
    parts = re.split(r"::|\.", names) if names is not None else []
    if not where.endswith(".py") and not all(map(str.isidentifier, where.split("."))):
        raise InvalidInput(f"{text!r}: expected {FORMS}")
    if not all(map(str.isidentifier, parts)):
        raise InvalidInput(f"{text!r}: expected the name of an object after {where!r}, as {FORMS}")
    return where, parts


def _of_name(name: str, text: str) -> ModuleType:
    _importable(Path.cwd())
    try:
        return _imported(name, name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _unimportable(name, error) from error
        here = sorted(path.stem for path in Path.cwd().glob("*.py"))
        near = difflib.get_close_matches(name, here, n=2)
        owner, dot, last = name.rpartition(".")
        if dot and error.name == name and might_be(owner):
            raise InvalidInput(f"{text!r}: `{owner}` is a module; write {owner}:{last}") from None
        remedy = f"there is {_named(near)} here" if near else f"expected {FORMS}"
        raise InvalidInput(
            f"{text!r}: no module `{name}` in this folder nor installed; {remedy}"
        ) from None


def _of_file(path: Path) -> ModuleType:
    full = path.expanduser().absolute()
    if not full.is_file():
        folder = full.parent
        near = difflib.get_close_matches(path.name, [p.name for p in folder.glob("*.py")], n=2)
        also = f"; there is {_named(near)}" if near else ""
        raise InvalidInput(f"there is no file {str(path)!r}{also}")
    _importable(Path.cwd())
    for module in list(sys.modules.values()):
        if isinstance(getattr(module, "__file__", None), str) and _is_same(module.__file__, full):
            return module
    root, parts = full.parent, [full.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        root, parts = root.parent, [root.name, *parts]
    _importable(root)
    parts = parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts
    name = ".".join(parts)
    if _is_found(name, full, str(path)):
        return _imported(name, str(path))
    return _executed(full, f"_gradcheck_{re.sub(r'[^0-9a-zA-Z_]', '_', full.stem)}", str(path))


def _is_found(name: str, path: Path, shown: str) -> bool:
    """Whether importing `name` gives the file, and not another module of that name."""
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):
        return False
    except (Exception, SystemExit) as error:  # from a package that it is in
        raise _unimportable(shown, error) from error
    return spec is not None and _is_same(spec.origin, path)


def _is_same(file: str | None, path: Path) -> bool:
    return file is not None and Path(file) == path


def _importable(folder: Path) -> None:
    """Let modules be imported from a folder, before all others of the same names."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _imported(name: str, shown: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise
        raise _unimportable(shown, error) from error
    except (Exception, SystemExit) as error:
        raise _unimportable(shown, error) from error


def _executed(path: Path, name: str, shown: str) -> ModuleType:
    """The module of a file that cannot be imported by its own name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _unimportable(shown, error) from error
    return module


def _unimportable(shown: str, error: BaseException) -> InvalidInput:
    text = str(error).partition("\n")[0]
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = place_of(error)
    return InvalidInput(f"importing {shown!r} raised {said}" + (f", at {place}" if place else ""))


def place_of(error: BaseException | None) -> str:
    """The user's own line that an exception comes from; empty if there is none.

    Lines of this package, of Python and of what is installed are not the user's.
    """
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            return f"{_shown(error.filename)}, line {error.lineno}"
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if _is_own(frame.filename)]
        if own:
            last = own[-1]
            return f"{_shown(last.filename)}, line {last.lineno}: {last.line}"
        error = error.__cause__
    return ""


def _is_own(file: str) -> bool:
    path = Path(file)
    foreign = {"site-packages", "dist-packages"} & set(path.parts)
    return not (
        file.startswith("<")
        or foreign
        or path.is_relative_to(Path(__file__).parent)
        or path.is_relative_to(Path(traceback.__file__).parent)
    )


def _shown(file: str) -> str:
    """A path as short as the current folder allows."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _instead(owner: Any, name: str) -> str:
    """What the owner has in place of a missing name: the nearest, or its callables."""
    public = [
        n
        for n in dir(owner)
        if not n.startswith("_") and not isinstance(getattr(owner, n, None), ModuleType)
    ]
    near = difflib.get_close_matches(name, public, n=2)
    if near:
        return f"; it has {_named(near)}"
    home = getattr(owner, "__name__", None)
    own = [
        n
        for n in public
        if callable(v := getattr(owner, n)) and getattr(v, "__module__", home) == home
    ]
    return f"; it has {_named(own[:6])}" if own else ""


def might_be(text: str) -> bool:
    """Whether a word can be meant as a target: it names an object, a file or a module."""
    if ":" in text or text.endswith(".py") or not text:
        return True
    _importable(Path.cwd())
    try:
        return importlib.util.find_spec(text.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def is_test(target: Any) -> bool:
    """Whether a target is a test of its own, to be run as it is."""
    name = getattr(target, "__name__", "")
    drawn = getattr(target, "is_hypothesis_test", False) is True
    asks = getattr(target, "__gradcheck__", False) is True
    return callable(target) and (drawn or asks or name.startswith("test"))


def arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a function's arguments; none if it does not tell them."""
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def claimed(
    targets: Sequence[Any], texts: Sequence[str] = ()
) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Cost and gradient of one or two targets.

    Parameters
    ----------
    targets : sequence
        A cost and a gradient; or one object that has both; or a function that returns both.
    texts : sequence of str, optional
        How the user names them, for messages.

    Returns
    -------
    cost, grad : callable
        `grad` is None if `cost` returns the pair of value and gradient.

    Raises
    ------
    InvalidInput
        If they are nothing of the kind.
    """
    if len(targets) == 2:
        return _functions(("COST", "GRAD"), targets, texts)
    halves = _halves(targets[0], COSTS, GRADIENTS)
    if halves is not None:
        return halves
    if callable(targets[0]) and not isinstance(targets[0], type):
        return targets[0], None
    raise InvalidType(
        f"expected a COST and a GRAD, a function that returns (value, gradient), or what has "
        f"`cost` and `grad`; got {_kind_of(targets[0])}"
    )


def _functions(
    nouns: tuple[str, str], targets: Sequence[Any], texts: Sequence[str]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two targets, each of which must be a function."""
    for noun, target, text in zip(nouns, targets, texts or ("", ""), strict=True):
        if not callable(target):
            named = f"{noun} {text}".rstrip()
            raise InvalidType(f"{named}: expected a function, got {_kind_of(target)}")
    return targets[0], targets[1]


def layer(
    targets: Sequence[Any], texts: Sequence[str] = ()
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Forward and backward step: two functions, or one object that has both.

    Raises
    ------
    InvalidInput
        If they are nothing of the kind.
    """
    if len(targets) == 2:
        return _functions(("FORWARD", "BACKWARD"), targets, texts)
    halves = _halves(targets[0], ("forward",), ("backward",))
    if halves is None:
        raise InvalidType(
            f"expected a FORWARD and a BACKWARD, or what has both; got {_kind_of(targets[0])}"
        )
    return halves


def _halves(
    owner: Any, first: Sequence[str], second: Sequence[str]
) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """The two callables of an object, module or class by their names; None without either."""
    names = [next((n for n in group if hasattr(owner, n)), None) for group in (first, second)]
    if None in names:
        return None
    if isinstance(owner, type) and any(
        inspect.isfunction(inspect.getattr_static(owner, str(name))) for name in names
    ):
        owner = _instance(owner)
    left, right = (getattr(owner, str(name)) for name in names)
    for name, half in zip(names, (left, right), strict=True):
        if not callable(half):
            raise InvalidType(f"`{name}`: expected a function, got {_kind_of(half)}")
    return left, right


def _instance(kind: type) -> Any:
    try:
        return kind()
    except Exception as error:
        raise InvalidInput(
            f"`{kind.__name__}()` raised {type(error).__name__}: {error}; name an instance, or "
            "make its arguments optional"
        ) from error


def _kind_of(target: Any) -> str:
    if isinstance(target, ModuleType):
        return f"the module `{target.__name__}`"
    if isinstance(target, type):
        return f"the class `{target.__name__}`"
    if inspect.isroutine(target):
        return f"the function `{target.__name__}`"
    return f"an object of type {type(target).__name__}"
