"""The whole fake server: routes, refusals in GitLab's words, and checks of what is sent."""

from dataclasses import replace

from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.web import Answer, App, Refused, Request, Router, answer, check
from gitintegration.clients.gitlab.fake import (
    routes_ci,
    routes_projects,
    routes_repository,
    routes_settings,
    routes_talk,
)
from gitintegration.clients.gitlab.fake.api import PREFIX, Api, Moved
from gitintegration.clients.gitlab.fake.speaker import Speaker


def create_app(host: FakeHost) -> App:
    """Answer GitLab's API for the host's state; the hooks speak as GitLab's do."""
    api, router = Api(host), Router(PREFIX)
    host.state.speaker = Speaker(host.url)
    host.state.talk.shares_numbers = False
    # The fixed address `/runners/all` comes before `/runners/{runner_id}`.
    for routes in (routes_projects, routes_repository, routes_talk, routes_settings, routes_ci):
        routes.add(router, api)

    def app(request: Request) -> Answer:
        with host.state.lock:
            try:
                return _answer(host, router, request)
            except Refused as refused:
                told = refused.more.get("told", refused.message)
                return answer({"message": told}, refused.status)
            except Moved as moved:
                return Answer(302, headers={"location": moved.location})

    return app


def _answer(host: FakeHost, router: Router, request: Request) -> Answer:
    if host.state.user_of(request.headers) is None:
        raise Refused(401, "401 Unauthorized")
    route, parameters = router.find(request)
    problems = check(route, request)
    host.violations.extend(problems)
    if problems:
        raise Refused(400, problems[0])
    return route.handler(replace(request, parameters=parameters))
