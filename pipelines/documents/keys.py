"""The keys under which steps and pipelines are known, made from their names."""

import re
import unicodedata

_FOREIGN = re.compile(r"[^a-z0-9_-]+")
# The columns are as long.
_LONGEST = 64


def step_key(name: str) -> str:
    """Return the key of a step that states none: its name in lower case, words joined by `_`."""
    key = _slug(name, "_")
    if not key:
        return "step"
    # A key must be usable as a name in an expression, which starts with a letter.
    return (f"s_{key}" if key[0] in "0123456789-" else key)[:_LONGEST]


def pipeline_slug(name: str) -> str:
    """Return the slug of a pipeline that states none: its name in lower case, joined by `-`."""
    return _slug(name, "-")[:_LONGEST] or "pipeline"


def _slug(name: str, joint: str) -> str:
    plain = unicodedata.normalize("NFKD", name[:500]).encode("ascii", "ignore").decode().lower()
    return _FOREIGN.sub(joint, plain).strip(joint)
