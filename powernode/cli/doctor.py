"""`doctor`: what is missing or misconfigured, and how to mend it."""

import secrets
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from powernode.cli.keys import fresh_key
from powernode.cli.loading import setup_django, use_single_connection
from powernode.cli.terminal import FAILED, CommandError, JsonFlag, console, show_json, whisper

if TYPE_CHECKING:
    from powernode.diagnosis import Check

_SIGNS = {"ok": ("✓ ok  ", "green"), "warn": ("! warn", "yellow"), "fail": ("✗ fail", "bold red")}


def doctor(
    port: Annotated[int, typer.Option(envvar="PORT", help="Port of the web server.")] = 8000,
    host: Annotated[str, typer.Option(help="Address it listens on.")] = "127.0.0.1",
    *,
    new_keys: Annotated[
        bool, typer.Option("--new-keys", help="Only print a fresh pair of keys.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check this machine and this installation; exits 1 when something must be mended."""
    if new_keys:
        _print_keys(as_json=as_json)
        return
    checks = []
    for check in _checks(host, port):
        checks.append(check)
        if not as_json:
            _show(check)
    failed = sum(check.level == "fail" for check in checks)
    warned = sum(check.level == "warn" for check in checks)
    if as_json:
        show_json({"healthy": failed == 0, "checks": [asdict(check) for check in checks]})
    else:
        whisper(f"{len(checks)} checks, {failed} failed, {warned} warnings.", "")
    if failed:
        raise typer.Exit(FAILED)


def _checks(host: str, port: int) -> "Iterator[Check]":
    from powernode.diagnosis import Check, diagnose  # noqa: PLC0415

    try:
        setup_django()
    except CommandError as error:
        # Without settings nothing else can be looked at.
        yield Check("configuration", "fail", error.message, error.remedy)
        return
    use_single_connection()
    yield from diagnose(host, port)


def _show(check: "Check") -> None:
    sign, style = _SIGNS[check.level]
    out = console()
    out.print(Text.assemble((sign, style), (f"  {check.name:<14}", "bold"), check.finding))
    if check.remedy and check.level != "ok":
        out.print(Text(f"        {check.remedy}", style="dim"))


def _print_keys(*, as_json: bool) -> None:
    pair = {
        "POWERNODE_SECRET_KEY": secrets.token_urlsafe(48),
        "POWERNODE_ENCRYPTION_KEYS": f"k{secrets.token_hex(3)}:{fresh_key()}",
    }
    if as_json:
        show_json(pair)
        return
    for name, value in pair.items():
        sys.stdout.write(f"{name}={value}\n")
