"""The fake GitHub's application: Enterprise's API path, GitHub's refusals and headers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitintegration.clients.fakes.server import AppFactory, FakeHost
from gitintegration.clients.fakes.web import Answer, App, Refused, Request, answer
from gitintegration.clients.github.fake import (
    routes_actions,
    routes_apps,
    routes_git,
    routes_hooks,
    routes_repositories,
    routes_talk,
)
from gitintegration.clients.github.fake.contract import Contract
from gitintegration.clients.github.fake.desk import Desk
from gitintegration.clients.github.fake.speaker import GithubSpeaker
from gitintegration.clients.github.fake.words import API_PATH

_PARTS = (
    routes_repositories, routes_git, routes_talk, routes_hooks, routes_actions, routes_apps
)  # fmt: skip
_LIMITS = {
    "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4990", "x-ratelimit-used": "10",
    "x-ratelimit-reset": "1900000000", "x-ratelimit-resource": "core",
    "x-github-media-type": "github.v3; format=json",
}  # fmt: skip


def create_app(host: FakeHost) -> App:
    """A GitHub whose requests are not compared with the vendor's description."""
    return app_checked_by(None)(host)


def app_checked_by(document: Mapping[str, Any] | None) -> AppFactory:
    """The same with GitHub's OpenAPI document; what it does not allow becomes a violation."""
    contract = Contract(document) if document is not None else None

    def create(host: FakeHost) -> App:
        desk = Desk(host)
        for part in _PARTS:
            part.add_routes(desk)
        host.state.speaker = GithubSpeaker(desk.words)

        def app(request: Request) -> Answer:
            asked = replace(request, path=request.path.removeprefix(API_PATH))
            is_api = request.path.startswith(API_PATH)
            given = _handled(desk, asked)
            if contract is not None and is_api:
                host.violations.extend(contract.violations(asked))
                host.violations.extend(contract.mistakes(asked, given))
            token = host.state.token_of(request.headers)
            scopes = {"x-oauth-scopes": ", ".join(token.scopes)} if token else {}
            return replace(given, headers={**_LIMITS, **scopes, **given.headers})

        return app

    return create


def _handled(desk: Desk, request: Request) -> Answer:
    try:
        with desk.state.lock:
            route, parameters = desk.router.find(request)
            return route.handler(replace(request, parameters=parameters))
    except Refused as refused:
        more = dict(refused.more)
        headers = {"location": more.pop("location")} if "location" in more else {}
        body = {
            "message": refused.message, "status": str(refused.status),
            "documentation_url": "https://docs.github.com/rest", **more,
        }  # fmt: skip
        return replace(answer(body, refused.status), headers=headers)
