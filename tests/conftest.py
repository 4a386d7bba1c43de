"""What holds for every test."""

import os

from hypothesis import settings

# A developer's runs look for new examples; CI tries the same ones every time, so that it judges the change alone.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
