"""Who wants to hear of what happened in repositories, read once for many events."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitintegration.choices import TriggerStatus, WebhookEventStatus
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitRepository,
    GitWebhookEvent,
    GitWorkflowTrigger,
)


@dataclass(slots=True)
class Audience:
    """The receivers, rules and mirrors that the events of one transaction concern.

    `replaced` holds, for each repository and ref, the commits that processed pushes replaced.
    """

    mirrors: Mapping[uuid.UUID, GitRepository] = field(default_factory=dict)
    replaced: set[tuple[uuid.UUID, str, str]] = field(default_factory=set)
    _receivers: dict[uuid.UUID, list[AccountGitWebhookConfig]] = field(default_factory=dict)
    _rules: dict[uuid.UUID, list[GitWorkflowTrigger]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[GitWebhookEvent], shas: Iterable[str]) -> "Audience":
        """What events with these commits need to know, in two queries."""
        repositories = {event.repository_id for event in events if event.repository_id}
        rows = GitRepository.objects.select_related("credential__provider")
        mirrors = {
            row.repository_id: row
            for row in rows.filter(repository_id__in=repositories)
            if row.repository_id
        }
        later = GitWebhookEvent.objects.filter(
            repository_id__in=repositories,
            before__in={sha for sha in shas if sha},
            status=WebhookEventStatus.PROCESSED,
        )
        replaced = set(later.values_list("repository_id", "ref", "before"))
        return cls(mirrors, replaced)

    def mirror(self, event: GitWebhookEvent) -> GitRepository | None:
        """The repository at its host that an event is about."""
        return self.mirrors.get(event.repository_id) if event.repository_id else None

    def receivers(self, account_id: uuid.UUID) -> list[AccountGitWebhookConfig]:
        """The receivers of an account that are switched on."""
        if account_id not in self._receivers:
            rows = AccountGitWebhookConfig.objects.filter(account_id=account_id, is_active=True)
            self._receivers[account_id] = list(rows)
        return self._receivers[account_id]

    def rules(self, account_id: uuid.UUID) -> list[GitWorkflowTrigger]:
        """The workflow triggers of an account that are switched on."""
        if account_id not in self._rules:
            rows = GitWorkflowTrigger.objects.filter(
                account_id=account_id, is_active=True, status=TriggerStatus.ACTIVE
            )
            self._rules[account_id] = list(rows)
        return self._rules[account_id]

    def is_superseded(self, event: GitWebhookEvent, ref: str, sha: str) -> bool:
        """Whether a push that replaced this commit was read already: this one came late."""
        return bool(sha) and (event.repository_id, ref, sha) in self.replaced

    def note_push(self, event: GitWebhookEvent, ref: str, before: str) -> None:
        """A push of this transaction replaced a commit, too."""
        if event.repository_id and before:
            self.replaced.add((event.repository_id, ref, before))
