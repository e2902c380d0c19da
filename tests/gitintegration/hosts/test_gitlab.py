"""What is GitLab's alone: groups in groups, two ways to sign in, editions and old servers."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Forbidden,
    HostUnavailable,
    NotFoundOnHost,
    NotSupported,
    RefusedByHost,
)
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.server import FakeHost, serving
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, App, Request, answer
from gitintegration.clients.gitlab import webhooks
from gitintegration.clients.gitlab.client import GitLabClient
from gitintegration.clients.host import HostAccess, every
from gitintegration.clients.protocol import TriggerEvent
from tests.gitintegration.hosts.gitlab_rig import RIG
from tests.gitintegration.hosts.rig import World, world_of


@pytest.fixture
def gitlab(tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(RIG, tmp_path) as made:
        yield made
    assert made.host.violations == []
    forget_hosts()


@dataclass
class Told:
    """A server that says what a test wants; notes the names of the headers that came."""

    reply: Callable[[Request], Answer]
    headers: list[set[str]] = field(default_factory=list)

    def create_app(self, _host: FakeHost) -> App:
        def app(request: Request) -> Answer:
            self.headers.append(set(request.headers))
            return self.reply(request)

        return app


@contextlib.contextmanager
def asked(told: Told, folder: Path, scheme: str = "token") -> Iterator[GitLabClient]:
    with serving(told.create_app, HostState(folder)) as host:
        url = host.url
        access = HostAccess("Our GitLab", f"{url}/api/v4", url, "t" * 20, scheme, "", "told")
        yield GitLabClient(access, sleep=lambda _seconds: None)


@pytest.mark.parametrize(
    ("scheme", "sent", "not_sent"),
    [("token", "private-token", "authorization"), ("bearer", "authorization", "private-token")],
)
def test_each_kind_of_token_has_its_header(
    tmp_path: Path, settings: Settings, scheme: str, sent: str, not_sent: str
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    told = Told(lambda request: answer({"id": 1, "username": "jo", "path": request.path}))
    with asked(told, tmp_path, scheme) as client:
        assert client.current_user().username == "jo"
        client.get_job_log("acme/widgets", "1", "2")
    assert all(sent in names and not_sent not in names for names in told.headers)


def test_a_server_that_sends_parts_of_logs_is_believed(tmp_path: Path, settings: Settings) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    log = b"0123456789"

    def part(request: Request) -> Answer:
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        if start >= len(log):
            return Answer(416, b"", "text/plain")
        return Answer(206 if start else 200, log[start:], "text/plain")

    with asked(Told(part), tmp_path) as client:
        assert client.get_job_log("a/b", "1", "2") == log
        assert client.get_job_log("a/b", "1", "2", 4) == b"456789"
        assert client.get_job_log("a/b", "1", "2", 10) == b""


def test_a_log_that_lies_elsewhere_is_fetched_without_the_token(
    tmp_path: Path, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()

    def reply(request: Request) -> Answer:
        if request.path.endswith("/trace"):
            return Answer(302, headers={"location": f"{request.base_url}/bucket/log?signature=1"})
        return Answer(200, b"0123456789", "text/plain")

    told = Told(reply)
    with asked(told, tmp_path) as client:
        assert client.get_job_log("a/b", "1", "2", 4) == b"456789"
    assert ["private-token" in names for names in told.headers] == [True, False]


def test_files_that_gitlab_leaves_out_make_a_diff_truncated(
    tmp_path: Path, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    files = [
        {"old_path": "a", "new_path": "a", "diff": "@@ -1 +1 @@\n--- a\n+++ b\n"},
        {"old_path": "b", "new_path": "b", "diff": "Binary files a/b and b/b differ\n"},
        {"old_path": "c", "new_path": "c", "diff": "", "new_file": True, "too_large": True},
        {"old_path": "d", "new_path": "e", "diff": "", "renamed_file": True},
    ]

    def reply(request: Request) -> Answer:
        commit = {"id": "a" * 40, "message": "m", "parent_ids": ["b" * 40]}
        return answer(files if request.path.endswith("/diff") else commit)

    with asked(Told(reply), tmp_path) as client:
        found = client.get_commit_diff("a/b", "a" * 40)
    changed, binary, large, renamed = found.files
    assert (changed.additions, changed.deletions) == (1, 1)
    assert binary.is_binary
    assert (large.status, large.patch) == ("added", "")
    assert (renamed.status, renamed.previous_filename) == ("renamed", "d")
    assert (found.stats.total, found.stats.files_changed) == (2, 4)
    assert found.is_truncated


@pytest.mark.parametrize("body", [[], {"id": {}}, {"id": 1}, "text", None, {"id": 1, "iid": "x"}])
def test_an_answer_of_another_shape_is_told_as_such(
    tmp_path: Path, settings: Settings, body: object
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    with asked(Told(lambda _request: answer(body)), tmp_path) as client:
        calls: list[Callable[[], object]] = [
            client.current_user,
            lambda: client.get_repository("a/b"),
            lambda: client.get_pull_request("a/b", 1),
            lambda: client.get_contents("a/b", "c"),
        ]
        for call in calls:
            forget_hosts()
            with pytest.raises(HostUnavailable, match="Our GitLab"):
                call()


def test_a_next_page_elsewhere_is_not_asked_for(tmp_path: Path, settings: Settings) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    link = '<https://evil.example/api/v4/projects?id_before=7>; rel="next"'
    told = Told(lambda _request: answer([], link=link))
    with asked(told, tmp_path) as client, pytest.raises(HostUnavailable, match="not its own"):
        client.list_repositories()


def test_groups_in_groups_are_part_of_the_name(gitlab: World) -> None:
    state, client = gitlab.state, gitlab.client
    state.add_organization("acme/team", ada="admin")
    made = client.create_repository(s.NewRepository("deep", organization="acme/team"))
    assert (made.full_name, made.owner, made.name) == ("acme/team/deep", "acme/team", "deep")
    assert client.get_repository("acme/team/deep") == made
    names = [repo.full_name for repo in client.list_organization_repositories("acme").items]
    assert names == ["acme/team/deep", "acme/widgets"]
    with pytest.raises(AlreadyExists):
        client.create_repository(s.NewRepository("deep", organization="acme/team"))


def test_members_of_a_project_are_changed_by_our_names(gitlab: World) -> None:
    changes = {"name": "things", "is_private": True, "topics": ("a", "b"), "has_wiki": True}
    found = gitlab.client.update_repository(gitlab.name, changes)
    assert (found.full_name, found.is_private) == ("acme/things", True)
    assert (found.topics, found.has_wiki, found.is_archived) == (("a", "b"), True, False)
    assert gitlab.client.update_repository("acme/things", {"is_archived": True}).is_archived
    assert not gitlab.client.update_repository("acme/things", {"is_archived": False}).is_archived
    with pytest.raises(NotSupported, match="stars_count"):
        gitlab.client.update_repository("acme/things", {"stars_count": 5})


def test_projects_are_paged_by_key(gitlab: World) -> None:
    gitlab.state.add_repository("ada/one", files={"a": "b"})
    pages = [gitlab.client.list_repositories(per_page=1)]
    assert "id_before" in pages[0].next_page
    found = list(every(lambda page: gitlab.client.list_repositories(page, 1)))
    assert [repo.full_name for repo in found] == ["ada/one", "acme/widgets"]


def test_names_of_dots_never_leave_this_machine(gitlab: World) -> None:
    for name in ("..", ".", ""):
        with pytest.raises(NotFoundOnHost):
            gitlab.client.get_repository(name)
    with pytest.raises(NotFoundOnHost):
        gitlab.client.get_repository_by_id("acme/widgets")
    assert gitlab.host.requests == []


def test_a_former_name_may_be_read_but_not_written(gitlab: World) -> None:
    gitlab.state.rename(gitlab.widgets, "acme/things")
    assert gitlab.client.get_repository("acme/widgets").full_name == "acme/things"
    with pytest.raises(RefusedByHost):
        gitlab.client.create_branch("acme/widgets", "new", gitlab.head)


def test_a_project_has_one_definition(gitlab: World) -> None:
    (found,) = gitlab.client.list_workflows(gitlab.name)
    assert (found.path, found.is_active) == (".gitlab-ci.yml", True)


def test_an_issue_of_a_number_that_no_merge_request_has_is_commented(gitlab: World) -> None:
    issue = gitlab.state.talk.open_issue(gitlab.widgets, "Broken")
    made = gitlab.client.create_comment(gitlab.name, issue.number, "Same here")
    assert made.web_url.endswith(f"/acme/widgets/-/issues/1#note_{made.id}")
    changed = gitlab.client.update_comment(gitlab.name, issue.number, made.id, "Solved")
    assert gitlab.client.list_comments(gitlab.name, issue.number).items == (changed,)
    assert [comment.body for comment in issue.comments] == ["Solved"]


def test_who_may_not_merge_keeps_his_credential(gitlab: World) -> None:
    pull = gitlab.state.talk.open_pull(gitlab.widgets, "feature")
    stranger = gitlab.another_client(gitlab.state.add_token("bob"))
    with pytest.raises(Forbidden) as caught:
        stranger.merge_pull_request(gitlab.name, pull.number)
    assert not isinstance(caught.value, AuthenticationFailed)
    assert not pull.is_merged


def test_rebasing_is_the_projects_choice(gitlab: World) -> None:
    gitlab.state.push_file(gitlab.widgets, "main", "new.txt", "new", user=gitlab.ada)
    pull = gitlab.state.talk.open_pull(gitlab.widgets, "feature")
    with pytest.raises(NotSupported, match="merge method"):
        gitlab.client.merge_pull_request(gitlab.name, pull.number, method="rebase")
    gitlab.state.extra["merge_methods"][gitlab.widgets.id] = "ff"
    head = pull.head_sha
    with pytest.raises(RefusedByHost):
        gitlab.client.merge_pull_request(gitlab.name, pull.number, method="rebase", sha="1" * 40)
    done = gitlab.client.merge_pull_request(gitlab.name, pull.number, method="rebase", sha=head)
    assert done.is_merged
    assert done.sha == gitlab.head
    assert len(gitlab.widgets.store.commit(gitlab.head).parents) == 1


def test_squashing_makes_one_commit(gitlab: World) -> None:
    pull = gitlab.state.talk.open_pull(gitlab.widgets, "feature")
    done = gitlab.client.merge_pull_request(gitlab.name, pull.number, method="squash")
    assert (done.is_merged, done.sha) == (True, gitlab.head)
    assert len(gitlab.widgets.store.commit(gitlab.head).parents) == 1


def test_the_same_status_twice_is_no_refusal(gitlab: World) -> None:
    status = s.CommitStatus("ci", "running")
    for _ in range(2):
        gitlab.client.create_status(gitlab.name, gitlab.head, status)
    gitlab.client.create_status(gitlab.name, gitlab.head, s.CommitStatus("ci", "success"))
    (found,) = gitlab.client.list_statuses(gitlab.name, gitlab.head)
    assert found.state == "success"


def test_approvals_are_a_rule_of_the_premium_edition(gitlab: World) -> None:
    client, name = gitlab.client, gitlab.name
    for wanted in (2, 1):
        made = client.set_branch_protection(name, s.BranchProtection("main", wanted))
        assert made.required_approvals == wanted
    client.delete_branch_protection(name, "main")
    assert client.set_branch_protection(name, s.BranchProtection("main")).required_approvals == 0
    gitlab.state.extra["premium"] = False
    with pytest.raises(NotSupported, match="Premium"):
        client.set_branch_protection(name, s.BranchProtection("feature", 1))
    assert client.get_branch_protection(name, "feature").required_approvals == 0


def test_wanted_checks_are_told_as_pipelines_that_must_succeed(gitlab: World) -> None:
    wanted = s.BranchProtection("main", required_checks=("build",))
    made = gitlab.client.set_branch_protection(gitlab.name, wanted)
    assert made.settings["only_allow_merge_if_pipeline_succeeds"] is True


def test_runners_of_the_whole_server_are_for_administrators(gitlab: World) -> None:
    gitlab.state.ci.add_runner(("enterprise", ""), "everybody's")
    everywhere = s.Scope("enterprise")
    with pytest.raises(Forbidden):
        gitlab.client.list_runners(everywhere)
    gitlab.ada.is_admin = True
    assert [runner.name for runner in gitlab.client.list_runners(everywhere)] == ["everybody's"]
    # A project's list at GitLab has the server's runners in it; ours has the project's.
    assert gitlab.client.list_runners(s.Scope("repository", gitlab.name)) == ()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("repository", "acme/widgets"), ("organization", "acme"), ("enterprise", "")],
)
def test_old_servers_give_a_registration_token(gitlab: World, kind: s.ScopeKind, name: str) -> None:
    gitlab.ada.is_admin = True
    scope = s.Scope(kind, name)
    new = gitlab.client.runner_registration_token(scope)
    assert new.token.startswith("glrt-")
    assert f"--token {new.token}" in new.command
    gitlab.state.extra["is_old"] = True
    old = gitlab.client.runner_registration_token(scope)
    assert f"--registration-token {old.token}" in old.command


def test_old_servers_tell_nothing_of_deliveries(gitlab: World) -> None:
    made = gitlab.client.create_webhook(gitlab.name, "https://ci.example.com/in", "s" * 32)
    with pytest.raises(NotFoundOnHost):
        gitlab.client.list_hook_deliveries(gitlab.name, "999")
    with pytest.raises(NotFoundOnHost):
        gitlab.client.redeliver(gitlab.name, made.id, "999")
    gitlab.state.extra["is_old"] = True
    with pytest.raises(NotSupported, match=r"17\.4"):
        gitlab.client.list_hook_deliveries(gitlab.name, made.id)
    with pytest.raises(NotSupported, match=r"17\.4"):
        gitlab.client.redeliver(gitlab.name, made.id, "1")


def test_unknown_hook_events_are_refused_with_the_known_ones(gitlab: World) -> None:
    with pytest.raises(NotSupported, match="push_events"):
        gitlab.client.create_webhook(gitlab.name, "https://ci.example.com/in", "s", ["push"])
    few = gitlab.client.create_webhook(
        gitlab.name, "https://ci.example.com/in", "s", ["emoji_events"]
    )
    assert few.events == ("emoji_events",)


def test_all_that_happens_is_delivered_and_read(gitlab: World) -> None:
    """The fake's hooks through the reader: signed, named and told in our words."""
    state, repo, ada = gitlab.state, gitlab.widgets, gitlab.ada
    came: list[TriggerEvent] = []

    def receive(_url: str, headers: object, body: bytes) -> int:
        came.append(_read(dict(headers), body))  # type: ignore[call-overload]
        return 202

    state.courier.post = receive
    gitlab.client.create_webhook(gitlab.name, "https://ci.example.com/in", "s" * 32)
    state.push_file(repo, "main", "a.txt", "a", user=ada)
    pull = state.talk.open_pull(repo, "feature", user=ada)
    state.push_file(repo, "feature", "b.txt", "b", user=ada)
    state.talk.comment(repo, pull, "/deploy", gitlab.bob)
    state.talk.review(repo, pull, ada, "approved")
    gitlab.client.merge_pull_request(gitlab.name, pull.number)
    gitlab.client.create_branch(gitlab.name, "short", gitlab.head)
    gitlab.client.delete_branch(gitlab.name, "short")
    issue = state.talk.open_issue(repo, "Broken", user=ada)
    state.talk.comment(repo, issue, "Really", ada)
    state.talk.release(repo, "v2.0", user=ada)
    run = state.ci.start_run(repo, user=ada)
    state.ci.advance_run(repo, run)
    state.ci.advance_run(repo, run)
    state.settle()
    told = [(event.type, event.action) for event in came]
    assert told == [
        ("push", ""), ("pull_request", "opened"), ("push", ""), ("pull_request", "synchronize"),
        ("issue_comment", "created"), ("pull_request_review", "submitted"),
        ("pull_request", "merged"), ("push", ""), ("push", ""), ("delete", ""),
        ("issue", "opened"), ("issue_comment", "created"), ("release", "published"),
        ("workflow_run", "requested"), ("workflow_job", "queued"),
        ("workflow_job", "in_progress"), ("workflow_run", "in_progress"),
        ("workflow_job", "completed"), ("workflow_run", "completed"),
    ]  # fmt: skip
    assert len({event.key for event in came}) == len(came)
    assert {event.repository_full_name for event in came} == {"acme/widgets"}
    assert came[0].changed_paths == ("a.txt",)


def _read(headers: dict[str, str], body: bytes) -> TriggerEvent:
    assert webhooks.is_authentic("s" * 32, headers, body)
    assert webhooks.delivery_id(headers)
    name = webhooks.event_name(headers, {})
    assert name in webhooks.EVENTS
    return webhooks.to_event(name, json.loads(body))
