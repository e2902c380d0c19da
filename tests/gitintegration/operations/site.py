"""An account of ours that is connected with a running fake host."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from devops.access import Actor
from devops.models import OutboxMessage
from gitintegration.clients.fakes.model import Repo
from gitintegration.models import GitProvider, GitProviderCredential, GitRepository, GitWebhookEvent
from gitintegration.operations.hooks import configure_host_webhook
from gitintegration.operations.mirrors import take_over
from gitintegration.operations.processing import process_delivery
from tests.factories.devops import actor_of, client_for
from tests.factories.gitintegration import CredentialFactory, GitProviderFactory
from tests.gitintegration.hosts.rig import World


@dataclass(frozen=True)
class Sent:
    """A delivery on its way from the host to us."""

    path: str
    headers: dict[str, str]
    body: bytes

    def arrive(self) -> int:
        """Hand it to our own address; the status of the answer."""
        headers = {name: value for name, value in self.headers.items() if name != "content-type"}
        answer = Client().generic(
            "POST", self.path, self.body, content_type="application/json", headers=headers
        )
        return int(answer.status_code)


@dataclass
class Site:
    """An account, Alice's if no other is said, with one credential of ada's at the fake host.

    What the host delivers stays in `sent` until a test has it arrive.
    """

    world: World
    actor: Actor
    provider: GitProvider
    credential: GitProviderCredential
    sent: list[Sent] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.provider.provider_type)

    def mirror(self, repo: Repo | None = None) -> GitRepository:
        """The mirror of a repository, the usual one without a word."""
        name = (repo or self.world.widgets).full_name
        made = take_over(self.credential, self.world.client.get_repository(name))
        return GitRepository.objects.select_related("credential__provider", "repository").get(
            pk=made.pk
        )

    def hooked(self, repo: Repo | None = None) -> GitRepository:
        """A mirror whose host delivers to us."""
        mirror = self.mirror(repo)
        outcome = configure_host_webhook(self.actor, mirror)
        assert outcome.success, outcome.error
        self.collect()
        self.sent.clear()
        return mirror

    def collect(self) -> list[Sent]:
        """What the host has delivered up to now."""
        self.world.state.settle()
        return self.sent

    def receive(self) -> list[GitWebhookEvent]:
        """Have everything arrive and be processed; the deliveries in their order."""
        for each in self.collect():
            assert each.arrive() in {200, 202}
        self.sent.clear()
        return process_pending()

    def catch(self, url: str, headers: Any, body: bytes) -> int:
        self.sent.append(Sent(urlsplit(url).path, dict(headers), body))
        return 202


def process_pending() -> list[GitWebhookEvent]:
    """Process what has arrived, in its order."""
    keys = list(
        GitWebhookEvent.objects.filter(status="pending").order_by("id").values_list("pk", flat=True)
    )
    for key in keys:
        process_delivery(str(key))
    return list(GitWebhookEvent.objects.filter(pk__in=keys).order_by("id"))


def told(name: str) -> list[dict[str, Any]]:
    """The payloads of the messages of a name, in their order."""
    rows = OutboxMessage.objects.filter(name=name).order_by("id")
    return [row.payload for row in rows]


def make_site(world: World, actor: Actor | None = None) -> Site:
    actor = actor or actor_of(client_for("alice", role="owner"))
    provider = GitProviderFactory.create(
        account_id=actor.account_id, name=f"Our {world.rig.name}",
        provider_type=world.rig.name.lower(), web_base_url=world.host.url,
        api_base_url=world.host.url + world.rig.api_path,
    )  # fmt: skip
    credential = CredentialFactory.create(provider=provider, secret={"access_token": world.token})
    site = Site(world, actor, provider, credential)
    world.state.courier.post = site.catch
    return site
