"""The parts that all fake hosts have in common do what tests count on."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from devops.safety import egress
from devops.safety.processes import run
from gitintegration.clients.fakes.deliveries import Message
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.model import Hook, Repo
from gitintegration.clients.fakes.server import FakeHost, serving
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, App, Request, Router, answer

POLICY = egress.Policy(allow=("127.0.0.1",))


def create_app(host: FakeHost) -> App:
    router = Router()

    @router.on("GET", "/echo/{name}/{rest:path}")
    def echo(request: Request) -> Answer:
        return answer({"name": request["name"], "rest": request["rest"]})

    @router.on("POST", "/hook")
    def hook(request: Request) -> Answer:
        host.state.extra.setdefault("got", []).append((dict(request.headers), request.body))
        return answer({}, 202)

    def app(request: Request) -> Answer:
        route, parameters = router.find(request)
        return route.handler(
            Request(request.method, request.path, request.query, request.headers, request.body,
                    request.base_url, parameters)
        )  # fmt: skip

    return app


class Plain:
    """Words every happening as its kind."""

    def messages(self, _hook: Hook, happening: Happening) -> Iterator[Message]:
        ref = happening.facts.get("ref", "")
        yield Message(happening.kind, happening.kind, f"{happening.kind} {ref}".encode())

    def headers(self, _hook: Hook, _message: Message, guid: str) -> Mapping[str, str]:
        return {"x-guid": guid}


@pytest.fixture
def state(tmp_path: Path) -> HostState:
    made = HostState(tmp_path / "host")
    made.add_user("ada")
    made.speaker = Plain()
    return made


@pytest.fixture
def host(state: HostState) -> Iterator[FakeHost]:
    with serving(create_app, state) as running:
        yield running


@pytest.fixture
def repo(state: HostState) -> Repo:
    return state.add_repository("ada/one", files={"a.txt": "a\n"})


def test_a_path_may_hold_an_encoded_slash(host: FakeHost) -> None:
    got = egress.request("GET", f"{host.url}/echo/a%2Fb/c/d", policy=POLICY)
    assert got.body == b'{"name": "a/b", "rest": "c/d"}'


def test_an_equal_reading_is_answered_not_modified(host: FakeHost) -> None:
    first = egress.request("GET", f"{host.url}/echo/a/b", policy=POLICY)
    again = egress.request(
        "GET", f"{host.url}/echo/a/b", headers={"If-None-Match": first.headers["etag"]},
        policy=POLICY,
    )  # fmt: skip
    assert (again.status, again.body) == (304, b"")


def test_a_real_git_clones_and_pushes_and_the_push_is_told(
    host: FakeHost, state: HostState, repo: Repo, tmp_path: Path
) -> None:
    state.add_hook(repo, f"{host.url}/hook", "s3cret", ["push"])
    token = state.add_token("ada")
    url = host.url.replace("://", f"://ada:{token}@") + "/ada/one.git"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0",
           "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A",
           "GIT_COMMITTER_EMAIL": "a@b"}  # fmt: skip
    work = tmp_path / "work"
    for command in (
        ["git", "clone", "--quiet", url, str(work)],
        ["git", "-C", str(work), "commit", "--quiet", "--allow-empty", "-m", "Second"],
        ["git", "-C", str(work), "push", "--quiet", "origin", "HEAD:main"],
    ):
        done = run(command, env=env, timeout=60)
        assert done.returncode == 0, done.stderr
    state.settle()
    assert [body for _, body in state.extra["got"]] == [b"push refs/heads/main"]
    assert len(repo.store.commits("main")) == 2


def test_a_stranger_may_not_push_and_not_see_what_is_private(
    host: FakeHost, state: HostState, repo: Repo
) -> None:
    hidden = state.add_repository("ada/hidden", files={"a": "b"}, private=True)
    state.add_user("bob")
    basic = base64.b64encode(f"bob:{state.add_token('bob')}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    read, write = "info/refs?service=git-upload-pack", "info/refs?service=git-receive-pack"

    def status(name: str, rest: str, sent: dict[str, str]) -> int:
        url = f"{host.url}/{name}.git/{rest}"
        return egress.request("GET", url, headers=sent, policy=POLICY).status

    assert status(repo.full_name, read, {}) == 200
    assert status(repo.full_name, write, {}) == 401
    assert status(repo.full_name, write, headers) == 403
    assert status(hidden.full_name, read, headers) == 404


def test_a_new_branch_is_told_as_made_and_pushed_and_its_removal_too(
    host: FakeHost, state: HostState, repo: Repo
) -> None:
    state.add_hook(repo, f"{host.url}/hook", "s3cret", ["*"])
    sha = state.push_file(repo, "new", "b.txt", "b\n")
    repo.store.delete_ref("refs/heads/new")
    state.pushed(repo, "refs/heads/new", sha, ZERO, None)
    state.settle()
    assert [body.split()[0] for _, body in state.extra["got"]] == [
        b"create", b"push", b"delete", b"push",
    ]  # fmt: skip


def test_a_dropped_delivery_is_noted_and_can_be_sent_again(
    host: FakeHost, state: HostState, repo: Repo
) -> None:
    hook = state.add_hook(repo, f"{host.url}/hook", "s3cret", ["push"])
    state.courier.drops = lambda _hook, _message: True
    state.push_file(repo, "main", "b.txt", "b\n")
    state.settle()
    assert [delivery.status for delivery in hook.deliveries] == [0]
    assert "got" not in state.extra
    state.courier.redeliver(hook, hook.deliveries[0])
    state.settle()
    assert hook.deliveries[1].status == 202
    assert hook.deliveries[1].guid == hook.deliveries[0].guid


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("truncated", egress.RequestFailed), ("slow", egress.RequestFailed),
        ("huge", egress.AnswerTooLarge), ("cut", egress.RequestFailed),
        ("lost_reply", egress.RequestFailed),
    ],
)  # fmt: skip
def test_a_broken_host_gives_no_complete_answer(
    host: FakeHost, state: HostState, kind: str, failure: type[Exception]
) -> None:
    state.faults.add(kind)  # type: ignore[arg-type]
    with pytest.raises(failure):
        egress.request("GET", f"{host.url}/echo/a/b", policy=POLICY, total_seconds=2)
    assert egress.request("GET", f"{host.url}/echo/a/b", policy=POLICY).status == 200


def test_a_lost_reply_has_done_its_work(host: FakeHost, state: HostState) -> None:
    state.faults.add("lost_reply", method="POST")
    with pytest.raises(egress.RequestFailed):
        egress.request("POST", f"{host.url}/hook", body=b"x", policy=POLICY)
    assert len(state.extra["got"]) == 1
