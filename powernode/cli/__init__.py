"""The `powernode` command: `up` and friends for operators, `runs` and friends for everyone."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powernode.settings")  # noqa: TID251  (Django reads nothing else)

from powernode.cli.application import main

__all__ = ["main"]
