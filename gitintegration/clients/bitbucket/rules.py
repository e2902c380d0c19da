"""Branch restrictions, deploy keys and runners of Bitbucket."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.bitbucket import words
from gitintegration.clients.bitbucket.connection import Connection, repo, segment
from gitintegration.clients.errors import NotFoundOnHost, NotSupported
from gitintegration.clients.members import Members

_FORCE, _APPROVALS = "force", "require_approvals_to_merge"
_BUILDS = "require_passing_builds_to_merge"
_LABELS = ("self.hosted", "linux")


@dataclass(frozen=True, slots=True)
class _Restriction:
    id: str
    kind: str
    pattern: str
    value: int


class Rules(Connection):
    """What protects a repository, who else may enter, and where its CI runs."""

    runner_removal_token = absent(
        "it has no tokens for removing runners; delete the runner instead."
    )

    def list_branch_protections(self, repository: str) -> Sequence[s.BranchProtection]:
        """The restricted patterns; Bitbucket counts passing builds and does not name them."""
        found = _restrictions(self, repository)
        return [
            _protection(pattern, found) for pattern in dict.fromkeys(one.pattern for one in found)
        ]

    def get_branch_protection(self, repository: str, pattern: str) -> s.BranchProtection:
        """How a pattern is restricted."""
        found = _restrictions(self, repository, pattern)
        if not found:
            raise NotFoundOnHost(
                self.access.name, f"no restriction names {pattern}.", http_status=404
            )
        return _protection(pattern, found)

    def set_branch_protection(
        self, repository: str, protection: s.BranchProtection
    ) -> s.BranchProtection:
        """Restrict a pattern so; other kinds of restrictions stay as they are."""
        wanted: dict[str, int | None] = {
            _FORCE: None if protection.allows_force_push else 0,
            _APPROVALS: protection.required_approvals or None,
            _BUILDS: len(protection.required_checks) or None,
        }
        known = {one.kind: one for one in _restrictions(self, repository, protection.pattern)}
        path = repo(repository, "branch-restrictions")
        for kind, value in wanted.items():
            one = known.get(kind)
            if value is None:
                if one is not None:
                    self.call("DELETE", f"{path}/{segment(one.id)}")
            elif one is None or one.value != value:
                _restrict(self, path, one, protection.pattern, kind, value)
        return self.get_branch_protection(repository, protection.pattern)

    def delete_branch_protection(self, repository: str, pattern: str) -> None:
        """Restrict it no longer."""
        path = repo(repository, "branch-restrictions")
        for one in _restrictions(self, repository, pattern):
            self.call("DELETE", f"{path}/{segment(one.id)}")

    def list_deploy_keys(self, repository: str) -> Sequence[s.DeployKey]:
        """The keys that may read the repository."""
        return self.all(repo(repository, "deploy-keys"), _key)

    def get_deploy_key(self, repository: str, key_id: str) -> s.DeployKey:
        """One key."""
        return self.one(repo(repository, "deploy-keys", segment(key_id)), _key)

    def create_deploy_key(
        self, repository: str, title: str, key: str, *, is_read_only: bool = True
    ) -> s.DeployKey:
        """Let a key read."""
        if not is_read_only:
            raise NotSupported(
                self.access.name, "its access keys only read; a user's key or a token may write."
            )
        return self.made(
            "POST", repo(repository, "deploy-keys"), {"label": title, "key": key}, _key
        )

    def delete_deploy_key(self, repository: str, key_id: str) -> None:
        """Let a key in no longer."""
        self.call("DELETE", repo(repository, "deploy-keys", segment(key_id)))

    def list_runners(self, scope: s.Scope) -> Sequence[s.HostRunner]:
        """The runners of a repository or a workspace."""
        return self.all(_runners(self, scope), _runner)

    def get_runner(self, scope: s.Scope, runner_id: str) -> s.HostRunner:
        """One runner."""
        return self.one(_runners(self, scope, segment(runner_id)), _runner)

    def delete_runner(self, scope: s.Scope, runner_id: str) -> None:
        """Forget a runner."""
        self.call("DELETE", _runners(self, scope, segment(runner_id)))

    def set_runner_labels(
        self, scope: s.Scope, runner_id: str, labels: Sequence[str]
    ) -> Sequence[str]:
        """Give a runner other labels; returns those that it has."""
        path = _runners(self, scope, segment(runner_id))
        return self.made("PUT", path, {"labels": list(labels)}, _runner).labels

    def runner_registration_token(self, scope: s.Scope) -> s.RunnerToken:
        """A new runner's own secret: Bitbucket makes the runner first, and a program becomes it."""
        body = {"name": f"powernode-{secrets.token_hex(4)}", "labels": list(_LABELS)}
        return self.made("POST", _runners(self, scope), body, _token)


def _restriction(told: Members) -> _Restriction:
    return _Restriction(
        told.needed("id"), told.needed("kind"), told.text("pattern"), told.number("value")
    )


def _restrictions(api: Connection, repository: str, pattern: str = "") -> list[_Restriction]:
    found = api.all(repo(repository, "branch-restrictions"), _restriction, pattern=pattern)
    # Those of the branching model name no pattern.
    return [one for one in found if one.pattern and pattern in {"", one.pattern}]


def _protection(pattern: str, found: Sequence[_Restriction]) -> s.BranchProtection:
    kinds = {one.kind: one.value for one in found if one.pattern == pattern}
    return s.BranchProtection(
        pattern=pattern,
        required_approvals=kinds.get(_APPROVALS, 0),
        allows_force_push=_FORCE not in kinds,
        settings={kind: value for kind, value in kinds.items() if kind not in {_FORCE, _APPROVALS}},
    )


def _restrict(
    api: Connection, path: str, known: _Restriction | None, pattern: str, kind: str, value: int
) -> None:
    body: dict[str, object] = {
        "kind": kind, "branch_match_kind": "glob", "pattern": pattern,
        **({"value": value} if value else {}),
    }  # fmt: skip
    if known is None:
        api.call("POST", path, body=body)
    else:
        api.call("PUT", f"{path}/{segment(known.id)}", body=body)


def _key(told: Members) -> s.DeployKey:
    return s.DeployKey(
        id=told.needed("id"),
        title=told.text("label"),
        key=told.text("key"),
        created_at=told.moment("created_on") or told.moment("added_on"),
    )


def _runners(api: Connection, scope: s.Scope, *more: str) -> str:
    if scope.kind == "repository":
        return repo(scope.name, "pipelines-config/runners", *more)
    if scope.kind == "organization":
        above = f"/workspaces/{segment(scope.name)}"
        return "/".join((above, "pipelines-config/runners", *more))
    raise NotSupported(
        api.access.name, "runners belong to a repository or a workspace, never to the whole host."
    )


def _runner(told: Members) -> s.HostRunner:
    state = told.inner("state")
    # A step is named while the runner has one.
    status = words.runner_status(state.text("status"), is_busy="step" in state)
    return s.HostRunner(
        id=told.needed("uuid"),
        name=told.text("name"),
        status=status,
        is_busy=status == "busy",
        labels=told.texts("labels"),
        version=state.inner("version").text("version"),
    )


def _token(told: Members) -> s.RunnerToken:
    client = told.needed_inner("oauth_client")
    secret = client.needed("secret")
    command = (
        f"RUNNER_UUID={told.needed('uuid')} OAUTH_CLIENT_ID={client.needed('id')} "
        f"OAUTH_CLIENT_SECRET={secret} WORKING_DIRECTORY=/tmp RUNTIME=linux-docker ./start.sh"
    )
    return s.RunnerToken(token=secret, command=command)
