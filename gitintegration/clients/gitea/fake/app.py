"""A fake Gitea's API."""

from gitintegration.clients.fakes.reception import Reception
from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.web import Answer, App, Refused, Request, answer
from gitintegration.clients.gitea.fake import (
    routes_ci,
    routes_files,
    routes_repositories,
    routes_rules,
    routes_talk,
)
from gitintegration.clients.gitea.fake.desk import API, Desk
from gitintegration.clients.gitea.fake.payloads import Speaker
from gitintegration.clients.gitea.fake.words import Words


def create_app(host: FakeHost) -> App:
    """The app of a fake Gitea; it also words and signs the deliveries."""
    words = Words(host.url, host.state)
    host.state.speaker = Speaker(words)
    reception = Reception(host, _refusal, lambda request: _moved(host, request))
    desk = Desk(reception, words)
    for routes in (routes_repositories, routes_files, routes_talk, routes_rules, routes_ci):
        routes.add(desk)
    return reception


def _refusal(refused: Refused) -> Answer:
    return answer({"message": refused.message, "url": "/api/swagger"}, refused.status)


def _moved(host: FakeHost, request: Request) -> Answer | None:
    """Readings of a renamed repository are led to its new name."""
    prefix = f"{API}/repos/"
    if request.method != "GET" or not request.path.startswith(prefix):
        return None
    owner, name, *rest = request.path.removeprefix(prefix).split("/")
    repo = host.state.moved.get(f"{owner}/{name}")
    if repo is None:
        return None
    target = "/".join((f"{host.url}{prefix}{repo.full_name}", *rest))
    return answer({}, 307, location=target)
