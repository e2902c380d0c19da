"""`verify-audit` and `hook`: what an operator asks of the installation itself."""

from typing import Annotated

import typer
from rich.text import Text

from powernode.cli.loading import setup_django
from powernode.cli.terminal import FAILED, USAGE, CommandError, JsonFlag, console, show_json


def verify_audit(
    account: Annotated[str, typer.Option("--account", help="Only this account's slug.")] = "",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Check the audit chains link by link; exits 1 at the first that is broken."""
    setup_django()
    from devops.audit_chain import chain_pending, head_of, verify_account  # noqa: PLC0415
    from devops.models import Account  # noqa: PLC0415

    accounts = Account.objects.order_by("slug")
    if account:
        accounts = accounts.filter(slug=account)
        if not accounts.exists():
            raise CommandError(f"There is no account {account!r}.", code=USAGE)
    while chain_pending():
        continue
    results = []
    for row in accounts:
        finding = verify_account(row)
        problem = f"at event {finding.sequence}: {finding.problem}" if finding else ""
        results.append({"account": row.slug, "events": head_of(row.pk)[0], "problem": problem})
    if as_json:
        show_json({"whole": not any(row["problem"] for row in results), "accounts": results})
    else:
        _show(results)
    if any(row["problem"] for row in results):
        raise typer.Exit(FAILED)


def _show(results: list[dict[str, object]]) -> None:
    out = console()
    for row in results:
        if row["problem"]:
            out.print(Text(f"✗ {row['account']}: broken {row['problem']}", style="bold red"))
        else:
            out.print(Text(f"✓ {row['account']}: {row['events']} events, unbroken", style="green"))


def hook(
    repository: Annotated[str, typer.Argument(help="The repository's full name.")],
    account: Annotated[str, typer.Option("--account", help="Its account's slug.")] = "",
) -> None:
    """Print the `post-receive` hook of a plain git repository; it holds the webhook's secret."""
    setup_django()
    from devops.access import system_actor  # noqa: PLC0415
    from devops.models import Repository  # noqa: PLC0415
    from gitintegration.public import configure_webhook, endpoints, hook_script  # noqa: PLC0415

    rows = Repository.objects.filter(full_name=repository).select_related("account")
    if account:
        rows = rows.filter(account__slug=account)
    found = list(rows[:2])
    if not found:
        raise CommandError(
            f"There is no repository {repository!r}.", remedy="Add it on the Repositories page."
        )
    if len(found) > 1:
        raise CommandError(
            f"Several accounts have a repository {repository!r}.",
            remedy="Say which: --account SLUG",
            code=USAGE,
        )  # fmt: skip
    actor = system_actor(found[0].account_id, "the operator")
    endpoint = endpoints(actor).filter(repository=found[0]).first()
    typer.echo(hook_script(actor, endpoint or configure_webhook(actor, found[0])), nl=False)
