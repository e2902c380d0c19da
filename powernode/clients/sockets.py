"""The platform's live streams: frames that go on after a broken connection, none lost or twice."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused, ServerUnreachable

Frame = dict[str, Any]

# Seconds: between tries, for a handshake, and without any connection before giving up.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 3.0
OPEN_SECONDS = 10.0
GIVE_UP_SECONDS = 60.0
# A frame carries at most 128 KB of log, six times that when all of it is escaped.
FRAME_MAX = 2 * 1024 * 1024


class Stream:
    """One socket with its position; iterate to get its frames until `close`, or the log's end.

    Raises (from the iteration):
        Refused: the server closed it because of who asks or what was asked for.
        ServerUnreachable: no connection for a minute.
    """

    def __init__(self, client: PowernodeClient, path: str, query: dict[str, str]) -> None:
        self._client = client
        self._path = path
        self._query = query
        self._closed = threading.Event()
        self._connection: ClientConnection | None = None
        self._lock = threading.Lock()
        self.position: int | None = None

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed.set()
        with self._lock:
            connection = self._connection
        if connection is not None:
            connection.close()

    def __iter__(self) -> Iterator[Frame]:
        pause, alive = FIRST_PAUSE, time.monotonic()
        while not self._closed.is_set():
            try:
                for frame in self._frames():
                    pause, alive = FIRST_PAUSE, time.monotonic()
                    yield frame
                    if frame["type"] == "complete":
                        return
            except (OSError, InvalidHandshake, ConnectionClosed) as error:
                reason = str(error)
                if isinstance(error, InvalidStatus) and error.response.status_code in {401, 403}:
                    raise Refused(error.response.status_code, {"detail": reason}) from error
            else:
                reason = "the server closes it"
            if time.monotonic() - alive > GIVE_UP_SECONDS:
                raise ServerUnreachable(f"The live stream is gone: {reason}.")
            self._closed.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _frames(self) -> Iterator[Frame]:
        with self._connected() as connection:
            with self._lock:
                self._connection = connection
            if self._closed.is_set():
                return
            for message in connection:
                frame = _decoded(message)
                self._advance(frame)
                yield frame

    def _connected(self) -> ClientConnection:
        query = dict(self._query)
        if self.position is not None:
            query["after"] = str(self.position)
        address = self._client.url.replace("http", "ws", 1) + self._path
        return connect(
            f"{address}?{urlencode(query)}",
            additional_headers={"Authorization": f"Bearer {self._client.token}"},
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            max_size=FRAME_MAX,
            proxy=None if self._client.is_loopback else True,
        )

    def _advance(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "error":
            raise Refused(403, {"code": frame.get("code", ""), "detail": frame.get("detail", "")})
        if kind == "log":
            self.position = int(frame["next_offset"])
        elif kind == "reset":
            self.position = 0
        elif isinstance(frame.get("seq"), int):
            self.position = frame["seq"]


def run_events(client: PowernodeClient, run_id: str) -> Stream:
    """Everything that happens in a run, from its first message on."""
    return Stream(client, "/ws/devops/pipelines", {"run": run_id, "after": "0"})


def account_events(client: PowernodeClient) -> Stream:
    """What happens to the account's runs from now on; the first frame says that it listens."""
    return Stream(client, "/ws/devops/pipelines", {})


def step_log(client: PowernodeClient, run_id: str, step_execution_id: str) -> Stream:
    """The log of one attempt from its first byte until it is complete."""
    return Stream(client, f"/ws/runs/{run_id}/logs", {"step_execution_id": step_execution_id})


def _decoded(message: str | bytes) -> Frame:
    try:
        frame = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ServerUnreachable("The live stream sends something else than JSON.") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise ServerUnreachable("The live stream sends frames without a type.")
    return frame
