"""Rows of the kernel."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from devops.access import Actor, member_actor
from devops.ai_spending import this_month
from devops.choices import Role
from devops.models import (
    Account,
    AiCall,
    AiConfig,
    ApiToken,
    AuditEvent,
    Blob,
    Invitation,
    Membership,
    PromptTemplate,
    Provider,
    Repository,
    User,
    WebhookDelivery,
)
from devops.tokens import digest, new_token_text
from tests.client import ApiClient


class UserFactory(DjangoModelFactory[User]):
    """A person with the password `correct horse`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda number: f"person{number}@example.com")
    name = factory.LazyAttribute(lambda user: user.email.partition("@")[0].title())
    password = factory.django.Password("correct horse")


class AccountFactory(DjangoModelFactory[Account]):
    class Meta:
        model = Account

    name = factory.Sequence(lambda number: f"Account {number}")
    slug = factory.Sequence(lambda number: f"account-{number}")


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class TokenFactory(DjangoModelFactory[ApiToken]):
    """A token whose text is the attribute `text`."""

    class Meta:
        model = ApiToken

    class Params:
        text = factory.LazyFunction(new_token_text)

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory)
    name = "test"
    prefix = factory.LazyAttribute(lambda token: token.text[:10])
    digest = factory.LazyAttribute(lambda token: digest(token.text))
    scopes = factory.LazyFunction(lambda: ["*"])


class InvitationFactory(DjangoModelFactory[Invitation]):
    class Meta:
        model = Invitation

    account = factory.SubFactory(AccountFactory)
    email = factory.Sequence(lambda number: f"guest{number}@example.com")
    role = Role.DEVELOPER
    token_digest = factory.Sequence(lambda number: digest(f"invitation {number}"))
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))


class AuditEventFactory(DjangoModelFactory[AuditEvent]):
    class Meta:
        model = AuditEvent

    account = factory.SubFactory(AccountFactory)
    actor_kind = "user"
    actor_label = "Somebody"
    action = "test.happened"
    target_type = "account"


class ProviderFactory(DjangoModelFactory[Provider]):
    class Meta:
        model = Provider

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Provider {number}")
    provider_type = Provider.Kind.GIT


class RepositoryFactory(DjangoModelFactory[Repository]):
    class Meta:
        model = Repository

    account = factory.SubFactory(AccountFactory)
    name = factory.LazyAttribute(lambda repository: repository.full_name.rpartition("/")[2])
    full_name = factory.Sequence(lambda number: f"team/project-{number}")
    clone_url = factory.LazyAttribute(
        lambda repository: f"https://git.example.com/{repository.full_name}.git"
    )


class BlobFactory(DjangoModelFactory[Blob]):
    """A row without bytes; use `devops.storage.blobs.store` for one with."""

    class Meta:
        model = Blob

    sha256 = "0" * 64
    size_bytes = 5
    media_type = "text/plain"
    name = "blob"
    path = factory.Sequence(lambda number: f"ab/{number:032x}")


def client_for(name: str, *, role: str, account: Account | None = None) -> ApiClient:
    """A person with a token of all scopes, in a new account or the given one."""
    wanted: dict[str, Any] = {"account": account} if account else {"account__name": name.title()}
    membership = MembershipFactory.create(role=role, user__email=f"{name}@example.com", **wanted)
    return ApiClient(membership, token_for(membership))


def token_for(membership: Membership, *scopes: str) -> str:
    """The text of a new token of a member; all scopes when none is named."""
    text = new_token_text()
    TokenFactory.create(
        account=membership.account, user=membership.user, text=text, scopes=list(scopes) or ["*"]
    )
    return text


def actor_of(client: ApiClient) -> Actor:
    """The client's person as operations want it."""
    return member_actor(client.membership)


class AiConfigFactory(DjangoModelFactory[AiConfig]):
    """A connection without a key; use the operation for one with."""

    class Meta:
        model = AiConfig

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Model {number}")
    model = "claude-sonnet-5-5"


class AiCallFactory(DjangoModelFactory[AiCall]):
    """A call of this month that cost a dollar."""

    class Meta:
        model = AiCall

    config = factory.SubFactory(AiConfigFactory)
    account = factory.SelfAttribute("config.account")
    purpose = "test"
    model = "claude"
    month = factory.LazyFunction(this_month)
    state = "settled"
    micro_usd = 1_000_000


class DeliveryFactory(DjangoModelFactory[WebhookDelivery]):
    """A webhook that arrived."""

    class Meta:
        model = WebhookDelivery

    account = factory.SubFactory(AccountFactory)
    kind = "webhook"
    status = "delivered"
    destination = "https://receiver.example.com/hook"
    event_name = "push"
    payload = factory.LazyFunction(dict)
    idempotency_key = factory.Sequence(lambda number: f"delivery-{number}")


class PromptTemplateFactory(DjangoModelFactory[PromptTemplate]):
    class Meta:
        model = PromptTemplate

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Prompt {number}")
    slug = factory.Sequence(lambda number: f"prompt-{number}")
    content = "Look at {{ subject }}."
    variables = [{"name": "subject", "type": "string", "default": "everything"}]
