"""`convert`: pipeline documents into workflows of git hosts, and GitHub's workflows into ours."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from powernode.cli.documents import read_document
from powernode.cli.loading import setup_django
from powernode.cli.terminal import FAILED, CommandError, JsonFlag, clean, show_json, whisper


class Format(StrEnum):
    """Whose words a document is written in."""

    POWERNODE = "powernode"
    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"


def convert(
    file: Annotated[str, typer.Argument(help="The document; - reads stdin.")],
    *,
    source: Annotated[
        Format, typer.Option("--from", help="Its format: powernode or github.")
    ] = Format.POWERNODE,
    target: Annotated[Format, typer.Option("--to", help="The format to write.")] = Format.GITHUB,
    as_json: JsonFlag = False,
) -> None:
    """Write a pipeline document in a git host's words, or a GitHub workflow in ours.

    The result goes to stdout, what differs to stderr.
    """
    setup_django()  # the step types register themselves
    text = read_document(file)
    if source == Format.GITHUB and target != Format.GITHUB:
        written, notes = _import(file, text)
        if target != Format.POWERNODE:
            written, further = _generate(file, written.encode(), target)
            notes += further
    elif source == Format.POWERNODE and target != Format.POWERNODE:
        written, notes = _generate(file, text, target)
    else:
        raise CommandError(
            f"A document cannot be converted from {source} to {target}.",
            remedy="Convert from powernode to a host, or from github.",
            code=FAILED,
        )
    if as_json:
        show_json({"text": written, "notes": notes})
        return
    sys.stdout.write(written)
    for note in notes:
        whisper(clean(note), "yellow")


def _import(file: str, text: bytes) -> tuple[str, list[str]]:
    from devops.safety.documents import DocumentError, dump_yaml  # noqa: PLC0415
    from pipelines.documents.github_import import import_github  # noqa: PLC0415

    try:
        imported = import_github(text)
    except DocumentError as error:
        raise CommandError(f"{file}: {error}.") from error
    notes = [f"{file}:{remark.line}: {remark.message}" for remark in imported.remarks]
    return dump_yaml(imported.document), notes


def _generate(file: str, text: bytes, target: Format) -> tuple[str, list[str]]:
    from pipelines.documents import parse, to_definition  # noqa: PLC0415
    from pipelines.documents.generators import generate  # noqa: PLC0415
    from pipelines.linting import lint_text  # noqa: PLC0415

    errors = [finding for finding in lint_text(text) if finding.severity == "error"]
    if errors:
        first = errors[0]
        raise CommandError(
            f"{file}:{first.line}:{first.column}: {first.message}", remedy=first.remedy
        )
    made = generate(to_definition(parse(text).value), target)
    return made.text, made.notes
