"""Answers: JSON with UTC moments, and plain text for logs."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer
from typing_extensions import override

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


class JSONRenderer(BaseRenderer):
    """`application/json` in UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    @override
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes; nothing at all for no data."""
        return b"" if data is None else orjson.dumps(data, option=_OPTIONS)


class TextRenderer(BaseRenderer):
    """`text/plain`, so that content negotiation offers it; the view streams the text itself."""

    media_type = "text/plain"
    format = "txt"
    charset = "utf-8"

    @override
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The text."""
        return str(data).encode()


class EventStreamRenderer(BaseRenderer):
    """`text/event-stream`, so that content negotiation offers it; the server streams by itself."""

    media_type = "text/event-stream"
    format = "events"
    charset = None
    render_style = "binary"

    @override
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Nothing: the view only offers its feed."""
        return b""
