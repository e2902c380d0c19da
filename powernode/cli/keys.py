"""`rotate-keys`: stored secrets under a new key."""

import base64
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from powernode.cli.loading import plain_configuration, require_database
from powernode.cli.terminal import FAILED, CommandError, JsonFlag, say, show_json, whisper


def rotate_keys(
    *,
    new_key: Annotated[
        bool,
        typer.Option("--new-key", help="First add a key to the data folder's keys.json."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Re-encrypt every stored secret under the first key; it can be stopped and begun again."""
    if new_key:
        _add_key()
    require_database()
    from devops import rotation  # noqa: PLC0415
    from devops.safety.encryption import current_key_id  # noqa: PLC0415

    outcome = rotation.rotate_keys()
    counts = rotation.count_by_key()
    current = current_key_id()
    if as_json:
        show_json(
            {
                "current_key": current, "rotated": outcome.rotated, "failed": outcome.failed,
                "values_by_key": counts,
            }
        )  # fmt: skip
    else:
        say(f"{outcome.rotated} values are now under the key {current!r}.", "green")
        for line in outcome.failed:
            say(f"Not rotated: {line}", "bold red")
        for key_id, number in sorted(counts.items()):
            if key_id != current:
                say(f"{number} values still need the key {key_id!r}.", "yellow")
        if not outcome.failed:
            whisper("Older keys protect only answers to repeated requests; drop them in 24 hours.")
    if outcome.failed:
        raise typer.Exit(FAILED)


def fresh_key() -> str:
    """32 random bytes as base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _add_key() -> None:
    """Put a key before the others of an embedded installation that stands still."""
    configuration = plain_configuration()
    path = configuration.var / "keys.json"
    if configuration.encryption_keys or not path.exists():
        raise CommandError(
            "The keys of this installation are not kept in its data folder.",
            remedy="Put a new pair first in POWERNODE_ENCRYPTION_KEYS (powernode doctor --new-keys "
            "prints one), restart every process, then run rotate-keys without --new-key.",
        )
    lock = configuration.var / "supervisor.lock"
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                "The platform runs, and its processes do not know the new key.",
                remedy="Stop it first (Ctrl-C in its terminal), then try again.",
            ) from error
        name = _write_key(path)
    whisper(f"Added the key {name!r} to {path}.")


def _write_key(path: Path) -> str:
    stored: dict[str, Any] = json.loads(path.read_text())
    known: dict[str, str] = stored["encryption_keys"]
    number = len(known) + 1
    while f"k{number}" in known:
        number += 1
    stored["encryption_keys"] = {f"k{number}": fresh_key(), **known}
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    with temporary.open("w") as file:
        json.dump(stored, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return f"k{number}"
