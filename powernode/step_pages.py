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
    from pipelines import step_reference  # noqa: PLC0415

    keys = step_reference.keys_of(kind.name)
    rows = [f"| `{key.path}` | {key.kind} | {_default(key)} | {_meaning(key)} |" for key in keys]
    table = ["| key | kind | default | meaning |", "|---|---|---|---|", *rows, ""] if rows else []
    outputs = "; ".join(
        f"`{name}` {text[:1].lower()}{text[1:].rstrip('.')}" for name, text in kind.outputs.items()
    )
    return "\n".join(
        [
            f"## `{kind.name}`: {kind.title}", "",
            f"{kind.summary} Effect: `{kind.effect}`.", "",
            *table,
            *([f"Outputs: {outputs}.", ""] if outputs else []),
            *([kind.docs, ""] if kind.docs else []),
            "```yaml", step_reference.example_of(kind), "```", "",
        ]
    )  # fmt: skip


def _default(key: Any) -> str:
    if key.is_required:
        return "required"
    return f"`{key.default}`" if key.default else ""


def _meaning(key: Any) -> str:
    words = ". ".join(filter(None, (key.title, key.meaning)))
    listed = f" One of {', '.join(f'`{each}`' for each in key.choices)}." if key.choices else ""
    return f"{words}{listed}".replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
