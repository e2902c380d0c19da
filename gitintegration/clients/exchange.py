"""The manners of every call to a host, whichever library makes it.

Limits are obeyed, equal readings are asked for conditionally, reading calls are repeated after a
failure, and a host that failed several times in a row is left alone for a while.
"""

import hashlib
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

from devops.errors import TransientError
from devops.safety.addresses import AddressNotAllowed, HostNotFound
from devops.safety.json_values import DocumentError, load_json
from gitintegration.clients.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Forbidden,
    HostError,
    HostUnavailable,
    NotFoundOnHost,
    RateLimited,
    RefusedByHost,
)

SAFE_METHODS = frozenset({"GET", "HEAD"})
# Tries of a reading call, and the seconds before the second and third.
TRIES = 3
BACKOFF_SECONDS = (0.25, 1.0)
# A limit that ends within this is waited for; a longer one is told.
PATIENCE_SECONDS = 5.0
# So many failures in a row, and the host is left alone for so long.
BREAKER_FAILURES = 5
BREAKER_SECONDS = 30.0
MAX_BODY_BYTES = 10 * 1024 * 1024
# Hosts and credentials whose breakers a process remembers.
_MEMORIES = 512
# Readings that are asked for conditionally: each, and all of a process together.
_CACHE_BODY_BYTES = 256 * 1024
_CACHE_BYTES = 16 * 1024 * 1024
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of a host; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[Mapping[str, str]], Reply]


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    open_until: float = 0.0


@dataclass(slots=True)
class _Replies:
    """The last readings of all hosts, the oldest forgotten first."""

    kept: "OrderedDict[str, Reply]" = field(default_factory=OrderedDict)
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str) -> Reply | None:
        """The one that was kept, which is young again."""
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def keep(self, key: str, reply: Reply) -> None:
        """Remember one; a large one is not worth its place."""
        if len(reply.body) > _CACHE_BODY_BYTES:
            return
        with self.lock:
            self._drop(key)
            self.kept[key] = reply
            self.size += _weight(reply)
            while self.size > _CACHE_BYTES:
                self._drop(next(iter(self.kept)))

    def _drop(self, key: str) -> None:
        former = self.kept.pop(key, None)
        self.size -= _weight(former) if former else 0

    def clear(self) -> None:
        """Forget them all."""
        with self.lock:
            self.kept.clear()
            self.size = 0


def _weight(reply: Reply) -> int:
    """The bytes that an answer holds, its headers and its place guessed."""
    return len(reply.body) + 2048


_replies = _Replies()
_breakers: "OrderedDict[tuple[str, str], _Breaker]" = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Exchange:
    """The manners of one client.

    Attributes:
        host: the provider's name, for messages.
        partition: shares a breaker and a cache with equal ones in this process.
        sleep: how to wait; seconds.
    """

    host: str
    base_url: str
    partition: str
    sleep: Callable[[float], None] = time.sleep

    def call(
        self, method: str, url: str, send: Send, *, wants_json: bool = True, key: str = ""
    ) -> Reply:
        """Make one call through `send`, which is given the headers to add.

        `key` tells apart readings of one URL that ask for different forms of the answer.

        Raises:
            HostError: one of its classes, for every answer of 400 and more and for none at all.
        """
        breaker = self._breaker()
        self._check_breaker(breaker)
        whose = f"{self.partition}\n{self.base_url}\n{url}\n{key}"
        cache_key = hashlib.sha256(whose.encode()).hexdigest()
        tries = TRIES if method in SAFE_METHODS else 1
        for attempt in range(tries):
            is_last = attempt == tries - 1
            try:
                reply = self._once(method, send, cache_key)
                self._judge(reply, wants_json=wants_json)
            except RateLimited as limited:
                wait = (limited.retry_at - timezone.now()).total_seconds()
                if is_last or wait > PATIENCE_SECONDS:
                    raise
                self.sleep(max(0.0, wait))
            except HostUnavailable:
                self._note_failure(breaker)
                if is_last:
                    raise
                # Jitter: many workers must not come back at the same moment.
                pause = BACKOFF_SECONDS[attempt] * random.uniform(0.5, 1.5)  # noqa: S311
                self.sleep(pause)
            except HostError:
                breaker.failures = 0
                raise
            else:
                breaker.failures = 0
                return reply
        raise AssertionError("a call ends by its last try")

    def _breaker(self) -> _Breaker:
        key = (self.partition, self.base_url)
        with _lock:
            breaker = _breakers.pop(key, None) or _Breaker()
            _breakers[key] = breaker
            while len(_breakers) > _MEMORIES:
                _breakers.popitem(last=False)
        return breaker

    def _once(self, method: str, send: Send, cache_key: str) -> Reply:
        known = _replies.get(cache_key) if method in SAFE_METHODS else None
        headers = {"If-None-Match": known.headers["etag"]} if known else {}
        try:
            reply = send(headers)
        except (AddressNotAllowed, HostNotFound) as error:
            raise HostUnavailable(self.host, str(error)) from error
        except (TransientError, OSError) as error:
            raise HostUnavailable(self.host, f"no complete answer: {error}") from error
        if known is not None and reply.status == _NOT_MODIFIED:
            # Page links may be signed anew: those of the fresh answer count.
            return Reply(known.status, {**known.headers, **reply.headers}, known.body)
        if method in SAFE_METHODS and reply.status == 200 and "etag" in reply.headers:
            _replies.keep(cache_key, reply)
        return reply

    def _check_breaker(self, breaker: _Breaker) -> None:
        left = breaker.open_until - time.monotonic()
        if left > 0:
            retry_at = timezone.now() + timedelta(seconds=left)
            raise HostUnavailable(
                self.host,
                f"it failed {BREAKER_FAILURES} times in a row and is left alone until "
                f"{retry_at:%H:%M:%S} UTC.",
                retry_at=retry_at,
            )

    def _note_failure(self, breaker: _Breaker) -> None:
        breaker.failures += 1
        if breaker.failures >= BREAKER_FAILURES:
            breaker.failures = 0
            breaker.open_until = time.monotonic() + BREAKER_SECONDS

    def _judge(self, reply: Reply, *, wants_json: bool) -> None:
        if reply.status >= 400:
            raise self.refusal(reply)
        if 300 <= reply.status < 400 and reply.status != _NOT_MODIFIED and wants_json:
            raise HostUnavailable(
                self.host,
                f"answered {reply.status} to another address; its API address is wrong.",
                http_status=reply.status,
            )
        if wants_json and reply.body and "json" not in reply.headers.get("content-type", ""):
            raise HostUnavailable(
                self.host,
                f"answered {reply.status} with {reply.headers.get('content-type', 'no type')!r} "
                "instead of JSON; something else than its API stands at the address.",
                http_status=reply.status,
            )

    def refusal(self, reply: Reply) -> HostError:
        """The error for an answer of 400 and more."""
        words = _words(reply)
        told = f"answered {reply.status}: {words}"
        facts = {"http_status": reply.status, "body": reply.body[:2000].decode(errors="replace")}
        retry_at = _retry_at(reply, words)
        if retry_at is not None:
            return RateLimited(self.host, retry_at, http_status=reply.status)
        if reply.status >= 500:
            return HostUnavailable(self.host, told, **facts)  # type: ignore[arg-type]
        classes: dict[int, type[HostError]] = {
            401: AuthenticationFailed, 403: Forbidden, 404: NotFoundOnHost, 409: AlreadyExists,
        }  # fmt: skip
        chosen = classes.get(reply.status, RefusedByHost)
        if chosen is RefusedByHost and "already" in words.lower() and "exist" in words.lower():
            chosen = AlreadyExists
        return chosen(self.host, told, **facts)  # type: ignore[arg-type]


def forget_hosts() -> None:
    """Forget breakers and caches, as a new process would."""
    with _lock:
        _breakers.clear()
    _replies.clear()


def _words(reply: Reply) -> str:
    """What the host says of its refusal: `message`, `error`, `error.message`, or its first text."""
    try:
        value = load_json(reply.body, max_bytes=MAX_BODY_BYTES)
    except DocumentError:
        text = reply.body[:200].decode(errors="replace").strip()
        return text if text and "<" not in text else "no reason given"
    if isinstance(value, dict):
        error = value.get("error")
        found = value.get("message") or (error.get("message") if isinstance(error, dict) else error)
        details = value.get("errors")
        words = str(found or value)
        return f"{words} {details}"[:500] if details else words[:500]
    return str(value)[:500]


def _retry_at(reply: Reply, words: str) -> datetime | None:
    """When the host takes requests again; None when this is no rate limit."""
    headers = reply.headers
    is_limit = reply.status == 429 or (
        reply.status == 403
        and (
            headers.get("x-ratelimit-remaining") == "0"
            or "retry-after" in headers
            or "rate limit" in words.lower()
        )
    )
    if not is_limit:
        return None
    now = timezone.now()
    after = headers.get("retry-after", "")
    if after.isdigit():
        return now + timedelta(seconds=min(int(after), 86400))
    if after:
        try:
            return parsedate_to_datetime(after)
        except ValueError:
            pass  # a date that nobody can read: the reset header may say it better
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    if reset.isdigit():
        return datetime.fromtimestamp(int(reset), UTC)
    return now + timedelta(seconds=60)
