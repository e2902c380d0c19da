"""The generated `post-receive` hook, run by a real push against a real server."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gitintegration.clients.git import webhooks
from gitintegration.clients.git.hook import render_hook
from gitintegration.clients.protocol import IgnoredDeliveryError
from tests.gitintegration.test_git_refusals import git

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


class Ear(BaseHTTPRequestHandler):
    """Answers as the product does and remembers."""

    heard: list[tuple[dict[str, str], bytes]] = []
    status = 202

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"result": "accepted"}')

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def ear() -> Iterator[type[Ear]]:
    """A server on the loopback."""
    kind = type("OneEar", (Ear,), {"heard": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    kind.url = f"http://127.0.0.1:{server.server_port}/hook"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kind
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one commit, and its bare origin beside it."""
    git("init", "-q", "--bare", "-b", "main", str(tmp_path / "bare"), cwd=tmp_path)
    folder = tmp_path / "clone"
    git("init", "-q", "-b", "main", str(folder), cwd=tmp_path)
    git("remote", "add", "origin", str(tmp_path / "bare"), cwd=folder)
    (folder / "a").write_text("1")
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", 'First "quoted"\n\nbody $(id)', cwd=folder)
    return folder


def install(clone: Path, url: str) -> None:
    """Write the hook."""
    hook = clone.parent / "bare" / "hooks" / "post-receive"
    hook.write_text(render_hook(url, SECRET))
    hook.chmod(0o755)


def push(clone: Path, *refs: str) -> str:
    """Push and give what the pusher reads."""
    done = subprocess.run(
        ["git", "push", "-q", "origin", *refs], cwd=clone, capture_output=True, check=True
    )
    return done.stderr.decode()


def test_a_push_is_told_with_a_signature_that_we_accept(clone: Path, ear: type[Ear]) -> None:
    install(clone, ear.url)  # type: ignore[attr-defined]

    said = push(clone, "main")
    (clone / "b").write_text("2")
    git("add", "-A", cwd=clone)
    git("commit", "-q", "-m", "Second", cwd=clone)
    push(clone, "main")

    assert "Powernode: refs/heads/main accepted" in said
    assert len(ear.heard) == 2
    for headers, body in ear.heard:
        assert webhooks.is_authentic(SECRET, headers, body)
    event = webhooks.to_event("push", json.loads(ear.heard[1][1]))
    assert (event.branch, event.commit.title, event.changed_paths) == ("main", "Second", ("b",))
    first = webhooks.to_event("push", json.loads(ear.heard[0][1]))
    assert first.commit.title == 'First "quoted"'
    assert first.changed_paths is None


def test_each_ref_is_told_and_a_deletion_is_ignored(clone: Path, ear: type[Ear]) -> None:
    install(clone, ear.url)  # type: ignore[attr-defined]
    git("tag", "v1", cwd=clone)

    push(clone, "main", "v1")
    git("push", "-q", "origin", "main:other", cwd=clone)
    git("push", "-q", "origin", ":other", cwd=clone)

    refs = [json.loads(body)["ref"] for _, body in ear.heard]
    assert sorted(refs[:2]) == ["refs/heads/main", "refs/tags/v1"]
    with pytest.raises(IgnoredDeliveryError, match="deleted"):
        webhooks.to_event("push", json.loads(ear.heard[-1][1]))


def test_a_refusal_or_a_dead_server_never_stops_a_push(clone: Path, ear: type[Ear]) -> None:
    ear.status = 401
    install(clone, ear.url)  # type: ignore[attr-defined]
    assert "refused with status 401" in push(clone, "main")

    install(clone, "http://127.0.0.1:1/hook")
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=clone)

    assert "Powernode finds the push by itself later" in push(clone, "main")
    assert git("rev-parse", "origin/main", cwd=clone) == git("rev-parse", "HEAD", cwd=clone)
