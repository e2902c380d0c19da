"""`token`: API tokens of this installation, straight from its database."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from powernode.cli.loading import require_database
from powernode.cli.people import find_user
from powernode.cli.terminal import CommandError, JsonFlag, say, show_json, show_table, whisper

if TYPE_CHECKING:
    from devops.models import ApiToken, Membership

app = typer.Typer(no_args_is_help=True, help="API tokens (for the installation's operators).")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    user: Annotated[str, typer.Option(help="E-mail of the person whom it acts for.")],
    account: Annotated[
        str, typer.Option(help="Slug of the account; default: their only one.")
    ] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="A permission name, read, or * (default: read).")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it expires.")] = 90,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Create a token and show it once; it can never do more than its person."""
    require_database()
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from devops import audit  # noqa: PLC0415
    from devops.access import member_actor  # noqa: PLC0415
    from devops.models import ApiToken  # noqa: PLC0415
    from devops.tokens import digest, new_token_text  # noqa: PLC0415

    scopes = scope or ["read"]
    _check_scopes(scopes)
    membership = _membership(user, account)
    text = new_token_text()
    with transaction.atomic(durable=True):
        token = ApiToken.objects.create(
            account=membership.account, user=membership.user, name=name[:120], prefix=text[:8],
            digest=digest(text), scopes=scopes, expires_at=timezone.now() + timedelta(days=days),
        )  # fmt: skip
        audit.record(member_actor(membership), "account.token.create", token)
    if as_json:
        show_json({**_facts(token), "token": text})
        return
    say(text)
    whisper(f"Shown this once. Expires {token.expires_at:%Y-%m-%d}; scopes: {', '.join(scopes)}.")


@app.command("list")
def list_tokens(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List tokens; the secret part of none can be shown again."""
    require_database()
    from devops.models import ApiToken  # noqa: PLC0415

    rows = [_facts(token) for token in ApiToken.objects.select_related("user", "account")]
    rows = [row for row in rows if everything or row["state"] == "live"]
    if as_json:
        show_json(rows)
        return
    columns = ("prefix", "name", "user", "account", "scopes", "expires_at", "last_used_at", "state")
    show_table(
        [name.removesuffix("_at").replace("_", " ").capitalize() for name in columns],
        [[_cell(row[name]) for name in columns] for row in rows],
        "No tokens. Create one: powernode token create NAME --user EMAIL",
    )


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its identifier, prefix, or the token itself.")],
) -> None:
    """End a token at once."""
    require_database()
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from devops import audit  # noqa: PLC0415
    from devops.access import system_actor  # noqa: PLC0415
    from devops.models import ApiToken  # noqa: PLC0415

    found = _find(token)
    with transaction.atomic(durable=True):
        ApiToken.objects.filter(pk=found.pk).update(revoked_at=timezone.now())
        actor = system_actor(found.account_id, "the command line")
        audit.record(actor, "account.token.revoke", found)
    say(f"Revoked {found}.", "green")


def _find(text: str) -> "ApiToken":
    import uuid  # noqa: PLC0415

    from devops.models import ApiToken  # noqa: PLC0415
    from devops.tokens import digest  # noqa: PLC0415

    rows = ApiToken.objects.filter(revoked_at=None)
    try:
        found = list(rows.filter(pk=uuid.UUID(text)))
    except ValueError:
        found = list(rows.filter(digest=digest(text)) or rows.filter(prefix=text)[:2])
    if len(found) != 1:
        problem = "Several live tokens begin" if found else "No live token begins"
        raise CommandError(f"{problem} with that.", remedy="powernode token list --json")
    return found[0]


def _membership(email: str, slug: str) -> "Membership":
    from devops.models import Membership  # noqa: PLC0415

    person = find_user(email)
    rows = Membership.objects.filter(user=person).select_related("account", "user")
    found = list(rows.filter(account__slug=slug) if slug else rows)
    if len(found) == 1:
        return found[0]
    known = ", ".join(row.account.slug for row in rows) or "none"
    raise CommandError(
        f"{person.email} is not a member of {slug}." if slug else "Say which account is meant.",
        remedy=f"--account takes one of: {known}",
    )


def _check_scopes(scopes: list[str]) -> None:
    from devops.choices import PERMISSIONS, SCOPE_ALL, SCOPE_READ  # noqa: PLC0415

    unknown = [scope for scope in scopes if scope not in PERMISSIONS | {SCOPE_ALL, SCOPE_READ}]
    if unknown:
        raise CommandError(
            f"No such scope: {', '.join(unknown)}.",
            remedy=f"One of: *, read, {', '.join(sorted(PERMISSIONS))}",
        )


def _facts(token: "ApiToken") -> dict[str, Any]:
    from django.utils import timezone  # noqa: PLC0415

    expired = token.expires_at is not None and token.expires_at <= timezone.now()
    return {
        "id": str(token.pk),
        "prefix": token.prefix,
        "name": token.name,
        "user": token.user.email,
        "account": token.account.slug,
        "scopes": token.scopes,
        "expires_at": token.expires_at and token.expires_at.isoformat(timespec="seconds"),
        "last_used_at": token.last_used_at and token.last_used_at.isoformat(timespec="seconds"),
        "state": "revoked" if token.revoked_at else "expired" if expired else "live",
    }


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return str(value) if value else "never"
