"""Branch protections, deploy keys and runners of a Gitea."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.errors import NotFoundOnHost, RefusedByHost
from gitintegration.clients.gitea import words
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members

# Told by our shape itself, or by the server alone.
_NOT_SETTINGS = frozenset(
    {
        "branch_name", "rule_name", "required_approvals", "status_check_contexts",
        "enable_force_push", "created_at", "updated_at",
    }
)  # fmt: skip


class Rules(Connection):
    """What protects a repository, who else may enter, and where its CI runs."""

    def list_branch_protections(self, repository: str) -> Sequence[s.BranchProtection]:
        """The protected branches and patterns."""
        return self.all(repo(repository, "branch_protections"), _protection)

    def get_branch_protection(self, repository: str, pattern: str) -> s.BranchProtection:
        """How a branch or pattern is protected."""
        return self.one(repo(repository, "branch_protections", segment(pattern)), _protection)

    def set_branch_protection(
        self, repository: str, protection: s.BranchProtection
    ) -> s.BranchProtection:
        """Protect a branch or pattern so; what the shape does not say stays as it is."""
        body = {
            **protection.settings,
            "required_approvals": protection.required_approvals,
            "enable_status_check": bool(protection.required_checks),
            "status_check_contexts": list(protection.required_checks),
            "enable_force_push": protection.allows_force_push,
        }
        path = repo(repository, "branch_protections")
        try:
            return self.made("PATCH", f"{path}/{segment(protection.pattern)}", body, _protection)
        except NotFoundOnHost:
            return self.made("POST", path, {**body, "rule_name": protection.pattern}, _protection)

    def delete_branch_protection(self, repository: str, pattern: str) -> None:
        """Protect it no longer."""
        self.call("DELETE", repo(repository, "branch_protections", segment(pattern)))

    def list_deploy_keys(self, repository: str) -> Sequence[s.DeployKey]:
        """The keys that may read or write the repository."""
        return self.all(repo(repository, "keys"), _key)

    def get_deploy_key(self, repository: str, key_id: str) -> s.DeployKey:
        """One key."""
        return self.one(repo(repository, "keys", segment(key_id)), _key)

    def create_deploy_key(
        self, repository: str, title: str, key: str, *, is_read_only: bool = True
    ) -> s.DeployKey:
        """Let a key in."""
        body = {"title": title, "key": key, "read_only": is_read_only}
        return self.made("POST", repo(repository, "keys"), body, _key)

    def delete_deploy_key(self, repository: str, key_id: str) -> None:
        """Let a key in no longer."""
        self.call("DELETE", repo(repository, "keys", segment(key_id)))

    def list_runners(self, scope: s.Scope) -> Sequence[s.HostRunner]:
        """The runners of a repository, an organization or the whole server."""
        return self.all(_runners(scope), _runner, member="runners")

    def get_runner(self, scope: s.Scope, runner_id: str) -> s.HostRunner:
        """One runner."""
        return self.one(_runners(scope, segment(runner_id)), _runner)

    def delete_runner(self, scope: s.Scope, runner_id: str) -> None:
        """Forget a runner."""
        self.call("DELETE", _runners(scope, segment(runner_id)))

    def set_runner_labels(
        self, scope: s.Scope, runner_id: str, labels: Sequence[str]
    ) -> Sequence[str]:
        """Give a runner other labels; returns those that it has."""
        path = _runners(scope, segment(runner_id))
        return self.made("PATCH", path, {"labels": list(labels)}, _runner).labels

    def runner_registration_token(self, scope: s.Scope) -> s.RunnerToken:
        """A token that registers runners; it does not expire."""
        path = _runners(scope, "registration-token")
        try:
            token = self.made("POST", path, {}, _token)
        except (NotFoundOnHost, RefusedByHost) as error:
            # Servers before 1.24 are asked with GET.
            if error.http_status not in {404, 405}:
                raise
            token = self.one(path, _token)
        command = f"act_runner register --no-interactive --instance {self.access.web_url} --token"
        return s.RunnerToken(token=token, command=f"{command} {token}")

    runner_removal_token = absent(
        "it has no tokens for removing runners; delete the runner instead."
    )


def _protection(told: Members) -> s.BranchProtection:
    return s.BranchProtection(
        pattern=told.text("rule_name") or told.needed("branch_name"),
        required_approvals=told.number("required_approvals"),
        required_checks=told.texts("status_check_contexts"),
        allows_force_push=told.flag("enable_force_push"),
        settings={name: told.raw(name) for name in told.names() if name not in _NOT_SETTINGS},
    )


def _key(told: Members) -> s.DeployKey:
    return s.DeployKey(
        id=told.needed("id"),
        title=told.text("title"),
        key=told.text("key"),
        is_read_only=told.flag("read_only", default=True),
        created_at=told.moment("created_at"),
    )


def _runners(scope: s.Scope, *more: str) -> str:
    if scope.kind == "repository":
        return repo(scope.name, "actions/runners", *more)
    above = f"/orgs/{segment(scope.name)}" if scope.kind == "organization" else "/admin"
    return "/".join((above, "actions/runners", *more))


def _runner(told: Members) -> s.HostRunner:
    status = words.runner_status(told.text("status"), is_busy=told.flag("busy"))
    return s.HostRunner(
        id=told.needed("id"),
        name=told.text("name"),
        status=status,
        is_busy=status == "busy",
        labels=tuple(label.text("name") for label in told.entries("labels")),
        os=told.text("os"),
        architecture=told.text("arch"),
        version=told.text("version"),
    )


def _token(told: Members) -> str:
    return told.needed("token")
