"""Which server a command speaks to, and as whom."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from powernode.cli.loading import plain_configuration
from powernode.cli.terminal import REFUSED, UNREACHABLE, USAGE, CommandError
from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused, ServerUnreachable

Url = Annotated[
    str,
    typer.Option("--url", envvar="POWERNODE_URL", help="Server; default: the one of this folder."),
]
Token = Annotated[
    str,
    typer.Option(
        "--token", envvar="POWERNODE_TOKEN", help="API token; safer in the environment than here."
    ),
]


@contextlib.contextmanager
def connected(url: str, token: str) -> Iterator[PowernodeClient]:
    """A client of the named server, else of the embedded installation of this folder.

    Raises:
        CommandError: no token is known, the server does not answer, or it refuses.
    """
    try:
        with PowernodeClient(url or own_address(), token or own_token()) as client:
            yield client
    except ServerUnreachable as error:
        raise CommandError(
            str(error),
            remedy="Start it with `powernode up`, or name another one with --url or POWERNODE_URL.",
            code=UNREACHABLE,
        ) from error
    except Refused as error:
        raise refusal(error) from error


def refusal(error: Refused) -> CommandError:
    """What the server said, with every field that is wrong."""
    message = "\n".join([str(error), *(f"  {line}" for line in error.lines())])
    remedy = error.remedy
    if error.status == 401:
        remedy = remedy or "Set POWERNODE_TOKEN; `powernode token create` makes one."
    code = UNREACHABLE if error.status >= 500 else REFUSED
    return CommandError(message, remedy=remedy, code=code)


def address_file(var: Path) -> Path:
    """Where `up` leaves the address under which its platform answers."""
    return var / "run" / "address"


def own_address() -> str:
    """The address of the platform that was started on this data folder."""
    configuration = plain_configuration()
    try:
        return address_file(configuration.var).read_text().strip()
    except FileNotFoundError:
        return configuration.site_url


def own_token() -> str:
    """The token of the demonstration account.

    Raises:
        CommandError: there is none.
    """
    path = plain_configuration().var / "demo.json"
    try:
        return str(json.loads(path.read_text())["token"])
    except (FileNotFoundError, PermissionError) as error:
        raise CommandError(
            f"No token: POWERNODE_TOKEN is not set and {path} cannot be read.",
            remedy="Make one (powernode token create NAME --user EMAIL) and set POWERNODE_TOKEN.",
            code=USAGE,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is damaged.", remedy="Set POWERNODE_TOKEN.") from error
