"""Fewer mistakes to plant, for tests that would take long with all of them."""

from contextlib import contextmanager

from gradcheck.audit.mistakes import MISTAKES


@contextmanager
def only(*names):
    """Let these be all the known mistakes; their order is kept, also of all afterwards."""
    every = dict(MISTAKES)
    for name in set(every) - set(names):
        del MISTAKES[name]
    try:
        yield
    finally:
        MISTAKES.clear()
        MISTAKES.update(every)
