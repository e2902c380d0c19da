"""Every git host is one to us: each operation, over a socket, against each shipped fake."""

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import (
    AlreadyExists,
    Forbidden,
    HostError,
    NotFoundOnHost,
    NotSupported,
    RefusedByHost,
)
from gitintegration.clients.host import HostClient, every
from tests.gitintegration.hosts.rig import World

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF9Q0b3Hq7m5Y6yJ3n8v1mYb5f5yq0bS4O0mC0aVv3aZ deploy"
OPERATIONS = sorted(
    name
    for name, value in vars(HostClient).items()
    if inspect.isfunction(value) and not name.startswith("_")
)


def has(world: World, *operations: str) -> None:
    """Go on where the host has all of them; what it has not is tested by its own test."""
    for operation in operations:
        assert operation in OPERATIONS
        if operation in world.rig.unsupported:
            pytest.skip(f"{world.rig.name} has no {operation}")
        if operation in world.rig.not_in_fake:
            pytest.skip(world.rig.not_in_fake[operation])


def test_the_client_has_every_operation(world: World) -> None:
    assert [name for name in OPERATIONS if not callable(getattr(world.client, name, None))] == []


def test_the_suite_calls_every_operation() -> None:
    files = Path(__file__).parent.glob("test_contract*.py")
    text = "".join(file.read_text() for file in files)
    called = set(re.findall(r"client\.(\w+)\(", text)) | {"close"}
    assert [name for name in OPERATIONS if name not in called] == []


SAMPLES: dict[type | str, Any] = {
    "repository": "acme/widgets", "repository_id": "1", "organization": "acme", "username": "bob",
    "name": "x", "sha": "0" * 40, "base": "main", "head": "feature", "path": "a", "ref": "main",
    "content": b"x", "branch": "main", "message": "m", "number": 1, "body": "b", "comment_id": "1",
    "url": "https://ci.example.com/hook", "secret": "s" * 20, "webhook_id": "1",
    "delivery_id": "1", "run_id": "1", "job_id": "1", "workflow": "ci.yml", "inputs": {},
    "pattern": "main", "title": "t", "key": KEY, "key_id": "1", "runner_id": "1", "labels": ["a"],
    "scope": s.Scope("repository", "acme/widgets"), "changes": {"description": "d"},
    "status": s.CommitStatus("c", "success"), "check": s.CheckRun("c", "0" * 40, "queued"),
    "protection": s.BranchProtection("main"), "new": s.NewRepository("n"),
}  # fmt: skip


def test_what_a_host_has_not_is_refused_with_what_it_has_instead(world: World) -> None:
    for operation in sorted(world.rig.unsupported):
        method = getattr(world.client, operation)
        wanted = inspect.signature(method).parameters.values()
        # One that takes anything names no arguments.
        needed = [p.name for p in wanted if p.default is p.empty and p.name in SAMPLES]
        given = {name: SAMPLES[name] for name in needed}
        with pytest.raises(NotSupported) as caught:
            method(**given)
        assert caught.value.host == world.client.access.name
        assert len(caught.value.detail) > 30, operation


# People


def test_the_token_tells_whose_it_is(world: World) -> None:
    found = world.client.current_user()
    assert (found.id, found.username) == (user_id(world, world.ada), "ada")


def user_id(world: World, user: Any) -> str:
    ids: Callable[[Any], str] = world.state.extra.get("user_id", lambda known: str(known.id))
    return ids(user)


def test_the_rate_limit_is_known_or_told_as_unknown(world: World) -> None:
    has(world, "rate_limit")
    found = world.client.rate_limit()
    assert found.limit is None or found.limit > 0


def test_a_strangers_permission_is_what_the_host_gave_him(world: World) -> None:
    has(world, "permission_of")
    client, name = world.client, world.name
    assert client.permission_of(name, "ada") == "admin"
    assert client.permission_of(name, "bob") in {"none", "read"}
    world.widgets.collaborators["bob"] = "write"
    assert client.permission_of(name, "bob") == "write"
    assert client.permission_of(name, "nobody-at-all") == "none"


# Repositories


def test_a_repository_is_described_in_our_shape(world: World) -> None:
    found = world.client.get_repository(world.name)
    assert (found.full_name, found.name, found.owner) == ("acme/widgets", "widgets", "acme")
    assert (found.default_branch, found.description) == ("main", "All widgets")
    assert (found.is_private, found.is_fork) == (False, False)
    assert found.clone_url.endswith("/acme/widgets.git")
    assert found.created_at is not None
    assert found.created_at.tzinfo is not None
    assert world.client.get_repository_by_id(found.id) == found


def test_a_fork_and_a_private_repository_are_told_as_such(world: World) -> None:
    fork = world.state.fork(world.widgets, world.bob)
    world.state.add_repository("acme/hidden", files={"a": "b"}, private=True)
    assert world.client.get_repository(fork.full_name).is_fork
    assert world.client.get_repository("acme/hidden").is_private


def test_what_is_not_there_is_not_found(world: World) -> None:
    client, name = world.client, world.name
    with pytest.raises(NotFoundOnHost):
        client.get_repository("acme/none")
    with pytest.raises(NotFoundOnHost):
        client.get_branch(name, "none")
    with pytest.raises(NotFoundOnHost):
        client.get_commit(name, "1" * 40)
    with pytest.raises(NotFoundOnHost):
        client.get_contents(name, "none.txt")
    with pytest.raises(NotFoundOnHost):
        client.get_pull_request(name, 999)


def test_all_pages_of_the_repositories_are_followed(world: World) -> None:
    for number in range(4):
        world.state.add_repository(f"acme/more-{number}", files={"a": "b"})
    names = {repo.full_name for repo in every(lambda page: world.client.list_repositories(page, 2))}
    assert {"acme/widgets", *(f"acme/more-{number}" for number in range(4))} <= names
    of_acme = [
        repo.full_name
        for repo in every(lambda page: world.client.list_organization_repositories("acme", page, 2))
    ]
    assert sorted(of_acme) == sorted({name for name in names if name.startswith("acme/")})


def test_a_repository_is_made_changed_and_deleted(world: World) -> None:
    has(world, "create_repository", "update_repository", "delete_repository")
    client = world.client
    made = client.create_repository(
        s.NewRepository("gadgets", organization="acme", description="Fresh", is_private=True)
    )
    assert (made.full_name, made.is_private) == ("acme/gadgets", True)
    with pytest.raises(RefusedByHost):
        client.create_repository(s.NewRepository("gadgets", organization="acme"))
    changed = client.update_repository("acme/gadgets", {"description": "Old"})
    assert changed.description == "Old"
    client.delete_repository("acme/gadgets")
    with pytest.raises(NotFoundOnHost):
        client.get_repository("acme/gadgets")


def test_a_renamed_repository_is_found_by_its_id(world: World) -> None:
    found = world.client.get_repository(world.name)
    world.state.rename(world.widgets, "acme/things")
    assert world.client.get_repository_by_id(found.id).full_name == "acme/things"


def test_the_languages_are_weighed(world: World) -> None:
    has(world, "languages")
    found = world.client.languages(world.name)
    assert set(found) <= {"Python", "Shell"}
    assert max(found, key=lambda name: found[name]) == "Python"


# Branches, tags, commits


def test_all_branches_of_all_pages_are_listed(world: World) -> None:
    refs = {f"refs/heads/b-{number:03}": world.head for number in range(248)}
    world.widgets.store.make_refs(refs)
    found = [
        branch.name for branch in every(lambda page: world.client.list_branches(world.name, page))
    ]
    assert len(found) == 250
    assert set(found) == {"main", "feature", *(ref.removeprefix("refs/heads/") for ref in refs)}


def test_a_branch_is_made_read_and_deleted(world: World) -> None:
    client, name = world.client, world.name
    made = client.create_branch(name, "topic/new", world.head)
    assert (made.name, made.sha) == ("topic/new", world.head)
    assert client.get_branch(name, "topic/new").sha == world.head
    with pytest.raises(RefusedByHost):
        client.create_branch(name, "topic/new", world.head)
    client.delete_branch(name, "topic/new")
    with pytest.raises(NotFoundOnHost):
        client.get_branch(name, "topic/new")


def test_the_tags_are_listed(world: World) -> None:
    found = world.client.list_tags(world.name).items
    assert [(tag.name, tag.sha) for tag in found] == [("v1.0", world.head)]


def test_a_tag_is_read_by_its_name(world: World) -> None:
    world.widgets.store.tag("release/2", world.widgets.store.branches()["feature"])
    found = world.client.get_tag(world.name, "v1.0")
    assert (found.name, found.sha, found.message) == ("v1.0", world.head, "First")
    plain = world.client.get_tag(world.name, "release/2")
    assert (plain.name, plain.sha) == ("release/2", world.widgets.store.branches()["feature"])
    with pytest.raises(NotFoundOnHost):
        world.client.get_tag(world.name, "v9")


def test_the_history_of_a_branch_is_listed(world: World) -> None:
    found = world.client.list_commits(world.name, ref="feature").items
    assert [commit.title for commit in found] == ["Say bye", "Initial commit"]
    assert found[0].body == "Now."
    assert found[0].parent_shas == (found[1].sha,)
    future = timezone.now() + timedelta(days=1)
    assert world.client.list_commits(world.name, since=future).items == ()


def test_all_pages_of_the_history_are_followed(world: World) -> None:
    for number in range(5):
        world.state.push_file(world.widgets, "main", "n.txt", str(number))
    found = list(
        every(lambda page: world.client.list_commits(world.name, ref="main", page=page, per_page=2))
    )
    assert len(found) == len({commit.sha for commit in found}) == 6


def test_a_commit_is_told_with_its_files(world: World) -> None:
    sha = world.widgets.store.branches()["feature"]
    found = world.client.get_commit(world.name, sha)
    assert (found.sha, found.title, found.is_merge) == (sha, "Say bye", False)
    assert (found.author.name, found.author.email) == ("Ada", "ada@example.com")
    assert found.author.date is not None
    diff = world.client.get_commit_diff(world.name, sha)
    assert (diff.head_sha, diff.base_sha) == (sha, world.head)
    (change,) = diff.files
    assert (change.filename, change.status) == ("src/app.py", "modified")
    assert (change.additions, change.deletions) == (1, 1)
    assert "+print('bye')" in change.patch
    assert (diff.stats.additions, diff.stats.deletions, diff.stats.files_changed) == (1, 1, 1)


def test_a_commit_is_given_as_a_patch(world: World) -> None:
    has(world, "get_commit_patch")
    sha = world.widgets.store.branches()["feature"]
    assert "+print('bye')" in world.client.get_commit_patch(world.name, sha)


def test_two_branches_are_compared(world: World) -> None:
    sha = world.widgets.store.branches()["feature"]
    found = world.client.compare(world.name, "main", "feature")
    assert (found.status, found.ahead_by, found.behind_by) == ("ahead", 1, 0)
    assert (found.base_sha, found.head_sha) == (world.head, sha)
    assert found.merge_base_sha == world.head
    assert [commit.sha for commit in found.commits] == [sha]
    assert [change.filename for change in found.files] == ["src/app.py"]
    assert world.client.compare(world.name, "main", "main").status == "identical"
    assert world.client.compare(world.name, "feature", "main").status == "behind"


# Files


def test_a_file_and_a_folder_are_read(world: World) -> None:
    found = world.client.get_contents(world.name, "src/app.py", "feature")
    assert isinstance(found, s.FileContent)
    assert (found.content, found.size, found.name) == ("print('bye')\n", 13, "app.py")
    binary = world.client.get_contents(world.name, "logo.bin")
    assert isinstance(binary, s.FileContent)
    assert binary.is_binary
    folder = world.client.get_contents(world.name, "src")
    assert isinstance(folder, s.FolderContent)
    assert {(entry.name, entry.type) for entry in folder.entries} == {
        ("app.py", "blob"), ("lib", "tree"),
    }  # fmt: skip


def test_the_root_folder_is_read(world: World) -> None:
    found = world.client.get_contents(world.name, "", "main")
    assert isinstance(found, s.FolderContent)
    assert {entry.name for entry in found.entries} == {"README.md", "src", "logo.bin"}


def test_a_tree_is_read_flat_and_whole(world: World) -> None:
    flat = world.client.get_tree(world.name, "main")
    assert {entry.path for entry in flat.entries} == {"README.md", "src", "logo.bin"}
    whole = world.client.get_tree(world.name, "main", recursive=True)
    blobs = {entry.path for entry in whole.entries if entry.type == "blob"}
    assert blobs == {"README.md", "logo.bin", "src/app.py", "src/lib/deep.py"}
    assert not whole.is_truncated


def test_a_file_is_made_replaced_and_deleted(world: World) -> None:
    client, name = world.client, world.name
    for content in (b"one\n", b"two\n"):
        sha = client.write_file(name, "docs/new.txt", content, branch="main", message="Write")
        assert sha == world.head
        found = client.get_contents(name, "docs/new.txt", "main")
        assert isinstance(found, s.FileContent)
        assert found.content == content.decode()
    sha = client.delete_file(name, "docs/new.txt", branch="main", message="Remove")
    assert sha == world.head
    with pytest.raises(NotFoundOnHost):
        client.get_contents(name, "docs/new.txt", "main")


# Pull requests, issues, comments


def test_a_pull_request_is_opened_found_and_merged(world: World) -> None:
    client, name = world.client, world.name
    made = client.create_pull_request(name, s.NewPullRequest("Bye", "feature", "main", "Why not"))
    assert (made.title, made.body, made.state, made.is_merged) == ("Bye", "Why not", "open", False)
    assert (made.head_ref, made.base_ref) == ("feature", "main")
    assert (made.head_repository, made.author) == (name, "ada")
    assert (made.head_sha, made.base_sha) == (world.widgets.store.branches()["feature"], world.head)
    assert made.author_id == user_id(world, world.ada)
    with pytest.raises(AlreadyExists):
        client.create_pull_request(name, s.NewPullRequest("Bye", "feature", "main"))
    found = client.list_pull_requests(name, head="feature", base="main").items
    assert [pull.number for pull in found] == [made.number]
    assert client.list_pull_requests(name, head="other").items == ()
    merged = client.merge_pull_request(name, made.number, sha=made.head_sha)
    assert merged.is_merged
    after = client.get_pull_request(name, made.number)
    assert (after.state, after.is_merged) == ("closed", True)
    assert after.merged_at is not None
    content = client.get_contents(name, "src/app.py", "main")
    assert isinstance(content, s.FileContent)
    assert content.content == "print('bye')\n"
    assert client.list_pull_requests(name).items == ()
    assert len(client.list_pull_requests(name, state="closed").items) == 1


def test_a_pull_request_that_moved_on_is_not_merged(world: World) -> None:
    has(world, "merge_pull_request")
    pull = world.state.talk.open_pull(world.widgets, "feature")
    with pytest.raises(RefusedByHost):
        world.client.merge_pull_request(world.name, pull.number, sha="1" * 40)
    assert not pull.is_merged


def test_a_pull_request_is_closed(world: World) -> None:
    pull = world.state.talk.open_pull(world.widgets, "feature")
    closed = world.client.close_pull_request(world.name, pull.number)
    assert (closed.state, closed.is_merged) == ("closed", False)


def test_a_pull_request_from_a_fork_names_the_fork(world: World) -> None:
    fork = world.state.fork(world.widgets, world.bob)
    world.state.push_file(fork, "evil", "x.txt", "x", user=world.bob)
    pull = world.state.talk.open_pull(world.widgets, "evil", head=fork, user=world.bob)
    found = world.client.get_pull_request(world.name, pull.number)
    assert (found.head_repository, found.author) == ("bob/widgets", "bob")
    assert found.head_sha == fork.store.branches()["evil"]


def test_issues_are_listed_without_pull_requests(world: World) -> None:
    has(world, "list_issues", "get_issue")
    world.state.talk.open_pull(world.widgets, "feature")
    issue = world.state.talk.open_issue(world.widgets, "Broken", "It is", user=world.bob)
    (found,) = world.client.list_issues(world.name).items
    assert (found.title, found.body, found.state, found.author) == (
        "Broken",
        "It is",
        "open",
        "bob",
    )
    assert world.client.get_issue(world.name, issue.number) == found
    assert world.client.list_issues(world.name, state="closed").items == ()


def test_a_comment_is_written_changed_and_listed(world: World) -> None:
    client, name = world.client, world.name
    pull = world.state.talk.open_pull(world.widgets, "feature")
    made = client.create_comment(name, pull.number, "<!-- powernode:1 -->\nFirst")
    assert (made.author, made.author_id) == ("ada", user_id(world, world.ada))
    changed = client.update_comment(name, pull.number, made.id, "Second")
    assert (changed.id, changed.body) == (made.id, "Second")
    (found,) = client.list_comments(name, pull.number).items
    assert (found.id, found.body) == (made.id, "Second")


# Hooks


def test_a_hook_is_made_changed_and_deleted(world: World) -> None:
    client, name = world.client, world.name
    made = client.create_webhook(name, "https://ci.example.com/in/a", "s" * 32)
    assert (made.url, made.is_active) == ("https://ci.example.com/in/a", True)
    assert set(made.events) == set(client.HOOK_EVENTS)  # type: ignore[attr-defined]
    assert list(client.list_webhooks(name)) == [made]
    changed = client.update_webhook(name, made.id, "https://ci.example.com/in/b", "t" * 32)
    assert (changed.id, changed.url) == (made.id, "https://ci.example.com/in/b")
    client.delete_webhook(name, made.id)
    client.delete_webhook(name, made.id)
    assert list(client.list_webhooks(name)) == []


def test_the_hosts_own_list_of_deliveries_is_read_and_one_sent_again(world: World) -> None:
    has(world, "list_hook_deliveries", "redeliver")
    client, name = world.client, world.name
    made = client.create_webhook(name, "http://127.0.0.1:9/in", "s" * 32)
    world.state.push_file(world.widgets, "main", "a.txt", "a", user=world.ada)
    world.state.settle()
    found = client.list_hook_deliveries(name, made.id).items
    push = next(delivery for delivery in found if "push" in delivery.event.lower())
    assert push.delivery_id
    assert push.status_code < 200
    client.redeliver(name, made.id, push.id)
    world.state.settle()
    again = client.list_hook_deliveries(name, made.id).items
    assert len(again) == len(found) + 1
    with pytest.raises(HostError):
        client.redeliver(name, made.id, "999999")


# Statuses and checks


@pytest.mark.parametrize(
    "state", ["pending", "running", "success", "failure", "error", "cancelled"]
)
def test_a_status_is_set_and_read(world: World, state: s.StatusState) -> None:
    status = s.CommitStatus("powernode/build", state, "Half way", "https://ci.example.com/1")
    world.client.create_status(world.name, world.head, status)
    (found,) = world.client.list_statuses(world.name, world.head)
    assert (found.context, found.description) == ("powernode/build", "Half way")
    assert found.target_url == "https://ci.example.com/1"
    families = {"running": {"running", "pending"}, "error": {"error", "failure"},
                "cancelled": {"cancelled", "failure", "error"}}  # fmt: skip
    assert found.state in families.get(state, {state})


def test_the_statuses_of_a_commit_are_added_up(world: World) -> None:
    client, name = world.client, world.name
    assert client.combined_status(name, world.head) == s.CombinedStatus("pending", ())
    steps: list[tuple[str, s.StatusState, set[str]]] = [
        ("build", "success", {"success"}),
        ("lint", "pending", {"pending"}),
        ("test", "failure", {"failure", "error"}),
    ]
    for context, state, sums in steps:
        client.create_status(name, world.head, s.CommitStatus(context, state))
        found = client.combined_status(name, "main")
        assert found.state in sums
    assert [status.context for status in found.statuses] == ["build", "lint", "test"]


def test_more_statuses_than_a_page_holds_are_added_up(world: World) -> None:
    for number in range(130):
        state: s.StatusState = "failure" if number == 0 else "success"
        world.client.create_status(
            world.name, world.head, s.CommitStatus(f"part-{number:03}", state)
        )
    found = world.client.combined_status(world.name, world.head)
    assert (found.state, len(found.statuses)) == ("failure", 130)


def test_a_check_is_made_and_ended(world: World) -> None:
    has(world, "create_check_run", "update_check_run")
    made = world.client.create_check_run(
        world.name, s.CheckRun("build", world.head, "in_progress", title="T", summary="S")
    )
    assert (made.name, made.status, made.conclusion) == ("build", "in_progress", "")
    ended = world.client.update_check_run(
        world.name,
        s.CheckRun("build", world.head, "completed", "success", "T", "All well", id=made.id),
    )
    assert (ended.id, ended.status, ended.conclusion) == (made.id, "completed", "success")


# Rules and keys


def test_a_branch_is_protected_and_freed(world: World) -> None:
    has(world, "set_branch_protection")
    client, name = world.client, world.name
    wanted = s.BranchProtection("main", required_approvals=2, required_checks=("build",))
    made = client.set_branch_protection(name, wanted)
    assert (made.pattern, made.allows_force_push) == ("main", False)
    assert client.get_branch_protection(name, "main") == made
    assert [found.pattern for found in client.list_branch_protections(name)] == ["main"]
    assert client.get_branch(name, "main").is_protected
    client.delete_branch_protection(name, "main")
    assert list(client.list_branch_protections(name)) == []


def test_a_deploy_key_is_made_and_deleted(world: World) -> None:
    client, name = world.client, world.name
    made = client.create_deploy_key(name, "server", KEY)
    assert (made.title, made.is_read_only) == ("server", True)
    assert [key.id for key in client.list_deploy_keys(name)] == [made.id]
    assert client.get_deploy_key(name, made.id) == made
    client.delete_deploy_key(name, made.id)
    with pytest.raises(NotFoundOnHost):
        client.get_deploy_key(name, made.id)
    assert list(client.list_deploy_keys(name)) == []


def test_a_token_without_the_right_is_refused(world: World) -> None:
    stranger = world.another_client(world.state.add_token("bob"), who="bob")
    with pytest.raises((Forbidden, NotFoundOnHost)):
        stranger.create_webhook(world.name, "https://ci.example.com/in", "s" * 32)
    assert world.widgets.hooks == {}
