"""``python -m gradcheck``: the command line, as ``gradcheck``."""

from gradcheck.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
