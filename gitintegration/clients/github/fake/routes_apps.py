"""GitHub Apps of the fake GitHub: who may have a token for an installation."""

from dataclasses import dataclass, field
from typing import Any

import jwt
from django.utils import timezone

from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.github.fake.desk import Desk, number_of, one
from gitintegration.clients.github.fake.words import moment

TOKEN_SECONDS = 3600
# GitHub takes no longer lived one.
_MAX_JWT_SECONDS = 600


@dataclass(slots=True)
class App:
    """A GitHub App; `installations` id → the login of the bot that its tokens belong to."""

    id: str
    public_key: str
    installations: dict[int, str] = field(default_factory=dict)


def add_app(state: HostState, app_id: str, public_key: str) -> App:
    """Register an app by its public key, in PEM."""
    made = App(app_id, public_key)
    state.extra.setdefault("apps", {})[app_id] = made
    return made


def install(state: HostState, app: App, organization: str) -> int:
    """Install an app in an organization; returns the installation's id."""
    number = state.next_id()
    bot = state.add_user(f"app-{app.id}[bot]")
    app.installations[number] = bot.login
    state.organizations[organization].members[bot.login] = "admin"
    return number


def add_routes(desk: Desk) -> None:
    """Register them."""

    @desk.router.on("POST", "/app/installations/{installation}/access_tokens")
    def token(request: Request) -> Answer:
        app = _app(desk.state, request)
        login = one(app.installations.get(number_of(request, "installation")))
        value = desk.state.add_token(login, seconds=TOKEN_SECONDS)
        body: dict[str, Any] = {
            "token": value,
            "expires_at": moment(desk.state.tokens[value].expires_at),
            "permissions": {"contents": "write", "metadata": "read"},
            "repository_selection": "all",
        }
        return answer(body, 201)

    @desk.router.on("GET", "/installation/repositories")
    def repositories(request: Request) -> Answer:
        user = desk.user(request)
        if not user.login.endswith("[bot]"):
            raise Refused(403, "You must authenticate with an installation access token")
        state = desk.state
        found = [repo for repo in state.visible(user) if state.may(repo, user, "write")]
        return desk.listed(request, found, desk.words.repo, "repositories")


def _app(state: HostState, request: Request) -> App:
    given = request.headers.get("authorization", "").partition(" ")[2]
    try:
        claimed = jwt.decode(given, options={"verify_signature": False})
        app = one(state.extra.get("apps", {}).get(str(claimed.get("iss"))))
        checked = jwt.decode(given, app.public_key, algorithms=["RS256"])
    except jwt.InvalidTokenError as error:
        raise Refused(401, f"A JSON web token could not be decoded: {error}") from error
    if checked["exp"] - timezone.now().timestamp() > _MAX_JWT_SECONDS:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
    assert isinstance(app, App)  # noqa: S101 - narrows the type
    return app
