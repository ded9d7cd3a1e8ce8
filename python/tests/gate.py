"""A listener between clients and the embedded broker that holds frames back on demand."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType

PRODUCE = 0
"""The API key of the requests that carry records."""


class Gate:
    """Passes frames on, both ways; `bootstrap_servers` is its address.

    While the broker tells clients its own address, they read the gate's. What is held passes once
    it is let go, in its order.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        host, port = bootstrap_servers.rsplit(":", 1)
        self._broker = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        own = self._listener.getsockname()[1]
        self.bootstrap_servers = f"127.0.0.1:{own}"
        # As it stands in answers to Metadata requests: of the same length, so it can be replaced.
        self._theirs = host.encode() + struct.pack(">i", int(port))
        self._ours = b"127.0.0.1" + struct.pack(">i", own)
        self._changed = threading.Condition()
        self._holds_requests = False
        self._holds_answers = False
        self._open = True
        self._produced = 0
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def hold_requests(self) -> None:
        """Lets no Produce request reach the broker."""
        with self._changed:
            self._holds_requests = True

    def hold_answers(self) -> None:
        """Lets requests pass, and no answers: what becomes of records is in doubt."""
        with self._changed:
            self._holds_answers = True

    def let_go(self) -> None:
        """Lets everything pass."""
        with self._changed:
            self._holds_requests = self._holds_answers = False
            self._changed.notify_all()

    def wait_for_produce(self, count: int = 1) -> None:
        """Returns when so many Produce requests have come here since the beginning."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._produced >= count, timeout=60)
        assert arrived, f"{self._produced} of {count} Produce requests came"

    def close(self) -> None:
        """Cuts all connections, and takes no more: the broker is gone."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        # What waits in accept() isn't woken by close() alone.
        for end in [self._listener, *self._sockets]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                broker = socket.create_connection(self._broker)
            except OSError:
                return
            with self._changed:
                if not self._open:
                    client.close()
                    broker.close()
                    return
                self._sockets += [client, broker]
                for work in (self._requests, self._answers):
                    thread = threading.Thread(target=work, args=(client, broker), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        while (frame := _frame(client)) is not None:
            produce = struct.unpack_from(">h", frame, 4)[0] == PRODUCE
            with self._changed:
                if produce:
                    self._produced += 1
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: not (self._holds_requests and self._open))
            if not _pass_on(broker, frame):
                break
        _end(broker)

    def _answers(self, client: socket.socket, broker: socket.socket) -> None:
        while (frame := _frame(broker)) is not None:
            with self._changed:
                self._changed.wait_for(lambda: not (self._holds_answers and self._open))
            if not _pass_on(client, frame.replace(self._theirs, self._ours)):
                break
        _end(client)


def _frame(end: socket.socket) -> bytes | None:
    """The next frame with its length before it; None at the end."""
    length = _exactly(end, 4)
    if length is None:
        return None
    rest = _exactly(end, struct.unpack(">i", length)[0])
    return None if rest is None else length + rest


def _exactly(end: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = end.recv(count - len(parts))
        except OSError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)


def _pass_on(end: socket.socket, frame: bytes) -> bool:
    try:
        end.sendall(frame)
    except OSError:
        return False
    return True


def _end(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
