"""GitHub Enterprise, compared with GitHub's published description."""

import functools
import json
from collections.abc import Callable
from typing import Any

from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.web import App
from gitintegration.clients.github.client import GithubClient
from gitintegration.clients.github.fake.app import app_checked_by
from gitintegration.clients.host import HostAccess, HostClient
from tests.gitintegration.hosts.rig import Rig
from tests.vendor import GITHUB_API, vendor_file


@functools.cache
def description() -> Any:
    return json.loads(vendor_file(GITHUB_API).read_bytes())


@functools.cache
def factory() -> Callable[[FakeHost], App]:
    return app_checked_by(description())


def create_app(host: FakeHost) -> App:
    return factory()(host)


def make_client(access: HostAccess, sleep: Callable[[float], None], seconds: float) -> HostClient:
    return GithubClient(access, sleep=sleep, total_seconds=seconds)


RIG = Rig("github", create_app, make_client, api_path="/api/v3")
