"""What a host's refusal or silence is called; messages name the host, what, and the remedy."""

from datetime import datetime

from devops.errors import DomainError


class HostError(DomainError):
    """A call to a git host failed; `http_status` is what it answered, 0 without an answer."""

    code = "host-refused"
    status = 422
    title = "The git host refused"
    # Whether a later, equal call may succeed without anybody doing something.
    is_transient = False

    def __init__(
        self, host: str, detail: str, *, http_status: int = 0, remedy: str = "", body: str = ""
    ) -> None:
        super().__init__(f"{host}: {detail}", remedy=remedy)
        self.host = host
        self.http_status = http_status
        self.body = body


class AuthenticationFailed(HostError):
    """401: the token is wrong, expired or revoked."""

    code = "host-authentication"
    title = "The git host does not accept the credential"
    remedy = "Renew the token of this credential; the provider's page says how."


class Forbidden(HostError):
    """403: the token lacks a scope, or the user a right."""

    code = "host-forbidden"
    title = "The git host forbids this to the credential"
    remedy = "Give the token the scope that the message names, or use another credential."


class NotFoundOnHost(HostError):
    """404: it is not there, or the token may not see it."""

    code = "host-not-found"
    title = "The git host has no such object"
    remedy = "Check the name, and that the credential may see it; hosts answer 404 for both."


class RefusedByHost(HostError):
    """The host understood and refuses: a rule of its own, or a state that does not allow it."""


class AlreadyExists(RefusedByHost):
    """It is there already: a branch, a pull request, a hook."""

    code = "host-already-exists"
    title = "The git host has it already"


class RateLimited(HostError):
    """Too many requests; `retry_at` is when the host takes more."""

    code = "host-rate-limited"
    status = 429
    title = "The git host's rate limit is used up"
    is_transient = True

    def __init__(self, host: str, retry_at: datetime, *, http_status: int = 429) -> None:
        super().__init__(
            host,
            f"the rate limit is used up; the next try is possible at {retry_at:%Y-%m-%d %H:%M:%S} "
            "UTC.",
            http_status=http_status,
            remedy="Wait, or use another credential.",
        )
        self.retry_at = retry_at


class HostUnavailable(HostError):
    """No usable answer: not reachable, out of time, 5xx, or something that is not its API.

    `retry_at` is set while we do not even try, because the host failed several times in a row.
    """

    code = "host-unavailable"
    status = 503
    title = "The git host does not answer as it should"
    remedy = "Check the provider's address and the host's state; nothing was lost here."
    is_transient = True

    def __init__(
        self,
        host: str,
        detail: str,
        *,
        http_status: int = 0,
        retry_at: datetime | None = None,
        body: str = "",
    ) -> None:
        super().__init__(host, detail, http_status=http_status, body=body)
        self.retry_at = retry_at


class NotSupported(HostError):
    """This kind of host has no such operation; the message says what it has instead."""

    code = "host-not-supported"
    title = "This git host has no such operation"
