"""A way to an Engine that a test cuts and mends."""

import contextlib
import socket
import threading
from pathlib import Path

_BLOCK = 65536


class Relay:
    """A unix socket that leads to another one while it is open."""

    def __init__(self, path: Path, target: str) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._target = target.removeprefix("unix://")
        self._open: set[socket.socket] = set()
        self._server: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Let connections through."""
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self._path))
        self._server.listen()
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        """End every connection; new ones are refused."""
        server, self._server = self._server, None
        if server is not None:
            # A thread that waits in accept() holds the socket open until it is shut down.
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            self._path.unlink()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._open |= {near, far}
                pair = [(near, far), (far, near)]
                threads = [threading.Thread(target=_pump, args=ends, daemon=True) for ends in pair]
                for thread in threads:
                    thread.start()
                threading.Thread(target=self._end, args=(pair[0], threads), daemon=True).start()

    def _end(self, ends: tuple[socket.socket, ...], threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join()
        self._open -= set(ends)
        for end in ends:
            end.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK):
            sink.sendall(block)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
