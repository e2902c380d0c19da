"""`user`: the people of this installation, straight from its database."""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from powernode.cli.loading import require_database
from powernode.cli.terminal import CommandError, JsonFlag, say, show_json, show_table, whisper

if TYPE_CHECKING:
    from devops.models import Account, User

app = typer.Typer(no_args_is_help=True, help="People of this installation (for its operators).")

Email = Annotated[str, typer.Argument(help="E-mail address, with which the person logs in.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]


@app.command()
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="Name to show.")] = "",
    account: Annotated[str, typer.Option(help="Account to join; made when absent.")] = "",
    role: Annotated[str, typer.Option(help="owner, admin, developer or viewer.")] = "owner",
    *,
    operator: Annotated[bool, typer.Option(help="May use /admin/ of the platform.")] = False,
    password_stdin: PasswordStdin = False,
    as_json: JsonFlag = False,
) -> None:
    """Create a person; without a terminal and --password-stdin a password is made and shown."""
    require_database()
    from django.db import transaction  # noqa: PLC0415

    from devops.models import User  # noqa: PLC0415

    _check_email(email)
    if User.objects.filter(email__iexact=email).exists():
        raise CommandError(
            f"{email} exists already.", remedy=f"A new password: powernode user password {email}"
        )
    _check_role(role)
    text, made = _new_password(User(email=email, name=name), from_stdin=password_stdin)
    with transaction.atomic(durable=True):
        user = User.objects.create_user(
            email, text, name=name, is_staff=operator, is_superuser=operator
        )
        joined = _join(user, account, role) if account else None
    slug = joined.slug if joined else ""
    if as_json:
        show_json({"email": user.email, "account": slug, "password": text if made else None})
        return
    say(f"Created {user.email}" + (f" as {role} of the account {slug}." if slug else "."), "green")
    _show_password(text, made=made)


@app.command("list")
def list_people(*, as_json: JsonFlag = False) -> None:
    """List everybody with their accounts."""
    require_database()
    from devops.models import User  # noqa: PLC0415

    rows: list[dict[str, Any]] = [
        {
            "email": user.email,
            "name": user.name,
            "operator": user.is_superuser,
            "active": user.is_active,
            "last_login": user.last_login and user.last_login.isoformat(timespec="seconds"),
            "accounts": {row.account.slug: row.role for row in user.memberships.all()},
        }
        for user in User.objects.order_by("email").prefetch_related("memberships__account")
    ]
    if as_json:
        show_json(rows)
        return
    show_table(
        ("E-mail", "Name", "Kind", "State", "Last login", "Accounts"),
        [
            (
                row["email"], row["name"], "operator" if row["operator"] else "user",
                "active" if row["active"] else "deactivated", row["last_login"] or "never",
                ", ".join(f"{slug} ({role})" for slug, role in row["accounts"].items()),
            )
            for row in rows
        ],
        "Nobody yet. Create somebody: powernode user create you@example.com --operator",
    )  # fmt: skip


@app.command()
def password(
    email: Email, *, password_stdin: PasswordStdin = False, as_json: JsonFlag = False
) -> None:
    """Set a new password; every session of the person ends."""
    require_database()
    user = find_user(email)
    text, made = _new_password(user, from_stdin=password_stdin)
    user.set_password(text)
    user.save(update_fields=["password"])
    _note(user, "devops.user.password")
    if as_json:
        show_json({"email": user.email, "password": text if made else None})
        return
    say(f"{user.email} has a new password; open sessions have ended.", "green")
    _show_password(text, made=made)


@app.command()
def deactivate(email: Email) -> None:
    """Shut a person out: sessions and API tokens stop at once; nothing is deleted."""
    _set_active(email, active=False)


@app.command()
def activate(email: Email) -> None:
    """Let a deactivated person in again."""
    _set_active(email, active=True)


def find_user(email: str) -> "User":
    """The person with that address.

    Raises:
        CommandError: there is none.
    """
    from devops.models import User  # noqa: PLC0415

    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"Nobody has the address {email}.", remedy="powernode user list")
    return user


def _set_active(email: str, *, active: bool) -> None:
    require_database()
    from devops.models import User  # noqa: PLC0415

    user = find_user(email)
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if not active and user.is_superuser and not others.exists():
        raise CommandError(
            f"{user.email} is the only active operator.",
            remedy="Create another one first: powernode user create EMAIL --operator",
        )
    User.objects.filter(pk=user.pk).update(is_active=active)
    _note(user, "devops.user.activate" if active else "devops.user.deactivate")
    say(f"{user.email} is {'active' if active else 'deactivated'}.", "green")


def _join(user: "User", name: str, role: str) -> "Account":
    from django.utils.text import slugify  # noqa: PLC0415

    from devops import audit  # noqa: PLC0415
    from devops.access import system_actor  # noqa: PLC0415
    from devops.models import Account, Membership  # noqa: PLC0415

    slug = slugify(name)[:60]
    if not slug:
        raise CommandError(f"{name!r} has no letters or digits to make an address from.")
    account, fresh = Account.objects.get_or_create(slug=slug, defaults={"name": name})
    actor = system_actor(account.pk, "the command line")
    if fresh:
        whisper(f"Made the account {slug}.")
        audit.record(actor, "account.create", account)
    membership = Membership.objects.create(account=account, user=user, role=role)
    audit.record(actor, "account.member.add", membership, detail={"role": role})
    return account


def _note(user: "User", action: str) -> None:
    from devops import audit  # noqa: PLC0415
    from devops.access import system_actor  # noqa: PLC0415

    for account_id in user.memberships.values_list("account_id", flat=True):
        audit.record(system_actor(account_id, "the command line"), action, user)


def _new_password(user: "User", *, from_stdin: bool) -> tuple[str, bool]:
    """The password and whether it was made here."""
    if from_stdin:
        text = sys.stdin.readline(1024).rstrip("\r\n")
    elif sys.stdin.isatty():
        text = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        return secrets.token_urlsafe(12), True
    _check_password(text, user)
    return text, False


def _check_password(text: str, user: Any) -> None:
    from django.contrib.auth.password_validation import validate_password  # noqa: PLC0415
    from django.core.exceptions import ValidationError  # noqa: PLC0415

    try:
        validate_password(text, user)
    except ValidationError as error:
        raise CommandError(f"The password is refused: {' '.join(error.messages)}") from error


def _check_email(email: str) -> None:
    from django.core.exceptions import ValidationError  # noqa: PLC0415
    from django.core.validators import validate_email  # noqa: PLC0415

    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"{email!r} is no e-mail address.") from error


def _check_role(role: str) -> None:
    from devops.choices import Role  # noqa: PLC0415

    if role not in Role.values:
        raise CommandError(
            f"There is no role {role!r}.", remedy=f"One of: {', '.join(Role.values)}"
        )


def _show_password(text: str, *, made: bool) -> None:
    if made:
        say(f"Password: {text}")
        whisper("It is shown this once.")
