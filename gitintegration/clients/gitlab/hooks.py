"""Hooks, and what GitLab says of their deliveries."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, NotSupported
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.gitlab.webhooks import event_name
from gitintegration.clients.gitlab.words import moment
from gitintegration.clients.members import Members

# Each delivery is told with its whole body, of up to some megabytes.
_DELIVERIES_PER_PAGE = 20
HOOK_EVENTS = (
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "note_events",
    "releases_events",
    "pipeline_events",
    "job_events",
    "deployment_events",
)
# What else a project's hook may be told of.
_MORE_EVENTS = (
    "confidential_issues_events",
    "confidential_note_events",
    "wiki_page_events",
    "feature_flag_events",
    "emoji_events",
    "milestone_events",
)


class Hooks(Connection):
    """How the host tells us of what happens."""

    def list_webhooks(self, repository: str) -> Sequence[s.HostWebhook]:
        """Every hook of a project."""
        return self.all(self.project(repository, "hooks"), _hook)

    def create_webhook(
        self, repository: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook:
        """A new hook."""
        return self.send(
            "post", self.project(repository, "hooks"), _body(self, url, secret, events), _hook
        )

    def update_webhook(
        self,
        repository: str,
        webhook_id: str,
        url: str,
        secret: str,
        events: Sequence[str] = (),
    ) -> s.HostWebhook:
        """Change a hook."""
        path = self.project(repository, "hooks", webhook_id)
        return self.send("put", path, _body(self, url, secret, events), _hook)

    def delete_webhook(self, repository: str, webhook_id: str) -> None:
        """Delete a hook; one that is gone already is fine."""
        try:
            self.call("delete", self.project(repository, "hooks", webhook_id))
        except NotFoundOnHost:
            return

    def list_hook_deliveries(
        self, repository: str, webhook_id: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HookDelivery]:
        """The tries of the last seven days, newest first; when each was is not told."""
        path = self.project(repository, "hooks", webhook_id, "events")
        try:
            return self.page(path, _delivery, page, min(per_page, _DELIVERIES_PER_PAGE))
        except NotFoundOnHost as error:
            raise _too_old(self, repository, webhook_id, error) from error

    def redeliver(self, repository: str, webhook_id: str, delivery_id: str) -> None:
        """Let GitLab send a delivery again; it does so five times a minute."""
        path = self.project(repository, "hooks", webhook_id, "events", delivery_id, "resend")
        try:
            self.call("post", path, {})
        except NotFoundOnHost as error:
            # The list knows whether it is the delivery that is missing or the whole address.
            self.list_hook_deliveries(repository, webhook_id)
            raise NotFoundOnHost(
                error.host, f"has no delivery {delivery_id} of this hook.", http_status=404
            ) from error


def _body(host: Connection, url: str, secret: str, events: Sequence[str]) -> dict[str, object]:
    wanted, known = set(events or HOOK_EVENTS), {*HOOK_EVENTS, *_MORE_EVENTS}
    if wanted - known:
        raise NotSupported(
            host.access.name,
            f"its hooks do not know {', '.join(sorted(wanted - known))}; they know "
            f"{', '.join(sorted(known))}.",
        )
    # `push_events` is true unless it is told otherwise.
    flags = {name: name in wanted for name in (*HOOK_EVENTS, *sorted(wanted - set(HOOK_EVENTS)))}
    return {"url": url, "token": secret, "enable_ssl_verification": True, **flags}


def _hook(told: Members) -> s.HostWebhook:
    return s.HostWebhook(
        id=told.needed("id"),
        url=told.text("url"),
        # GitLab turns a failing hook off by itself, for a while or for good.
        is_active=told.text("alert_status") in {"", "executable"},
        events=tuple(
            name for name in (*HOOK_EVENTS, *_MORE_EVENTS) if name in told and told.flag(name)
        ),
    )


def _delivery(told: Members) -> s.HookDelivery:
    sent = told.inner("request_headers")
    headers = {name.lower(): sent.text(name) for name in sent.names()}
    status = told.ident("response_status")
    return s.HookDelivery(
        id=told.needed("id"),
        delivery_id=headers.get("idempotency-key", ""),
        event=event_name(headers, {}) or told.text("trigger").removesuffix("_hooks"),
        delivered_at=moment(told.text("created_at")),
        # `internal error` where nobody answered.
        status_code=int(status) if status.isdigit() else 0,
    )


def _too_old(
    host: Connection, repository: str, webhook_id: str, error: NotFoundOnHost
) -> NotFoundOnHost | NotSupported:
    """Whether the hook is missing or the server does not know the address."""
    try:
        host.read(host.project(repository, "hooks", webhook_id), _hook)
    except NotFoundOnHost:
        return error
    return NotSupported(
        host.access.name,
        "this server tells nothing of deliveries and repeats none; GitLab 17.4 and later do.",
    )
