"""Bodies: JSON read by the one bounded reader, and documents as plain text."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser
from typing_extensions import override

from devops.errors import FieldProblem, Invalid
from devops.safety.json_values import DocumentError, decode, load_json

MAX_BODY_BYTES = 1024 * 1024
MAX_DOCUMENT_BYTES = 262_144


class Malformed(Invalid):
    """The body is no acceptable JSON or text; the message says where it goes wrong."""

    code = "malformed-body"
    title = "The body cannot be read"


class TooLarge(Invalid):
    """The body is longer than this endpoint takes."""

    code = "too-large"
    status = 413
    title = "The body is too large"


class StrictJSONParser(BaseParser):
    """`application/json`: no duplicate keys, NaN, NUL, lone surrogates, huge numbers or depths."""

    media_type = "application/json"

    @override
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value.

        Raises:
            Malformed: with the place of the first thing wrong.
            TooLarge: more than 1 MB.
        """
        body = _read(stream, MAX_BODY_BYTES)
        try:
            return load_json(body, max_bytes=MAX_BODY_BYTES)
        except DocumentError as error:
            raise _malformed(error) from error


class DocumentParser(BaseParser):
    """`text/yaml` and the like: the text itself, as `{"text": …}`."""

    media_type = "text/yaml"

    @override
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """The text.

        Raises:
            Malformed: not UTF-8.
            TooLarge: more than 256 KB.
        """
        body = _read(stream, MAX_DOCUMENT_BYTES)
        try:
            return {"text": decode(body, MAX_DOCUMENT_BYTES)}
        except DocumentError as error:
            raise _malformed(error) from error


class YamlParser(DocumentParser):
    """The registered media type of the same. Source: RFC 9512."""

    media_type = "application/yaml"


def _read(stream: IO[Any], limit: int) -> bytes:
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"The body is larger than {limit:,} bytes.")
    return body


def _malformed(error: DocumentError) -> Malformed:
    problem = FieldProblem(error.pointer, "malformed", str(error))
    return Malformed(f"The body is not acceptable: {error}", errors=[problem])
