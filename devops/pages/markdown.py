"""Markdown from anywhere as HTML that cannot do anything."""

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")


def clean_html(markdown: str) -> SafeString:
    """The text as HTML with harmless elements and attributes only."""
    return _marked(_markdown.render(markdown))


def clean_inline(markdown: str) -> SafeString:
    """One line of it, without a paragraph around."""
    return _marked(_markdown.renderInline(markdown))


def _marked(html: str) -> SafeString:
    # format_html marks as safe just what nh3 has left.
    return format_html("{}", _Cleaned(html))


class _Cleaned:
    def __init__(self, html: str) -> None:
        self._html = html

    def __html__(self) -> str:
        return nh3.clean(self._html)
