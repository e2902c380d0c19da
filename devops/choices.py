"""Plain constants of the kernel: roles, scopes, and which role holds which."""

from django.db.models import TextChoices


class Role(TextChoices):
    """What a member may do; each includes the ones below it."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"


READ = frozenset(
    {
        "devops.pipelines.read",
        "devops.pipeline_runs.read",
        "devops.providers.read",
        "devops.repositories.read",
        "devops.schedules.read",
        "devops.prompt_templates.read",
        "devops.integrations.read",
        "devops.workers.read",
        "docker.hosts.read",
        "git.providers.read",
        "git.repositories.read",
        "git.webhooks.read",
        "git.pipelines.read",
        "git.pipelines.logs",
        "git.schedules.read",
        "git.approvals.read",
        "git.runners.read",
        "account.read",
        "account.members.read",
    }
)
DEVELOP = frozenset(
    {
        "devops.pipelines.write",
        "devops.pipeline_runs.write",
        "devops.schedules.write",
        "devops.repositories.write",
        "devops.prompt_templates.write",
        "devops.approvals.respond",
        "devops.integrations.execute",
        "devops.secret_references.read",
        "git.workflow_triggers.manage",
        "git.repositories.sync",
        "git.pipelines.trigger",
        "git.pipelines.cancel",
        "git.schedules.manage",
        "git.approvals.manage",
        "account.tokens.manage",
    }
)
ADMINISTER = frozenset(
    {
        "devops.providers.write",
        "devops.secret_references.write",
        "devops.workers.write",
        "devops.ai.manage",
        "docker.hosts.manage",
        "devops.integrations.create",
        "devops.integrations.update",
        "devops.integrations.delete",
        "devops.integrations.credentials.read",
        "devops.integrations.credentials.create",
        "devops.integrations.credentials.update",
        "devops.integrations.credentials.delete",
        "git.webhooks.manage",
        "git.providers.create",
        "git.providers.update",
        "git.providers.delete",
        "git.credentials.read",
        "git.credentials.create",
        "git.credentials.update",
        "git.credentials.delete",
        "git.credentials.test",
        "git.repositories.delete",
        "git.repositories.webhooks.manage",
        "git.account_webhooks.manage",
        "git.runners.manage",
        "git.runners.token",
        "account.update",
        "account.members.manage",
        "account.audit.read",
    }
)
OWN = frozenset({"account.delete", "account.transfer"})

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.VIEWER: READ,
    Role.DEVELOPER: READ | DEVELOP,
    Role.ADMIN: READ | DEVELOP | ADMINISTER,
    Role.OWNER: READ | DEVELOP | ADMINISTER | OWN,
}
PERMISSIONS: frozenset[str] = ROLE_PERMISSIONS[Role.OWNER]

# Scopes of a token are permission names, or these two words.
SCOPE_ALL = "*"
SCOPE_READ = "read"

TOKEN_PREFIX = "pn_"  # noqa: S105  (the visible prefix of every token, not a token)
