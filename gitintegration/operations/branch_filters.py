"""Which branches a repository's or receiver's filter lets pass."""

import re

from devops.errors import Invalid
from devops.safety.patterns import PatternError, Regex
from gitintegration.choices import BranchFilterType


def passes(filter_type: str, pattern: str, branch: str) -> bool:
    """Whether a branch passes; an unknown branch does, an unusable pattern lets none pass.

    `wildcard`: `**` is anything, `*` anything but `/`, `?` one character, the rest literal.
    """
    if filter_type in {"", BranchFilterType.NONE} or not pattern or not branch:
        return True
    branch = branch.removeprefix("refs/heads/")
    if filter_type == BranchFilterType.EXACT:
        return branch == pattern
    expression = wildcard(pattern) if filter_type == BranchFilterType.WILDCARD else pattern
    try:
        return Regex(expression).search(branch)
    except PatternError:
        return False


def check_filter(filter_type: str, pattern: str) -> None:
    """Refuse a filter that could never do what its author wants.

    Raises:
        Invalid: a pattern is missing, or is no regular expression.
    """
    if filter_type == BranchFilterType.NONE:
        return
    if not pattern:
        raise Invalid.field(
            "/branch_filter", "A filter of this type needs a pattern.", code="required",
            remedy="For example main, release/** or ^release/\\d+$.",
        )  # fmt: skip
    if filter_type == BranchFilterType.REGEX:
        try:
            Regex(pattern)
        except PatternError as error:
            raise Invalid.field("/branch_filter", str(error)) from error


def wildcard(pattern: str) -> str:
    """The regular expression of a wildcard, anchored at both ends."""
    pieces = {"**": "(?s:.)*", "*": "[^/]*", "?": "(?s:.)"}
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    return "^" + "".join(pieces.get(part) or re.escape(part) for part in parts) + "$"
