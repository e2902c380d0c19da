"""Writes `docs/reference/step-types.md` from the step types themselves.

`python -m powernode.step_pages` writes it, with `--check` it tells whether it is stale.
"""

import sys
from typing import Any

from powernode.configuration import ROOT

TARGET = ROOT / "docs" / "reference" / "step-types.md"
_HEAD = """\
# Step types

What `uses:` may name; written by `make openapi`. The JSON Schema of each is in
`GET /api/v1/devops/step_types`; packages can add more (see [CONTRIBUTING](../../CONTRIBUTING.md)).
*Effect* says what repeating an interrupted step does: nothing (`pure`), changes the workspace again
(`workspace`), is looked up at the far side before it is repeated (`external`), or is never repeated
unasked (`once`).
"""


def main() -> int:
    """Write the page; with `--check` 1 when it is not what it should be."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


def page() -> str:
    """The page's text."""
    from powernode.cli.loading import setup_django  # noqa: PLC0415

    setup_django()
    from pipelines import step_types  # noqa: PLC0415

    return "\n".join([_HEAD, *(_section(kind) for kind in step_types.all_types())])


def _section(kind: Any) -> str:
    from devops.safety.documents import dump_yaml  # noqa: PLC0415
    from pipelines import step_types  # noqa: PLC0415

    schema = step_types.config_schema(kind.name, expressions=False)
    required = schema.get("required", ())
    rows = [
        f"| `{name}` | {_default(name, facts, required)} | {_meaning(facts)} |"
        for name, facts in schema.get("properties", {}).items()
    ]
    table = ["| key | default | meaning |", "|---|---|---|", *rows, ""] if rows else []
    outputs = "; ".join(
        f"`{name}` {text[:1].lower()}{text[1:].rstrip('.')}" for name, text in kind.outputs.items()
    )
    example = {"name": kind.title, "uses": kind.name}
    if kind.example:
        example["with"] = dict(kind.example)
    return "\n".join(
        [
            f"## `{kind.name}`: {kind.title}", "",
            f"{kind.summary} Effect: `{kind.effect}`.", "",
            *table,
            *([f"Outputs: {outputs}.", ""] if outputs else []),
            *([kind.docs, ""] if kind.docs else []),
            "```yaml", dump_yaml([example]).rstrip(), "```", "",
        ]
    )  # fmt: skip


def _default(name: str, facts: dict[str, Any], required: Any) -> str:
    if name in required:
        return "required"
    return f"`{facts['default']!r}`" if "default" in facts else "none"


def _meaning(facts: dict[str, Any]) -> str:
    title, description = facts.get("title", ""), facts.get("description", "")
    words = f"{title.rstrip('.')}. {description}" if description else title
    choices = facts.get("enum")
    listed = f" One of {', '.join(f'`{each}`' for each in choices if each)}." if choices else ""
    return f"{words}{listed}".replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
