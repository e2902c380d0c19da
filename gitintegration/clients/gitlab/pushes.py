"""Pushes of branches and tags; GitLab tells deletions as pushes as well."""

from dataclasses import replace

from gitintegration.clients.git.webhooks import push_event
from gitintegration.clients.gitlab.reading import event_key, iso, project_facts, sha_in
from gitintegration.clients.members import Members
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)


def push(payload: Members) -> TriggerEvent:
    """A push of a branch or tag; of a deleted one a `delete`."""
    ref, before, after = payload.text("ref"), sha_in(payload, "before"), sha_in(payload, "after")
    if not (ref and before and after):
        raise UnreadableDeliveryError("A push needs ref, before and after.")
    facts = {
        **project_facts(payload),
        "actor": payload.text("user_username") or payload.text("user_name"),
        "actor_id": payload.ident("user_id"),
    }
    if not after.strip("0"):
        return replace(_deletion(ref, before), **facts)
    commits = list(payload.entries("commits"))
    found = push_event(
        ref, before, after,
        [
            {
                "sha": sha_in(commit, "id"),
                "message": commit.text("message"),
                "author": commit.inner("author").text("name"),
            }
            for commit in commits
        ],
        actor="", changed_paths=_paths(payload, before, commits),
    )  # fmt: skip
    # For an annotated tag `after` is the tag object.
    sha = sha_in(payload, "checkout_sha") or after
    times = [commit.text("timestamp") for commit in commits if commit.text("id") == after]
    return replace(
        found,
        sha=sha,
        commit=replace(found.commit, sha=sha),
        occurred_at=iso(times[0]) if times else "",
        **facts,
    )


def _deletion(ref: str, before: str) -> TriggerEvent:
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    tag = ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else ""
    if not branch and not tag:
        raise IgnoredDeliveryError(f"{ref} is neither a branch nor a tag.")
    return TriggerEvent(
        type="delete", key=event_key("delete", ref, before), ref=ref, before=before,
        branch=branch, tag=tag, is_deletion=True,
    )  # fmt: skip


def _paths(payload: Members, before: str, commits: list[Members]) -> tuple[str, ...] | None:
    """Every path that the push touched; None when GitLab told a part only (20 commits)."""
    is_whole = "total_commits_count" in payload and payload.number("total_commits_count") == len(
        commits
    )
    if not is_whole or not commits or not before.strip("0"):
        return None
    kinds = ("added", "modified", "removed")
    return tuple(sorted({p for commit in commits for kind in kinds for p in commit.texts(kind)}))
