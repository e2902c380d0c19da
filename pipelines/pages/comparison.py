"""The runs of a chain of repetitions beside each other."""

import uuid
from collections.abc import Mapping
from typing import Any

from devops.access import Actor
from pipelines import selectors
from pipelines.models import PipelineRun, StepExecution

# Runs that stand beside each other.
COLUMNS_MAX = 6


def side_by_side(actor: Actor, runs: list[PipelineRun]) -> dict[str, Any]:
    """The runs of a chain beside each other: for each step its end and its duration in each.

    `{columns: [run], lines: [{name, cells: [None | {status, duration_ms, is_carried, differs,
    change, url}]}]}`
    """
    columns = runs[-COLUMNS_MAX:]
    found: dict[tuple[str, int], dict[uuid.UUID, StepExecution]] = {}
    for row in selectors.steps_of_runs(actor, [run.pk for run in columns]):
        found.setdefault((row.step_key, row.matrix_index), {})[row.run_id] = row
    ordered = sorted(found.values(), key=_place)
    return {
        "columns": columns,
        "lines": [{"name": _latest(rows).step_name, "cells": _cells(rows, columns)}
                  for rows in ordered],
    }  # fmt: skip


def _place(rows: Mapping[uuid.UUID, StepExecution]) -> tuple[int, int]:
    row = _latest(rows)
    return row.position, row.matrix_index


def _latest(rows: Mapping[uuid.UUID, StepExecution]) -> StepExecution:
    return max(rows.values(), key=lambda row: row.pk)


def _cells(
    rows: Mapping[uuid.UUID, StepExecution], columns: list[PipelineRun]
) -> list[dict[str, Any] | None]:
    cells: list[dict[str, Any] | None] = []
    before: StepExecution | None = None
    for run in columns:
        row = rows.get(run.pk)
        if row is None:
            cells.append(None)
            continue
        cells.append(
            {
                "status": row.status,
                "duration_ms": row.duration_ms,
                "is_carried": row.carried_from_id is not None,
                "differs": before is not None and before.status != row.status,
                "change": _change(before, row),
                "url": f"{run.url}?step={row.pk}",
            }
        )
        before = row
    return cells


def _change(before: StepExecution | None, row: StepExecution) -> str:
    """How much longer or shorter a step took than in the run before, when that is worth a word."""
    if before is None or row.carried_from_id or not before.duration_ms or row.duration_ms is None:
        return ""
    seconds = (row.duration_ms - before.duration_ms) / 1000
    if abs(seconds) < 0.1 or abs(seconds) < before.duration_ms / 10_000:
        return ""
    return f"{seconds:+.1f} s"
