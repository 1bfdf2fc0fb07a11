"""The command line: what ``gradcheck`` takes, and which command does it.

``gradcheck`` alone verifies the equations of `backprop`; with a COST and a GRAD, or one target
that has both, it checks the user's own; ``layers``, ``audit`` and ``explain`` are commands.

Exit codes: 0 pass, 1 something is wrong, 2 usage or bad input, 3 something could not be checked,
or nothing was, 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gradcheck import __version__
from gradcheck.cli.screen import STDOUT, Screen, complain, one_thread
from gradcheck.errors import InvalidInput

__all__ = ["main"]

DRAWN = 100
"""Networks of drawn dimensions; with the data, half a minute on a small machine."""

CODES = "exit codes: 0 pass, 1 an equation is wrong, 2 usage or bad input, 3 not (all) checked"

COMMANDS = """\
commands:
  gradcheck                           verify every equation of the network in `backprop`
  gradcheck COST GRAD --shapes SPEC   check your own gradient at drawn data
  gradcheck OBJECT --data FILE.npz    check it at your point; OBJECT has both, or returns both
  gradcheck PATH.py::TEST             run a test of yours
  gradcheck layers FORWARD BACKWARD   check a layer's backward step
  gradcheck audit ...                 plant mistakes, and see whether your check or tests turn red
  gradcheck explain [WORD]            what a word in a report means

COST, GRAD and so on are MODULE:OBJECT or PATH.py::OBJECT. Options of a command: COMMAND --help.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    SystemExit
        With code 2 if the arguments make no sense, with 0 after ``--help`` and ``--version``.
    """
    name, given = _command(_complete(list(sys.argv[1:] if argv is None else argv)))
    command = _COMMANDS[name]
    options = command.parse(given)
    if not name:
        _check_words(options.targets)
    results = (getattr(options, name, None) for name in ("json", "html"))
    screen = Screen(options.quiet, silent=STDOUT in results, verbose=options.verbose)
    try:
        with one_thread():
            return command.run(options, screen)
    except InvalidInput as error:
        screen.clear()
        complain(str(error))
        return 2
    except SystemExit as error:
        from gradcheck.targets import place_of

        screen.clear()
        place = place_of(error)
        complain(f"your code raised SystemExit: {error}" + (f", at {place}" if place else ""))
        return 2
    except KeyboardInterrupt:
        screen.clear()
        complain("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; so that Python does not complain on exit:
        sys.stdout = None
        return 141


FLAGS = {"-h", "--help", "--version", "--quiet", "--verbose", "--vectorized"}
"""Options without a value."""


def _complete(argv: list[str]) -> list[str]:
    """The arguments, with ``-`` for the file of results that none is named for.

    A target or a command is none: nobody writes results to ``model.py`` or ``model:cost``.
    """
    end = argv.index("--") if "--" in argv else len(argv)
    found = []
    for k, word in enumerate(argv[:end]):
        found.append(word)
        if word in ("--json", "--html"):
            after = argv[k + 1] if k + 1 < end else "--"
            target = ".py" in after or ":" in after.removesuffix(".json").removesuffix(".html")
            if target or after in _COMMANDS or (after.startswith("-") and after != "-"):
                found.append("-")
    return found + argv[end:]


def _command(argv: list[str]) -> tuple[str, list[str]]:
    """The command that stands before any other word, and the arguments without it."""
    k = 0
    while k < len(argv) and argv[k].startswith("-") and argv[k] != "--":
        k += 1 if argv[k] in FLAGS or "=" in argv[k] else 2
    named = k < len(argv) and argv[k] in _COMMANDS
    return (argv[k], [*argv[:k], *argv[k + 1 :]]) if named else ("", argv)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        complain(f"{message}; try `{self.prog} --help`")
        raise SystemExit(2)


def _parser(name: str, description: str, epilog: str) -> _Parser:
    """A parser with the options that all commands have."""
    parser = _Parser(
        prog=f"gradcheck {name}".strip(),
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("--quiet", action="store_true", help="print the verdict alone")
    loud.add_argument("--verbose", action="store_true", help="print every report, or example")
    parser.add_argument("--version", action="version", version=f"gradcheck {__version__}")
    return parser


def _results(parser: _Parser) -> None:
    """Add the options of commands that compute something."""
    parser.add_argument(
        "--seed", type=_whole(0), default=0, metavar="N", help="of all draws (default: 0)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the results to FILE; without it, to stdout"
    )


def _page(parser: _Parser) -> None:
    """Add the option of commands that have reports to show."""
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page; likewise")


def _whole(least: int, most: int = 2**63) -> Any:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            bound = f"at least {least}" if value < least else f"at most {most}"
            raise argparse.ArgumentTypeError(f"expected a whole number of {bound}, got {text!r}")
        return value

    return parse


def _main_parser(*, targets: bool = True) -> _Parser:
    from gradcheck.cli import check, verify

    parser = _parser(
        "",
        "Check gradients against numerical derivatives: those of the network in `backprop`, or "
        "your own.",
        f"{COMMANDS}\n{CODES}",
    )
    if targets:
        parser.add_argument("targets", nargs="*", metavar="TARGET", help="your own COST and GRAD")
    _results(parser)
    _page(parser)
    verify.add_arguments(parser.add_argument_group("of the network in `backprop`"), _whole)
    check.add_arguments(parser.add_argument_group("of your own"), _whole, layers=False)
    parser.add_argument(
        "--print-completion",
        action=_Completion,
        help="print what makes the shell complete these options, and exit",
    )
    return parser


def _run_main(options: argparse.Namespace, screen: Screen) -> int:
    """Verify the network if no target is given, else check the targets."""
    from gradcheck.cli import check, verify

    of_network = [n for n in ("hidden", "activation") if getattr(options, n) is not None]
    if options.targets:
        if of_network:
            raise InvalidInput(f"--{of_network[0]} is of the network in `backprop`, not of yours")
        return check.run(options, screen)
    own = [n for n in _own_options() if getattr(options, n) is not None]
    if own:
        raise InvalidInput(
            f"--{own[0].replace('_', '-')} is for a gradient of your own: name it, as in "
            "gradcheck MODULE:COST MODULE:GRAD"
        )
    return verify.run(options, screen, DRAWN)


def _own_options() -> list[str]:
    from gradcheck.cli import check

    parser = argparse.ArgumentParser()
    check.add_arguments(parser, _whole, layers=False)
    return [action.dest for action in parser._actions if action.dest != "help"]


def _check_words(targets: Sequence[str]) -> None:
    """Refuse a word that is neither a target nor a command, as argparse would."""
    from gradcheck.targets import might_be

    odd = [text for text in targets if not might_be(text)]
    if odd:
        near = difflib.get_close_matches(odd[0], filter(None, _COMMANDS), 1)
        meant = f"did you mean gradcheck {near[0]}? " if near else ""
        _main_parser().error(
            f"unrecognized arguments: {' '.join(odd)}; {meant}expected MODULE:OBJECT, "
            f"PATH.py::OBJECT or a command, of {', '.join(filter(None, _COMMANDS))}"
        )


def _layers_parser() -> _Parser:
    from gradcheck.cli import check

    parser = _parser(
        "layers",
        "Check the backward step of a layer: FORWARD gives (output, cache), BACKWARD takes\n"
        "(doutput, cache). One object that has both will do.",
        CODES,
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="FORWARD and BACKWARD")
    _results(parser)
    _page(parser)
    check.add_arguments(parser, _whole, layers=True)
    return parser


def _run_layers(options: argparse.Namespace, screen: Screen) -> int:
    from gradcheck.cli import check

    return check.run(options, screen, is_layer=True)


def _audit_parser() -> _Parser:
    from gradcheck.cli import audit

    parser = _parser(
        "audit",
        "Plant known mistakes in your gradient, one at a time, and see whether your check or\n"
        "your tests turn red.",
        audit.EPILOG,
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="COST GRAD, GRAD, or tests")
    _results(parser)
    parser.add_argument("--html", type=Path, help=argparse.SUPPRESS)
    audit.add_arguments(parser, _whole)
    return parser


def _run_audit(options: argparse.Namespace, screen: Screen) -> int:
    from gradcheck.cli import audit

    return audit.run(options, screen)


def _explain_parser() -> _Parser:
    parser = _parser(
        "explain",
        "Tell what a word in a report means: a finding, a diagnosis, a verdict or a reason.",
        "Without a word, all of them are listed.",
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="such as rank-1 or sum-for-mean")
    return parser


def _run_explain(options: argparse.Namespace, screen: Screen) -> int:
    from gradcheck.cli.explain import explain, listed

    print("\n\n".join(explain(word) for word in options.words) or listed())
    return 0


class _Completion(argparse.Action):
    """Prints what makes a shell complete the options, and exits; needs shtab."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(
            option_strings,
            argparse.SUPPRESS,
            default=argparse.SUPPRESS,
            choices=["bash", "zsh", "tcsh"],
            **kwargs,
        )

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, shell: Any, option: Any = None
    ) -> NoReturn:
        try:
            import shtab
        except ImportError:
            parser.error("--print-completion needs shtab: pip install 'gradcheck[completion]'")
        print(shtab.complete(_whole_parser(), shell=shell))
        raise SystemExit(0)


def _whole_parser() -> _Parser:
    """All commands in one parser, as completion wants it."""
    parser = _main_parser(targets=False)
    commands = parser.add_subparsers()
    for name, command in _COMMANDS.items():
        if name:
            made = command.parser()
            commands.add_parser(name, parents=[made], add_help=False, description=made.description)
    return parser


@dataclass(frozen=True)
class _Command:
    """One command: how its arguments are read, and what it does."""

    parser: Callable[[], _Parser]
    run: Callable[[argparse.Namespace, Screen], int]

    def parse(self, argv: list[str]) -> argparse.Namespace:
        """Read the arguments; what stands behind ``--`` is for pytest."""
        own, dashes, rest = argv, False, []
        if "--" in argv:
            at = argv.index("--")
            own, dashes, rest = argv[:at], True, argv[at + 1 :]
        parser = self.parser()
        options = parser.parse_intermixed_args(own)
        if dashes and self.run is not _run_audit:
            parser.error(f"unrecognized arguments: -- {' '.join(rest)}".rstrip())
        options.tests = rest if dashes else None
        return options


_COMMANDS = {
    "": _Command(_main_parser, _run_main),
    "layers": _Command(_layers_parser, _run_layers),
    "audit": _Command(_audit_parser, _run_audit),
    "explain": _Command(_explain_parser, _run_explain),
}
