"""`lint` and `expr`: what needs no server."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from powernode.cli.loading import setup_django
from powernode.cli.terminal import (
    FAILED,
    USAGE,
    CommandError,
    JsonFlag,
    clean,
    console,
    show_json,
    whisper,
)

# Bytes; a pipeline document or a context file larger than this is none.
FILE_MAX = 1024 * 1024
_STYLES = {"error": "bold red", "warning": "yellow"}


def lint(
    files: Annotated[list[str], typer.Argument(help="Pipeline documents; - reads stdin.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Check pipeline documents on this machine; exits 1 when one has an error."""
    setup_django()  # the step types, also those of installed packages, register themselves
    from pipelines import linting, risk_contract  # noqa: PLC0415

    found = {
        name: _lint_contract(name)
        if Path(name).name == Path(risk_contract.PATH).name
        else linting.lint_text(read_document(name))
        for name in files
    }
    errors = sum(item.severity == "error" for findings in found.values() for item in findings)
    if as_json:
        listed = [
            {"file": name, "findings": [asdict(item) for item in findings]}
            for name, findings in found.items()
        ]
        show_json({"valid": errors == 0, "files": listed})
    else:
        for name, findings in found.items():
            _show_findings(name, findings)
        _show_verdict(found, errors)
    if errors:
        raise typer.Exit(FAILED)


def _lint_contract(name: str) -> list[Any]:
    from pipelines.documents import Finding  # noqa: PLC0415
    from pipelines.risk_contract import ContractError, read_contract  # noqa: PLC0415

    try:
        read_contract(read_document(name).decode(errors="replace"))
    except ContractError as error:
        return [Finding("error", "risk-contract", str(error), 1, 1, "", "")]
    return []


def _show_findings(name: str, findings: list[Any]) -> None:
    out = console()
    for item in findings:
        line = Text(f"{name}:{item.line}:{item.column}: ", style="bold")
        line.append(f"{item.severity}: ", style=_STYLES[item.severity])
        line.append(clean(item.message), style="")
        line.append(f" [{item.code}]", style="dim")
        out.print(line)
        if item.remedy:
            out.print(Text(f"    {clean(item.remedy)}", style="dim"))


def _show_verdict(found: dict[str, list[Any]], errors: int) -> None:
    warnings = sum(len(findings) for findings in found.values()) - errors
    if errors or warnings:
        whisper(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}.", "")
    else:
        whisper(f"{_count(len(found), 'document')} without findings.", "green")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def expr(
    expression: Annotated[str, typer.Argument(help="An expression, with or without ${{ }}.")],
    context: Annotated[
        str,
        typer.Option(help="YAML or JSON file with the contexts (steps, trigger, …); - is stdin."),
    ] = "",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Evaluate an expression; strings are printed as they are, everything else as JSON."""
    from pipelines import expressions  # noqa: PLC0415

    contexts = _contexts(context) if context else {}
    evaluate = expressions.interpolate if "${{" in expression else expressions.evaluate
    try:
        value = evaluate(expression, contexts)
    except expressions.ExpressionError as error:
        raise CommandError(error.explain(expression)) from error
    if as_json:
        show_json({"value": value})
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        sys.stdout.write(text + "\n")


def _contexts(name: str) -> dict[str, Any]:
    from devops.safety.documents import DocumentError, load_yaml  # noqa: PLC0415

    try:
        value = load_yaml(read_document(name), max_bytes=FILE_MAX)
    except DocumentError as error:
        raise CommandError(f"{name}: {error}", code=USAGE) from error
    if not isinstance(value, dict):
        raise CommandError(
            f"{name} holds no object of contexts.",
            remedy="Write for example {trigger: {branch: main}, steps: {}}.",
            code=USAGE,
        )
    return value


def read_document(name: str) -> bytes:
    """The bytes of a file, or of stdin for `-`; a missing or too large one ends the command."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(FILE_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(FILE_MAX + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}.", code=USAGE) from error
    if len(content) > FILE_MAX:
        raise CommandError(f"{name} is larger than {FILE_MAX // 1024} KB.", code=USAGE)
    return content
