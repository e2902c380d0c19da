"""`powernode fake-host`: what it prints is enough to speak with it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.host import HostAccess
from gitintegration.clients.hosts import host_client

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea", "bitbucket"])
def test_a_client_and_git_find_the_repository_of_a_served_host(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    process = subprocess.Popen(
        [sys.executable, "-m", "powernode", "fake-host", kind, "--json"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, env={**os.environ, "POWERNODE_VAR": str(tmp_path / "var")},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        facts = json.loads(process.stdout.readline())
        scheme = "bearer" if kind == "bitbucket" else "token"
        access = HostAccess(
            "Fake", facts["api_base_url"], facts["web_base_url"], facts["token"], scheme
        )
        client = host_client(kind, access)
        assert client.get_repository("acme/widgets").default_branch == "main"
        client.close()
        listed = subprocess.run(
            ["git", "ls-remote", "--heads", facts["clone_url"]], check=True, capture_output=True
        )
        assert b"refs/heads/main" in listed.stdout
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        process.stdout.close()
        forget_hosts()


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "powernode", "fake-host", "svn"], cwd=ROOT, text=True, check=False,
        capture_output=True, env={**os.environ, "POWERNODE_VAR": str(tmp_path / "var")},
    )  # fmt: skip
    assert done.returncode == 2
    assert "github" in done.stderr
