"""Protected branches with their approvals, and deploy keys."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import Forbidden, NotFoundOnHost, NotSupported
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.members import Members

_MAINTAINERS = 40
_PIPELINE = "only_allow_merge_if_pipeline_succeeds"
# Levels that a caller may choose with `settings` when a branch is first protected.
_LEVELS = ("push_access_level", "merge_access_level", "unprotect_access_level")


class Rules(Connection):
    """What protects a repository, who else may enter, and where its CI runs."""

    def list_branch_protections(self, repository: str) -> Sequence[s.BranchProtection]:
        """Every protected branch or pattern."""
        approvals = _approvals(self, repository)
        settings = self.read(self.project(repository), _project_settings)
        return self.all(
            self.project(repository, "protected_branches"),
            lambda told: _protection(told, approvals, settings),
        )

    def get_branch_protection(self, repository: str, pattern: str) -> s.BranchProtection:
        """One protected branch or pattern."""
        approvals = _approvals(self, repository)
        settings = self.read(self.project(repository), _project_settings)
        return self.read(
            self.project(repository, "protected_branches", pattern),
            lambda told: _protection(told, approvals, settings),
        )

    def set_branch_protection(
        self, repository: str, protection: s.BranchProtection
    ) -> s.BranchProtection:
        """Protect a branch. GitLab names no checks: wanted ones mean that pipelines must succeed.

        Raises:
            NotSupported: approvals are wanted, and this edition of GitLab has no rules for them.
        """
        ident = _protect(self, repository, protection)
        if protection.required_checks:
            self.call("put", self.project(repository), {_PIPELINE: True})
        _approve(self, repository, protection, ident)
        return self.get_branch_protection(repository, protection.pattern)

    def delete_branch_protection(self, repository: str, pattern: str) -> None:
        """Free a branch; its approval rule goes with it."""
        for rule_id, name, _ in _rules(self, repository):
            if name == _rule_name(pattern):
                self.call("delete", self.project(repository, "approval_rules", rule_id))
        self.call("delete", self.project(repository, "protected_branches", pattern))

    def list_deploy_keys(self, repository: str) -> Sequence[s.DeployKey]:
        """Every deploy key of a project."""
        return self.all(self.project(repository, "deploy_keys"), convert.deploy_key)

    def get_deploy_key(self, repository: str, key_id: str) -> s.DeployKey:
        """One deploy key."""
        return self.read(self.project(repository, "deploy_keys", key_id), convert.deploy_key)

    def create_deploy_key(
        self, repository: str, title: str, key: str, *, is_read_only: bool = True
    ) -> s.DeployKey:
        """A new deploy key."""
        body = {"title": title, "key": key, "can_push": not is_read_only}
        return self.send("post", self.project(repository, "deploy_keys"), body, convert.deploy_key)

    def delete_deploy_key(self, repository: str, key_id: str) -> None:
        """Delete a deploy key."""
        self.call("delete", self.project(repository, "deploy_keys", key_id))


def _protect(host: Connection, repository: str, wanted: s.BranchProtection) -> int:
    """Protect or change in place: between deleting and making anew it would be free."""
    path = host.project(repository, "protected_branches")
    one = host.project(repository, "protected_branches", wanted.pattern)
    force = {"allow_force_push": wanted.allows_force_push}
    try:
        host.read(one, _ident)
    except NotFoundOnHost:
        levels = {name: wanted.settings.get(name, _MAINTAINERS) for name in _LEVELS[:2]}
        levels |= {name: wanted.settings[name] for name in _LEVELS[2:] if name in wanted.settings}
        return host.send("post", path, {"name": wanted.pattern, **levels, **force}, _ident)
    return host.send("patch", one, force, _ident)


def _approve(host: Connection, repository: str, wanted: s.BranchProtection, branch_id: int) -> None:
    body = {
        "name": _rule_name(wanted.pattern),
        "approvals_required": wanted.required_approvals,
        "protected_branch_ids": [branch_id],
    }
    ours = [rule for rule, name, _ in _rules(host, repository) if name == body["name"]]
    try:
        if ours:
            host.call("put", host.project(repository, "approval_rules", ours[0]), body)
        elif wanted.required_approvals:
            host.call("post", host.project(repository, "approval_rules"), body)
    except (Forbidden, NotFoundOnHost) as error:
        raise NotSupported(
            host.access.name,
            f"{wanted.pattern} is protected, but this edition has no approval rules; GitLab "
            "Premium has.",
        ) from error


def _rules(host: Connection, repository: str) -> tuple[tuple[int, str, Members], ...]:
    """The approval rules; none where the edition has none."""
    try:
        return host.all(
            host.project(repository, "approval_rules"),
            lambda told: (int(told.needed("id")), told.text("name"), told),
        )
    except (Forbidden, NotFoundOnHost):
        return ()


def _approvals(host: Connection, repository: str) -> dict[str, int]:
    """How many approvals each branch needs; an empty name stands for all."""
    found: dict[str, int] = {}
    for _, _, rule in _rules(host, repository):
        names = [branch.text("name") for branch in rule.entries("protected_branches")] or [""]
        for name in names:
            found[name] = max(found.get(name, 0), rule.number("approvals_required"))
    return found


def _protection(
    told: Members, approvals: dict[str, int], settings: dict[str, object]
) -> s.BranchProtection:
    pattern = told.needed("name")
    levels = {
        name: [level.number("access_level") for level in told.entries(name + "s")]
        for name in _LEVELS
    }
    return s.BranchProtection(
        pattern=pattern,
        required_approvals=max(approvals.get(pattern, 0), approvals.get("", 0)),
        allows_force_push=told.flag("allow_force_push"),
        settings={**levels, **settings},
    )


def _project_settings(told: Members) -> dict[str, object]:
    return {_PIPELINE: told.flag(_PIPELINE)}


def _ident(told: Members) -> int:
    return int(told.needed("id"))


def _rule_name(pattern: str) -> str:
    return f"Powernode: {pattern}"
