"""The picture that says how a pipeline fares: two fields of plain SVG, drawn without a font."""

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from django.conf import settings

from pipelines.choices import BadgeState
from pipelines.models import Pipeline

LABEL = "build"
LABEL_MAX = 40
_WORDS = {
    BadgeState.PASSING: ("passing", "#1a7f37"),
    BadgeState.FAILING: ("failing", "#b42318"),
    BadgeState.CANCELLED: ("cancelled", "#57606a"),
    BadgeState.RUNNING: ("running", "#0b5cad"),
    BadgeState.NO_RUNS: ("no runs", "#57606a"),
}
# Widths of Verdana's letters at 11 px, as far as they differ from the rest.
_WIDTH, _NARROW, _WIDE = 7.0, frozenset(" ,.:;!|'ijltfrI()[]"), frozenset("mwMW@%")
_PADDING = 6


@dataclass(frozen=True, slots=True)
class _Field:
    text: str
    colour: str

    @property
    def width(self) -> int:
        letters = sum(
            4.2 if letter in _NARROW else 10.5 if letter in _WIDE else _WIDTH
            for letter in self.text
        )
        return round(letters) + 2 * _PADDING


def draw(state: BadgeState, label: str = LABEL) -> str:
    """A badge as SVG; the label is foreign text and cut."""
    word, colour = _WORDS[state]
    left, right = _Field(_printable(label) or LABEL, "#444c56"), _Field(word, colour)
    whole = left.width + right.width
    title = f"{left.text}: {right.text}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f"aria-label={quoteattr(title)}><title>{escape(title)}</title>"
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)">{_rect(left, 0)}{_rect(right, left.width)}</g>'
        '<g fill="#fff" text-anchor="middle" font-size="11" '
        'font-family="Verdana,DejaVu Sans,Geneva,sans-serif">'
        f"{_text(left, 0)}{_text(right, left.width)}</g></svg>\n"
    )


def badge_facts(pipeline: Pipeline) -> dict[str, Any]:
    """A badge's address and what shows it elsewhere; empty while it is not published.

    The picture leads to the pipeline's page, which asks for a session.
    """
    if pipeline.badge_token is None:
        return {"is_published": False, "url": "", "markdown": "", "html": ""}
    url = f"{settings.SITE_URL}{badge_path(pipeline)}"
    page = f"{settings.SITE_URL}{pipeline.url}"
    return {
        "is_published": True,
        "url": url,
        "markdown": f"[![{LABEL}]({url})]({page})",
        "html": f'<a href="{page}"><img src="{url}" alt="{LABEL}"></a>',
    }


def badge_path(pipeline: Pipeline) -> str:
    """Where the picture stands on this site; empty while it is not published."""
    token = pipeline.badge_token
    return f"/api/v1/badges/{token}.svg" if token else ""


def _rect(field: _Field, x: int) -> str:
    return f'<rect x="{x}" width="{field.width}" height="20" fill="{field.colour}"/>'


def _text(field: _Field, x: int) -> str:
    middle, length = x + field.width / 2, field.width - 2 * _PADDING
    return f'<text x="{middle:g}" y="14" textLength="{length}">{escape(field.text)}</text>'


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:LABEL_MAX]
