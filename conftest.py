"""Hypothesis profiles, for all tests.

Choose one with ``HYPOTHESIS_PROFILE=quick pytest`` or ``pytest --hypothesis-profile=quick``:

- ``quick``: few examples, while editing;
- ``default``: what ``pytest`` runs;
- ``ci`` (chosen where the variable CI is set): the same examples in each run, so that a red
  build is about the change and not about luck, and its failures print how to repeat them;
- ``brief``: few examples, the same in each run: where it is not the examples that matter;
- ``soak``: many examples, new ones in each run.
"""

import os

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("quick", settings.get_profile("default"), max_examples=10)
settings.register_profile(
    "ci", settings.get_profile("default"), derandomize=True, database=None, print_blob=True
)
settings.register_profile("brief", settings.get_profile("ci"), max_examples=10)
settings.register_profile(
    "soak", settings.get_profile("default"), max_examples=5000, print_blob=True
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default")
)
