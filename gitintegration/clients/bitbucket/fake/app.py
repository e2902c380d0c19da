"""A fake Bitbucket Cloud's API."""

from gitintegration.clients.bitbucket.fake import (
    routes_ci,
    routes_commits,
    routes_repositories,
    routes_rules,
    routes_runners,
    routes_talk,
)
from gitintegration.clients.bitbucket.fake.desk import API, Desk
from gitintegration.clients.bitbucket.fake.payloads import Speaker
from gitintegration.clients.bitbucket.fake.words import Words, braced, user_uuid
from gitintegration.clients.fakes.model import Run
from gitintegration.clients.fakes.reception import Reception
from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.web import Answer, App, Refused, Request, answer


def create_app(host: FakeHost) -> App:
    """The app of a fake Bitbucket; it also words and signs the deliveries."""
    words = Words(host.url, host.state)
    host.state.speaker = Speaker(words)
    host.state.talk.shares_numbers = False
    host.state.extra |= {"user_id": user_uuid, "run_id": _run_uuid}
    reception = Reception(host, _refusal, lambda request: _moved(host, request))
    desk = Desk(reception, words)
    for routes in (
        routes_repositories, routes_commits, routes_talk, routes_rules, routes_ci, routes_runners,
    ):  # fmt: skip
        routes.add(desk)
    return reception


def _run_uuid(run: Run) -> str:
    return braced(run.uuid)


def _refusal(refused: Refused) -> Answer:
    error = {"message": refused.message, **refused.more}
    return answer({"type": "error", "error": error}, refused.status)


def _moved(host: FakeHost, request: Request) -> Answer | None:
    """Readings of a renamed repository are led to its new name."""
    prefix = f"{API}/repositories/"
    if request.method != "GET" or not request.path.startswith(prefix):
        return None
    workspace, _, rest = request.path.removeprefix(prefix).partition("/")
    slug, _, below = rest.partition("/")
    repo = host.state.moved.get(f"{workspace}/{slug}")
    if repo is None:
        return None
    target = f"{host.url}{prefix}{repo.full_name}" + (f"/{below}" if below else "")
    return answer({}, 301, location=target)
