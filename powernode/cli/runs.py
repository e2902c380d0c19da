"""`trigger`, `runs`, `logs`, `cancel`, `retry`: a platform's runs, through its API."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from powernode.cli.connection import Token, Url, connected
from powernode.cli.run_view import RunView, show_events, show_tests, show_verdict
from powernode.cli.terminal import (
    FAILED,
    USAGE,
    CommandError,
    JsonFlag,
    clean,
    console,
    log_line,
    plain_log_line,
    say,
    seconds_text,
    show_json,
    show_table,
)
from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused
from powernode.clients.following import RunFollower, log_lines

Run = Annotated[str, typer.Argument(help="Identifier, `last`, or #12 with --pipeline.")]
Pipeline = Annotated[str, typer.Option(help="Slug, name or identifier of a pipeline.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show it live until it is over.")]


def trigger(
    pipeline: Annotated[str, typer.Argument(help="Slug, name or identifier.")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="An input as KEY=VALUE; may be repeated.")
    ] = None,
    ref: Annotated[
        str, typer.Option(help="Branch, tag or commit; default: the default branch.")
    ] = "",
    *,
    follow: Follow = False,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Start a run by hand; with --follow the exit code is the run's."""
    given = dict(input_pair(pair) for pair in inputs or [])
    with connected(url, token) as client:
        found = client.pipeline(pipeline)
        run = client.trigger(str(found["id"]), ref=ref, inputs=typed_inputs(found, given))
        if follow:
            _follow_to_end(client, str(run["id"]), as_json=as_json)
        elif as_json:
            show_json(run)
        else:
            say(f"Started run #{run['run_number']}: {client.url}/runs/{run['id']}", "green")


def runs(
    status: Annotated[str, typer.Option(help="pending, queued, running, success, …")] = "",
    pipeline: Pipeline = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    *,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List runs, newest first."""
    with connected(url, token) as client:
        filters: dict[str, object] = {"status": status, "limit": min(limit, 200)}
        if pipeline:
            filters["pipeline_id"] = client.pipeline(pipeline)["id"]
        rows = list(islice(client.runs(**filters), limit))
    if as_json:
        show_json(rows)
        return
    show_table(
        ("Run", "Pipeline", "Status", "Branch", "Commit", "Duration", "Title", "Identifier"),
        [
            (
                f"#{row['run_number']}", _pipeline_name(row), str(row["status"]),
                str(row.get("branch") or ""), str(row.get("commit_sha") or "")[:7],
                seconds_text(_number(row.get("duration_seconds"))), str(row.get("title") or ""),
                str(row["id"]),
            )
            for row in rows
        ],
        "No runs. Start one: powernode trigger PIPELINE",
    )  # fmt: skip


def logs(
    run: Run,
    step: Annotated[str, typer.Option(help="Key of one step; default: all.")] = "",
    pipeline: Pipeline = "",
    *,
    follow: Follow = False,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Print what the steps of a run said; with -f live, and the exit code is the run's."""
    with connected(url, token) as client:
        found = find_run(client, run, pipeline)
        _check_step(found, step)
        if not follow:
            _show_logs(client, found, step, as_json=as_json)
            return
        follower = RunFollower(client, str(found["id"]), only_step=step)
        tell = show_events if as_json else RunView(logs_only=bool(step)).tell
        ended = tell(follower)
    _exit_with(ended)


def cancel(
    run: Run,
    pipeline: Pipeline = "",
    *,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Stop a run; called again it does not wait for the step to tidy up."""
    with connected(url, token) as client:
        found = client.cancel(str(find_run(client, run, pipeline)["id"]))
    if as_json:
        show_json(found)
    else:
        say(f"Run #{found['run_number']} is {_cancel_words(found)}.", "yellow")


def retry(
    run: Run,
    pipeline: Pipeline = "",
    start_from: Annotated[
        str, typer.Option("--from", help="start, failed, or the key of a step.")
    ] = "start",
    *,
    follow: Follow = False,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Run a finished run again; with --follow the exit code is the new run's."""
    with connected(url, token) as client:
        made = client.retry(str(find_run(client, run, pipeline)["id"]), start_from)
        if follow:
            _follow_to_end(client, str(made["id"]), as_json=as_json)
        elif as_json:
            show_json(made)
        else:
            say(f"Started run #{made['run_number']}: {client.url}/runs/{made['id']}", "green")


def find_run(client: PowernodeClient, reference: str, pipeline: str = "") -> dict[str, Any]:
    """The run of an identifier, of `last`, or of a number within a pipeline.

    Raises:
        CommandError: there is no such run, or a number without its pipeline.
    """
    number = reference.removeprefix("#")
    if reference != "last" and not (number.isascii() and number.isdigit()):
        return client.run(reference)
    filters = {"pipeline_id": client.pipeline(pipeline)["id"]} if pipeline else {}
    if reference == "last":
        newest = next(client.runs(limit=1, **filters), None)
        if newest is None:
            raise CommandError("There is no run yet.", remedy="powernode trigger PIPELINE")
        return client.run(str(newest["id"]))
    if not pipeline:
        raise CommandError(
            f"#{number} could be a run of any pipeline.",
            remedy=f"Say which: --pipeline SLUG '#{number}'",
            code=USAGE,
        )
    for row in client.runs(**filters):
        if int(row["run_number"]) == int(number):
            return client.run(str(row["id"]))
        if int(row["run_number"]) < int(number):
            break
    raise CommandError(f"The pipeline {pipeline} has no run #{number}.")


def finish(client: PowernodeClient, ended: dict[str, Any]) -> None:
    """Tell a run's tests, its verdict and its page."""
    out = console()
    show_tests(test_reports(client, str(ended["id"])), out)
    show_verdict(ended, client.url, out)


def test_reports(client: PowernodeClient, run_id: str) -> list[dict[str, Any]]:
    """The test reports of a run; none when no step wrote one."""
    try:
        found = client.test_reports(run_id)
    except Refused as error:
        if error.status == 404:
            return []
        raise
    reports: list[dict[str, Any]] = found["reports"]
    return reports


def _follow_to_end(client: PowernodeClient, run_id: str, *, as_json: bool) -> None:
    follower = RunFollower(client, run_id)
    if as_json:
        ended = show_events(follower)
    else:
        ended = RunView().tell(follower)
        finish(client, ended)
    _exit_with(ended)


def _exit_with(run: dict[str, Any]) -> None:
    if run["status"] != "success":
        raise typer.Exit(FAILED)


def _show_logs(client: PowernodeClient, run: dict[str, Any], step: str, *, as_json: bool) -> None:
    wanted = [
        row
        for row in run["step_executions"]
        if row.get("started_at") and step in ("", row["step_key"])
    ]
    for row in wanted:
        lines = log_lines(client.log(str(row["id"])))
        if as_json:
            for text in lines:
                show_json({"type": "log", "step_key": row["step_key"], "text": text})
            continue
        if len(wanted) > 1:
            attempt = f" (attempt {row['attempt']})" if int(row.get("attempt") or 1) > 1 else ""
            say(f"── {clean(str(row['step_name']))}{attempt}", "bold")
        _print_lines(lines)


def _print_lines(lines: Iterable[str]) -> None:
    out = console()
    if out.is_terminal:
        for line in lines:
            out.print(log_line(line))
        return
    sys.stdout.writelines(_ended(lines))


def _ended(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield plain_log_line(line) + "\n"


def _check_step(run: dict[str, Any], step: str) -> None:
    keys = list(dict.fromkeys(str(row["step_key"]) for row in run["step_executions"]))
    if step and step not in keys:
        raise CommandError(f"The run has no step {step!r}.", remedy=f"One of: {', '.join(keys)}")


def input_pair(pair: str) -> tuple[str, str]:
    """`NAME=VALUE` of the command line.

    Raises:
        CommandError: it is not of that form.
    """
    name, sign, value = pair.partition("=")
    if not sign or not name:
        raise CommandError(f"{pair!r} is no input.", remedy="Write --input name=value.", code=USAGE)
    return name, value


def typed_inputs(pipeline: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """Texts as the types that the pipeline declares; what does not fit is left to the server."""
    manual = (pipeline.get("triggers") or {}).get("manual")
    declared = (manual.get("inputs") if isinstance(manual, dict) else None) or {}
    return {name: _typed(declared.get(name) or {}, text) for name, text in given.items()}


def _typed(rule: dict[str, Any], text: str) -> Any:
    kind = rule.get("type")
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "choice":
        return next((option for option in rule.get("options", []) if str(option) == text), text)
    if kind == "number":
        try:
            return float(text) if "." in text or "e" in text.lower() else int(text)
        except ValueError:
            return text
    return text


def _cancel_words(run: dict[str, Any]) -> str:
    return "cancelled" if run["status"] == "cancelled" else f"{run['status']}, asked to stop"


def _pipeline_name(row: dict[str, Any]) -> str:
    pipeline = row.get("pipeline")
    if isinstance(pipeline, dict):
        return str(pipeline.get("name") or pipeline.get("slug") or "")
    return str(row.get("pipeline_name") or "")


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
