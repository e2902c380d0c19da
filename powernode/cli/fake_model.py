"""`fake-model`: a language model's API on this machine, to try AI steps without paying."""

from typing import Annotated

import typer

from powernode.cli.fake_host import wait_for_signal
from powernode.cli.terminal import JsonFlag, say, show_json, whisper


def fake_model(
    *,
    port: Annotated[int, typer.Option(help="A port of the loopback; 0 takes a free one.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Serve a fake of the Messages API until Ctrl-C; it answers whatever shape is wanted."""
    from devops.clients.anthropic.fake import MODELS, serving  # noqa: PLC0415

    with serving(port) as api:
        facts = {"base_url": api.url, "api_key": api.api_key, "model": MODELS[0]}
        if as_json:
            show_json(facts)
        else:
            for name, value in facts.items():
                say(f"{name:<14} {value}")
            whisper("Start the platform with POWERNODE_EGRESS_ALLOW=127.0.0.1, then add it under")
            whisper("Settings, AI providers.")
        wait_for_signal()
