"""Every refusal as one problem document, whoever raised it. Source: RFC 9457."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from devops import errors

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# Seconds after which a client may try again when the database was busy or away.
RETRY_AFTER = 2

_CODES = {
    400: "invalid", 401: "not-authenticated", 403: "permission-denied", 404: "not-found",
    405: "method-not-allowed", 406: "not-acceptable", 409: "conflict", 413: "too-large",
    415: "unsupported-media-type", 429: "throttled", 500: "internal-error", 503: "unavailable",
}  # fmt: skip
_REMEDIES = {
    "not-authenticated": "Log in, or send `Authorization: Bearer pn_…` with a live token.",
    "method-not-allowed": "Use a method that the `Allow` header names.",
    "not-acceptable": "Ask for `application/json`, or for what the API reference names.",
    "unsupported-media-type": "Send `Content-Type: application/json`.",
    "csrf-failed": "Send the `X-CSRFToken` header that belongs to the session, or use a token.",
    "throttled": "Wait as long as the `Retry-After` header says.",
    "not-found": errors.NotFound.remedy,
    "internal-error": "Try again; if it happens again, tell the operator: the log has the details.",
    "unavailable": "Try again after the seconds that `Retry-After` names.",
    "too-large": "Send less, in several requests if need be.",
}
_NO_SUCH_ADDRESS = "There is nothing at this address."


def problem(
    status: int,
    detail: str,
    *,
    instance: str,
    code: str = "",
    title: str = "",
    remedy: str = "",
    fields: Sequence[errors.FieldProblem] = (),
) -> dict[str, Any]:
    """The document of one refusal; `type` is the address of our page about its code."""
    code = code or _CODES.get(status, f"http-{status}")
    document: dict[str, Any] = {
        "type": f"{settings.SITE_URL}/docs/problems/{code}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
    }
    remedy = remedy or _REMEDIES.get(code, "")
    if remedy:
        document["remedy"] = remedy
    document["errors"] = [_field(each) for each in fields]
    return document


def problem_response(
    status: int,
    detail: str,
    *,
    instance: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    """The document as an answer that needs no REST framework."""
    body = orjson.dumps(problem(status, detail, instance=instance, **more))
    response = HttpResponse(body, status=status, content_type=CONTENT_TYPE, headers=headers)
    response["Cache-Control"] = "no-store"
    return response


def domain_response(error: errors.DomainError, instance: str) -> HttpResponse:
    """The answer to a refusal of an operation or selector."""
    return problem_response(
        error.status, error.detail, instance=instance, code=error.code, title=error.title,
        remedy=error.remedy, fields=error.errors,
    )  # fmt: skip


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """REST framework's hook; None lets a bug become a 500 that the log shows."""
    return respond(error, context["request"].path)


def respond(error: Exception, instance: str) -> HttpResponse | None:
    """The answer to any exception that is not a bug of ours."""
    if isinstance(error, errors.DomainError):
        return domain_response(error, instance)
    if isinstance(error, Http404):
        return problem_response(404, str(error) or _NO_SUCH_ADDRESS, instance=instance)
    if isinstance(error, PermissionDenied):
        return problem_response(403, str(error) or "Not allowed.", instance=instance)
    if isinstance(error, exceptions.APIException):
        return _framework(error, instance)
    return _database(error, instance) or _input(error, instance)


def _framework(error: exceptions.APIException, instance: str) -> HttpResponse:
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = getattr(error, "wait", None)
    if wait:
        headers["Retry-After"] = str(int(wait) or 1)
    if isinstance(error, exceptions.ValidationError):
        fields = list(_flatten(error.detail, ""))
        first = fields[0].detail if fields else "The input is not valid."
        detail = (
            first if len(fields) == 1 else f"{len(fields)} things are wrong; the first: {first}"
        )
        return problem_response(
            400, detail, instance=instance, title=errors.Invalid.title, fields=fields
        )
    detail = str(error.detail)
    code = ""
    if detail.startswith("CSRF Failed"):
        code = "csrf-failed"
    return problem_response(
        error.status_code, detail, instance=instance, code=code, headers=headers
    )


def _database(error: Exception, instance: str) -> HttpResponse | None:
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("the database refused: %s", error)
        return problem_response(
            503, "The database is busy or cannot be reached.", instance=instance,
            headers={"Retry-After": str(RETRY_AFTER)},
        )  # fmt: skip
    if isinstance(error, DataError | OverflowError):
        return problem_response(
            400, "A value is too large or of a kind that cannot be stored.", instance=instance,
            code="not-storable",
        )  # fmt: skip
    if isinstance(error, RestrictedError | ProtectedError):
        blocking = error.restricted_objects if isinstance(error, RestrictedError) else ()
        names = ", ".join(sorted(f"{row._meta.verbose_name} {row}" for row in blocking)[:10])
        return problem_response(
            409, f"It is still used by: {names or 'something else'}.", instance=instance,
            code="in-use", title=errors.InUse.title, remedy="Remove what uses it first.",
        )  # fmt: skip
    if isinstance(error, IntegrityError):
        # A race past a check of ours; the log tells it from a bug.
        logger.warning("a constraint refused: %s", error)
        return problem_response(
            409, "Another object with these values exists.", instance=instance,
            title=errors.Conflict.title,
        )  # fmt: skip
    return None


def _input(error: Exception, instance: str) -> HttpResponse | None:
    if isinstance(error, RequestDataTooBig):
        return problem_response(413, "The body is larger than 5 MB.", instance=instance)
    if isinstance(error, RecursionError):
        return problem_response(
            400, "The input is nested too deeply.", instance=instance, code="not-storable"
        )
    if isinstance(error, ValidationError):
        return problem_response(400, "; ".join(error.messages), instance=instance)
    if isinstance(error, SuspiciousOperation | UnreadablePostError | UnicodeError):
        return problem_response(400, "The request cannot be read.", instance=instance)
    return None


def _field(each: errors.FieldProblem) -> dict[str, str]:
    field = {"pointer": each.pointer, "code": each.code, "detail": each.detail}
    if each.remedy:
        field["remedy"] = each.remedy
    return field


def _flatten(detail: Any, pointer: str) -> Iterator[errors.FieldProblem]:
    """The leaves of a serializer's nested errors, each with its pointer into the body."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            below = pointer
            if name != "non_field_errors":
                below = f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _flatten(inner, below)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            # A list of messages belongs to one field; a list of objects is a list in the body.
            below = f"{pointer}/{index}" if isinstance(inner, Mapping) else pointer
            yield from _flatten(inner, below)
    else:
        code = str(getattr(detail, "code", "") or "invalid").replace("_", "-")
        yield errors.FieldProblem(pointer, code, str(detail))


def general_problems() -> dict[str, tuple[str, int, str]]:
    """The kinds of refusal that no operation raises: title, status and remedy by code."""
    return {
        code: (HTTPStatus(status).phrase, status, _REMEDIES.get(code, ""))
        for status, code in _CODES.items()
    }
