"""A listener between clients and the embedded broker that holds frames back on demand."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType

PRODUCE, METADATA = 0, 3
"""API keys, which requests begin with."""


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
        self._holds_request: Callable[[int], bool] = _none
        self._holds_answers = False
        self._waiting = 0
        self._seen: Counter[int] = Counter()
        self._open = True
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def hold_requests(self, *api_keys: int) -> None:
        """Lets no such requests reach the broker, nor any behind them; of no keys, none at all."""
        with self._changed:
            self._holds_request = lambda api_key: not api_keys or api_key in api_keys

    def hold_answers(self) -> None:
        """Lets Produce requests pass, and no answers to them: their records are in doubt."""
        with self._changed:
            self._holds_answers = True

    def wait_until_held(self) -> None:
        """Returns when there is something that is held."""
        with self._changed:
            held = self._changed.wait_for(lambda: self._waiting > 0, timeout=60)
        assert held, "nothing came that could be held"

    def wait_for(self, api_key: int, count: int) -> None:
        """Returns when so many such requests have come since the beginning."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._seen[api_key] >= count, timeout=60)
        assert came, f"{self._seen[api_key]} of {count} requests came"

    def let_go(self) -> None:
        """Lets everything pass."""
        with self._changed:
            self._holds_request = _none
            self._holds_answers = False
            self._changed.notify_all()

    def _wait_while(self, holds: Callable[[], bool]) -> None:
        if not holds():
            return
        self._waiting += 1
        self._changed.notify_all()
        self._changed.wait_for(lambda: not (holds() and self._open))
        self._waiting -= 1

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
                produce: set[bytes] = set()
                for work in (self._requests, self._answers):
                    arguments = (client, broker, produce)
                    thread = threading.Thread(target=work, args=arguments, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _requests(
        self, client: socket.socket, broker: socket.socket, produce: set[bytes]
    ) -> None:
        while (frame := _frame(client)) is not None:
            api_key = struct.unpack_from(">h", frame, 4)[0]
            with self._changed:
                if api_key == PRODUCE:
                    # By the correlation id the answer is known.
                    produce.add(frame[8:12])
                self._seen[api_key] += 1
                self._changed.notify_all()
                self._wait_while(lambda: self._holds_request(api_key))
                # What was held when the connection was cut is lost.
                passes = self._open
            if not (passes and _pass_on(broker, frame)):
                break
        _end(broker)

    def _answers(
        self, client: socket.socket, broker: socket.socket, produce: set[bytes]
    ) -> None:
        while (frame := _frame(broker)) is not None:
            with self._changed:
                if frame[4:8] in produce:
                    self._wait_while(lambda: self._holds_answers)
            if not _pass_on(client, frame.replace(self._theirs, self._ours)):
                break
        _end(client)


def _none(api_key: int) -> bool:
    return False


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
