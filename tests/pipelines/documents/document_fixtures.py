"""Step schemas and the example document that the tests of this folder share."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
EXPRESSION: dict[str, Any] = {"type": "string", "pattern": r"\$\{\{", "x-expression": True}

SCHEMAS: dict[str, dict[str, Any]] = {
    "checkout": {
        "type": "object",
        "properties": {"fetch_depth": {"anyOf": [{"type": "integer"}, EXPRESSION]}, "ref": TEXT},
        "additionalProperties": False,
    },
    "run_command": {
        "type": "object",
        "properties": {
            "command": {"type": "string", "x-command": True},
            "scripts": {"type": "array", "items": TEXT, "x-command": True},
            "working_directory": TEXT,
            "shell": {"$ref": "#/$defs/Shell"},
            "mode": {"anyOf": [{"enum": ["fast", "slow"]}, EXPRESSION]},
        },
        "required": ["command"],
        "additionalProperties": False,
        "$defs": {
            "Shell": {
                "type": "object",
                "properties": {"prelude": {"type": "string", "x-command": True}},
                "additionalProperties": False,
            }
        },
    },
    "notify": {
        "type": "object",
        "properties": {"to": {"type": "array", "items": TEXT}, "channel": TEXT},
        "additionalProperties": False,
    },
}

EXAMPLE = """\
name: CI
key: ci
type: custom
description: Tests and deployment of the shop
on:
  push:            {branches: [main, "release/**"], paths: ["src/**", "!docs/**"]}
  pull_request:    {actions: [opened, synchronize]}
  issue_comment:   {actions: [created], mention: "@powernode"}
  release:         [published]
  schedule:        [{cron: "0 3 * * 1-5", timezone: Europe/Berlin, missed: latest}]
  manual:
    inputs:
      target: {type: choice, options: [staging, production], default: staging}
      note: {type: string}
concurrency: {group: "ci-${{ trigger.branch }}", policy: queue}
timeout_minutes: 30
runner_labels: [linux]
env: {PIP_NO_INPUT: "1"}
secrets: [PYPI_TOKEN]
features: {commit_status: true}
notifications: {on_failure: [team@example.com]}
steps:
  - name: Check out
    uses: checkout
    with: {fetch_depth: 1}
  - name: Tests
    key: tests
    uses: run_command
    with: {command: "python -m unittest"}
    timeout_minutes: 10
    continue_on_error: true
  - name: Ship
    uses: run_command
    if: trigger.branch == 'main' && steps.tests.status == 'success'
    secrets: [PYPI_TOKEN]
    env: {TITLE: "${{ trigger.commit.title }}", TOKEN: "${{ secrets.PYPI_TOKEN }}"}
    with: {command: "./ship ${{ inputs.target }} ${{ run.number }} ${{ trigger.sha }}"}
finally:
  - {name: Tell, uses: notify, if: always(), with: {to: ["${{ steps.previous.status }}"]}}
"""


def pipeline(step: str, head: str = "") -> str:
    """Return a document of one command step whose further lines are `step`."""
    lines = "".join(f"    {line}\n" for line in step.splitlines())
    return f"name: X\n{head}steps:\n  - name: One\n    uses: run_command\n{lines}"
