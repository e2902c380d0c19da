"""What every request and answer goes through before anything of ours sees it."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from devops.problems import CONTENT_TYPE, problem_response

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_API = "/api/"
QUERY_MAX_BYTES = 16_384
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
_DETAILS = {
    400: "The request cannot be read.",
    403: "This is not allowed.",
    404: "There is nothing at this address.",
    405: "This method is not possible here.",
    500: "Something went wrong on our side; the log has the details.",
}

_STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# The admin site's Alpine makes functions from text, and its theme is a style element.
_ADMIN = _STRICT.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class HostileInputMiddleware:
    """Refuses addresses that no database takes, and words every failure under `/api/`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, with a problem document for each refusal of the API."""
        is_api = request.path.startswith(_API)
        refusal = _problem_of_address(request)
        if refusal:
            if is_api:
                return problem_response(
                    400, refusal, instance=_printable(request.path), code="malformed-address"
                )
            return HttpResponse(
                f"400 Bad Request\n{refusal}\n",
                status=400,
                content_type="text/plain; charset=utf-8",
            )
        response = self.get_response(request)
        if is_api and response.status_code >= HTTPStatus.BAD_REQUEST:
            return _as_problem(request, response)
        return response


class ContentSecurityPolicyMiddleware:
    """Lets browsers load and run only what we serve ourselves."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer with the policy of its part of the site, unless its view set one."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(request.path))
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        return response


def _policy(path: str) -> str:
    if path.startswith("/admin/"):
        return _ADMIN
    return _NOTHING if path.startswith(_API) else _STRICT


def _problem_of_address(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    if len(query) > QUERY_MAX_BYTES:
        return f"The query is longer than {QUERY_MAX_BYTES:,} bytes."
    for part in (_path_bytes(request), unquote_to_bytes(query)):
        if b"\0" in part:
            return "A NUL character has no place in an address."
        try:
            part.decode()
        except UnicodeDecodeError:
            return "The address is not valid UTF-8."
    try:
        request.get_host()
    except DisallowedHost:
        return "This installation does not answer to that host name."
    return ""


def _path_bytes(request: HttpRequest) -> bytes:
    """The path before any decoding: Django and the server replace what they cannot read."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        return unquote_to_bytes(scope.get("raw_path") or scope["path"])
    path: str = request.META.get("PATH_INFO", "")
    try:
        return path.encode("latin-1")
    except UnicodeEncodeError:
        return path.encode()


def _printable(path: str) -> str:
    return path.replace("\0", "\ufffd").encode(errors="replace").decode()


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.headers.get("Content-Type", "").startswith(CONTENT_TYPE):
        return response
    status = response.status_code
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    detail = _DETAILS.get(status, HTTPStatus(status).phrase)
    return problem_response(status, detail, instance=_printable(request.path), headers=kept)
