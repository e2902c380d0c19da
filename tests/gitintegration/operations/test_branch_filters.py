"""Branch filters, by every row of their table."""

import pytest

from devops.errors import Invalid
from gitintegration.operations.branch_filters import check_filter, passes


@pytest.mark.parametrize(
    ("kind", "pattern", "branch", "expected"),
    [
        # none, and a filter without a pattern or type: every branch
        ("none", "", "anything", True),
        ("none", "main", "other", True),
        ("exact", "", "other", True),
        ("", "main", "other", True),
        # exact means equal
        ("exact", "main", "main", True),
        ("exact", "main", "Main", False),
        ("exact", "main", "main2", False),
        ("exact", "feature/*", "feature/a", False),
        # wildcard: ** anything with /, * a run without /, ? one character, the rest literal
        ("wildcard", "release/**", "release/1/2", True),
        ("wildcard", "release/**", "release/", True),
        ("wildcard", "feature/*", "feature/a", True),
        ("wildcard", "feature/*", "feature/", True),
        ("wildcard", "feature/*", "feature/a/b", False),
        ("wildcard", "*", "a/b", False),
        ("wildcard", "**", "a/b", True),
        ("wildcard", "v?", "v1", True),
        ("wildcard", "v?", "v", False),
        ("wildcard", "v?", "v12", False),
        ("wildcard", "a?b", "a/b", True),
        ("wildcard", "v1.0", "v1x0", False),
        ("wildcard", "a+b(c)[d]", "a+b(c)[d]", True),
        ("wildcard", "main", "my-main", False),
        ("wildcard", "main", "mainline", False),
        ("wildcard", "main", "main\n", False),
        # regex: an unanchored search
        ("regex", "^release/\\d+\\.\\d+$", "release/1.2", True),
        ("regex", "^release/\\d+$", "release/1.2", False),
        ("regex", "eas", "release", True),
        ("regex", "^x", "axe", False),
        # an invalid pattern lets none pass and is no error
        ("regex", "(", "main", False),
        ("regex", "(?P<", "main", False),
        # a ref is a branch with a prefix; an unknown branch passes
        ("exact", "main", "refs/heads/main", True),
        ("wildcard", "m*", "refs/heads/main", True),
        ("exact", "main", "", True),
        ("regex", "(", "", True),
    ],
)
def test_a_branch_passes_as_the_table_says(
    kind: str, pattern: str, branch: str, expected: bool
) -> None:
    assert passes(kind, pattern, branch) is expected


@pytest.mark.parametrize("kind", ["exact", "wildcard", "regex"])
def test_a_filter_without_a_pattern_is_refused(kind: str) -> None:
    with pytest.raises(Invalid):
        check_filter(kind, "")


def test_a_regular_expression_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid):
        check_filter("regex", "(")


def test_an_expression_that_would_take_for_ever_does_not() -> None:
    assert passes("regex", "(a+)+$", "a" * 5000 + "b") is False
