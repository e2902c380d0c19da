"""Runners of projects, groups and the whole server."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, NotSupported
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.gitlab.words import moment
from gitintegration.clients.members import Members

_TYPES = {"repository": "project_type", "organization": "group_type", "enterprise": "instance_type"}


class Runners(Connection):
    """The machines that the host's CI runs on."""

    def list_runners(self, scope: s.Scope) -> Sequence[s.HostRunner]:
        """The runners of exactly this scope; each is asked for, because lists leave labels out."""
        path = "/runners/all" if scope.kind == "enterprise" else _base(self, scope) + "/runners"
        idents = self.all(path, lambda told: told.needed("id"), type=_TYPES[scope.kind])
        return tuple(self.get_runner(scope, ident) for ident in idents)

    def get_runner(self, scope: s.Scope, runner_id: str) -> s.HostRunner:  # noqa: ARG002
        """One runner; GitLab knows runners by number alone."""
        return self.read(self.path("runners", runner_id), convert.runner)

    def delete_runner(self, scope: s.Scope, runner_id: str) -> None:  # noqa: ARG002
        """Delete a runner for good."""
        self.call("delete", self.path("runners", runner_id))

    def set_runner_labels(
        self,
        scope: s.Scope,  # noqa: ARG002 - GitLab knows runners by number alone
        runner_id: str,
        labels: Sequence[str],
    ) -> Sequence[str]:
        """Replace a runner's tags."""
        path = self.path("runners", runner_id)
        return self.send(
            "put", path, {"tag_list": list(labels)}, lambda told: told.texts("tag_list")
        )

    def runner_registration_token(self, scope: s.Scope) -> s.RunnerToken:
        """A new runner's own token; on servers before 15.10 one that registers any number.

        The runner is in the list from now on, as never seen.
        """
        body: dict[str, object] = {"runner_type": _TYPES[scope.kind]}
        if scope.kind != "enterprise":
            name = "project_id" if scope.kind == "repository" else "group_id"
            body[name] = self.read(_base(self, scope), lambda told: int(told.needed("id")))
        try:
            return self.send("post", "/user/runners", body, lambda told: _token(self, told))
        except NotFoundOnHost:
            path = _base(self, scope) + "/runners/reset_registration_token"
            return self.send("post", path, None, lambda told: _token(self, told))

    def runner_removal_token(self, scope: s.Scope) -> s.RunnerToken:  # noqa: ARG002
        """GitLab has none.

        Raises:
            NotSupported: always.
        """
        raise NotSupported(
            self.access.name,
            "it has no removal tokens; delete the runner here, or run `gitlab-runner unregister` "
            "where it is installed.",
        )


def _base(host: Connection, scope: s.Scope) -> str:
    if scope.kind == "enterprise":
        return ""
    return host.path("projects" if scope.kind == "repository" else "groups", scope.name)


def _token(host: Connection, told: Members) -> s.RunnerToken:
    token = told.needed("token")
    option = "--token" if token.startswith("glrt-") else "--registration-token"
    command = (
        f"gitlab-runner register --non-interactive --url {host.access.web_url} {option} {token}"
    )
    expires_at = moment(told.text("token_expires_at"))
    return s.RunnerToken(token, expires_at=expires_at, command=command)
