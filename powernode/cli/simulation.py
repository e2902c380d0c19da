"""`simulate`: what an event would start."""

import json
from typing import Annotated, Any

import typer

from powernode.cli.connection import Token, Url, connected
from powernode.cli.documents import read_document
from powernode.cli.runs import Pipeline
from powernode.cli.terminal import USAGE, CommandError, JsonFlag, clean, console, show_json


def simulate(
    event: Annotated[
        str,
        typer.Argument(help="A JSON file with the event (- is stdin), or a delivery's identifier."),
    ],
    *,
    document: Annotated[str, typer.Option(help="A pipeline document instead of all.")] = "",
    pipeline: Pipeline = "",
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Say which pipelines an event would start, which steps would run, and why; starts nothing."""
    body = _event(event)
    if document:
        body["text"] = read_document(document).decode(errors="replace")
    with connected(url, token) as client:
        if pipeline:
            body["pipeline_id"] = client.pipeline(pipeline)["id"]
        found = client.simulate(body)
    if as_json:
        show_json(found)
        return
    out = console()
    for result in found:
        word = "starts" if result["would_start"] else "does not start"
        out.print(f"{clean(result['pipeline_name'])} {word}: {clean(result['reason'])}")
        for step in result["steps"]:
            mark = {True: "runs", False: "skipped", None: "not known"}[step["would_run"]]
            out.print(f"  {clean(step['name'])}: {mark}. {clean(step['reason'])}")


def _event(name: str) -> dict[str, Any]:
    if name.count("-") == 4 and "/" not in name and not name.endswith(".json"):
        return {"event_id": name}
    try:
        value = json.loads(read_document(name))
    except ValueError as error:
        raise CommandError(f"{name} is no JSON: {error}", code=USAGE) from error
    if not isinstance(value, dict):
        text = f"{name} holds no event."
        raise CommandError(text, remedy='Write for example {"type": "push"}.', code=USAGE)
    return {"event": value}
