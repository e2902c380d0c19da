"""`tests`: what a pipeline's reports say of its tests."""

from itertools import islice
from typing import Annotated

import typer

from powernode.cli.connection import Token, Url, connected
from powernode.cli.terminal import JsonFlag, show_json, show_table

_MARKS = {"passed": ".", "failed": "F", "skipped": "s"}
_SHOWN = 20


def list_tests(
    pipeline: Annotated[str, typer.Argument(help="Slug, name or identifier.")],
    state: Annotated[
        str, typer.Option(help="Only those that are flaky, failing, slow or quarantined.")
    ] = "",
    order: Annotated[str, typer.Option(help="score, failures or duration.")] = "score",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    *,
    as_json: JsonFlag = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List the tests of a pipeline, the flakiest first."""
    with connected(url, token) as client:
        filters: dict[str, object] = {"ordering": order, "limit": min(limit, 200)}
        if state:
            filters["state"] = state
        found = client.pipeline(pipeline)
        rows = list(islice(client.rows(f"/devops/pipelines/{found['id']}/tests", **filters), limit))
    if as_json:
        show_json(rows)
        return
    show_table(
        ("Flaky", "Failed", "Usually", "Last results", "Test", "Suite", "Quarantine"),
        [
            (
                f"{row['flaky_score']:.0%}", f"{row['failed_count']}", f"{row['median_seconds']} s",
                "".join(_MARKS[each] for each in row["last_results"][-_SHOWN:]), str(row["name"]),
                str(row["suite"]), str((row["quarantine"] or {}).get("reason", "")),
            )
            for row in rows
        ],
        "No tests. Give a step of the type run_tests the path of its JUnit report.",
    )  # fmt: skip
