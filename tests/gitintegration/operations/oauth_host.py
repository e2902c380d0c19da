"""The OAuth side of a fake host: codes once, PKCE checked, renewal tokens once."""

import base64
import hashlib
import html
import secrets
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from gitintegration.clients.fakes.server import AppFactory, FakeHost
from gitintegration.clients.fakes.web import Answer, App, Request, answer, text

TOKEN_PATHS = frozenset({"/login/oauth/access_token", "/oauth/token", "/site/oauth2/access_token"})
AUTHORIZE_PATHS = frozenset(
    {"/login/oauth/authorize", "/oauth/authorize", "/site/oauth2/authorize"}
)
CLIENT_ID, CLIENT_SECRET = "powernode", "a client's secret"


@dataclass
class Grants:
    """What was granted and asked for.

    Attributes:
        refreshed: how often a renewal was granted.
        holds: a renewal waits for it, so that a test can have two meet.
    """

    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    renewals: dict[str, str] = field(default_factory=dict)
    refreshed: int = 0
    refused: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)
    holds: threading.Event = field(default_factory=threading.Event)
    lifetime: int = 7200

    def grant(self, authorization_url: str) -> tuple[str, str]:
        """What a person's yes at that address leads to: code and state."""
        query = {
            name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()
        }
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = (query["code_challenge"], query["redirect_uri"])
        return code, query["state"]


def with_oauth(create_app: AppFactory, grants: Grants) -> AppFactory:
    """The host's app, which also grants tokens to ada."""

    def make(host: FakeHost) -> App:
        app = create_app(host)

        def serve(request: Request) -> Answer:
            if request.path in TOKEN_PATHS:
                return _tokens(host, grants, request)
            if request.path in AUTHORIZE_PATHS:
                return _ask(grants, request)
            return app(request)

        return serve

    return make


def _ask(grants: Grants, request: Request) -> Answer:
    """The page on which a person agrees or does not."""
    query = {name: values[0] for name, values in request.query.items()}
    code, state = grants.grant(f"{request.base_url}{request.path}?{urlencode(query)}")
    back = query["redirect_uri"]
    yes = html.escape(f"{back}?{urlencode({'code': code, 'state': state})}")
    refused = {"error": "access_denied", "error_description": "They said no", "state": state}
    no = html.escape(f"{back}?{urlencode(refused)}")
    page = f'<title>Agree?</title><a href="{yes}">Authorize</a> <a href="{no}">Refuse</a>'
    return text(f"<!doctype html>{page}", "text/html; charset=utf-8")


def _tokens(host: FakeHost, grants: Grants, request: Request) -> Answer:
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if not _knows_client(request, form):
        return answer({"error": "invalid_client"}, 401)
    if form["grant_type"] == "refresh_token":
        grants.arrived.set()
        grants.holds.wait(20)
        known = grants.renewals.pop(form["refresh_token"], None)
        if known is None:
            grants.refused += 1
            return answer({"error": "invalid_grant"}, 400)
        # The old access token ends with the renewal, as at GitLab.
        host.state.tokens[known].is_revoked = True
        grants.refreshed += 1
        return _issue(host, grants)
    challenge, redirect_uri = grants.codes.pop(form["code"], ("", ""))
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not challenge or made != challenge or redirect_uri != form["redirect_uri"]:
        grants.refused += 1
        return answer({"error": "invalid_grant", "error_description": "The code is bad"}, 400)
    return _issue(host, grants)


def _issue(host: FakeHost, grants: Grants) -> Answer:
    token, renewal = host.state.add_token("ada", ("repo",)), secrets.token_urlsafe(16)
    grants.renewals[renewal] = token
    return answer(
        {"access_token": token, "refresh_token": renewal, "token_type": "bearer",
         "expires_in": grants.lifetime, "scope": "repo user"}
    )  # fmt: skip


def _knows_client(request: Request, form: dict[str, str]) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(given).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
    return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
