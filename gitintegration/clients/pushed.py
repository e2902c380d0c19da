"""How many commits a push brought, as its host tells."""

from collections.abc import Mapping
from typing import Any

# What nobody pushes; numbers come from outside and must fit their column.
MOST = 100_000
_BRANCH = "refs/heads/"
_TOTALS = ("total_commits_count", "total_commits")


def pushed_commits(payload: Mapping[str, Any]) -> int:
    """The commits that came to branches with a push; 0 where the body tells of none.

    Hosts list only the first of many; GitLab and Gitea give the whole number beside them. GitHub
    marks those that another branch had already: they are not counted again.
    """
    push = payload.get("push")
    if isinstance(push, Mapping):
        return min(MOST, sum(map(_of_change, _list(push.get("changes")))))
    if not str(payload.get("ref", "")).startswith(_BRANCH):
        return 0
    for name in _TOTALS:
        total = payload.get(name)
        if isinstance(total, int):
            return max(0, min(MOST, total))
    fresh = (each for each in _list(payload.get("commits")) if _is_fresh(each))
    return min(MOST, sum(1 for _ in fresh))


def _of_change(change: Any) -> int:
    """The newest five at most: Bitbucket tells no more."""
    new = change.get("new") if isinstance(change, Mapping) else None
    if not isinstance(new, Mapping) or new.get("type") not in {"branch", "named_branch"}:
        return 0
    return len(_list(change.get("commits")))


def _is_fresh(commit: Any) -> bool:
    return isinstance(commit, Mapping) and commit.get("distinct") is not False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
