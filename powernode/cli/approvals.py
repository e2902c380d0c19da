"""`approve`, `reject`, `schedules`: answers to a run's questions, and what starts by itself."""

from itertools import islice
from typing import Annotated, Any

import typer

from powernode.cli.connection import Token, Url, connected
from powernode.cli.runs import Pipeline, Run, find_run
from powernode.cli.terminal import CommandError, JsonFlag, say, show_json, show_table
from powernode.clients.api import PowernodeClient

Step = Annotated[str, typer.Option(help="Key of the step; needed when several wait.")]


def approve(  # noqa: PLR0913  (each is an option of its own)
    run: Run,
    step: Step = "",
    pipeline: Pipeline = "",
    comment: Annotated[str, typer.Option("--comment", "-m", help="What to say with it.")] = "",
    decision: Annotated[
        str, typer.Option(help="Of an interrupted step: repeat or treat_as_done.")
    ] = "",
    *,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Let the step begin that a run waits with."""
    body = {"comment": comment, **({"decision": decision} if decision else {})}
    with connected(url, token) as client:
        gate = waiting_gate(client, find_run(client, run, pipeline), step)
        answer = client.post(f"/devops/step_executions/{gate['step_execution_id']}/approve", body)
    _tell(answer, as_json=as_json)


def reject(
    run: Run,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; whoever asked reads it.")],
    step: Step = "",
    pipeline: Pipeline = "",
    *,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Stop the step that a run waits with; one rejection decides."""
    with connected(url, token) as client:
        gate = waiting_gate(client, find_run(client, run, pipeline), step)
        path = f"/devops/step_executions/{gate['step_execution_id']}/reject"
        answer = client.post(path, {"comment": reason})
    _tell(answer, as_json=as_json)


def schedules(
    pipeline: Pipeline = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    *,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List what starts by the clock, newest first."""
    with connected(url, token) as client:
        filters: dict[str, object] = {"limit": min(limit, 200)}
        if pipeline:
            filters["pipeline_id"] = client.pipeline(pipeline)["id"]
        rows = list(islice(client.rows("/devops/schedules", **filters), limit))
    if as_json:
        show_json(rows)
        return
    show_table(
        ("Schedule", "Pipeline", "When", "Time zone", "State", "Next", "Last", "Identifier"),
        [
            (
                str(row["name"]), str(row["pipeline_name"]), str(row["cron_description"]),
                str(row["timezone"]), "active" if row["is_active"] else "off",
                str(row["next_run_at"] or "-"), str(row["last_outcome"] or "-"), str(row["id"]),
            )
            for row in rows
        ],
        "No schedules. Write `on.schedule` in a pipeline's document.",
    )  # fmt: skip


def waiting_gate(client: PowernodeClient, run: dict[str, Any], step: str) -> dict[str, Any]:
    """The question that a run waits with.

    Raises:
        CommandError: there is none, or there are several and none was named.
    """
    rows = client.rows("/devops/approvals", pipeline_run_id=run["id"], status="pending")
    asked = [row for row in rows if row["step_execution_id"]]
    found = [row for row in asked if step in ("", row["step_key"])]
    if len(found) == 1:
        return found[0]
    keys = ", ".join(str(row["step_key"]) for row in asked)
    number = f"Run #{run['run_number']}"
    if found:
        raise CommandError(f"{number} waits with several steps.", remedy=f"--step, one of: {keys}")
    if asked:
        raise CommandError(f"{number} does not wait with {step!r}.", remedy=f"One of: {keys}")
    remedy = f"It is {run['status']}. {run.get('waiting_detail') or ''}".strip()
    raise CommandError(f"{number} waits for no approval.", remedy=remedy)


def _tell(gate: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(gate)
    elif gate["status"] == "pending":
        say(f"Noted: {gate['approvals']} of {gate['required']} approvals.", "yellow")
    else:
        colour = "green" if gate["status"] == "approved" else "red"
        say(f"{gate['step_name']} of run #{gate['run_number']} is {gate['status']}.", colour)
