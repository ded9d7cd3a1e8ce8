"""What becomes of producers when the interpreter exits, and in forked children."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from typing import Protocol

from raban import _raban

log = logging.getLogger("raban")


class Closeable(Protocol):
    """A producer that can be closed without a loop."""

    def _close_at_exit(self) -> None: ...


_open: weakref.WeakSet[Closeable] = weakref.WeakSet()


def opened(producer: Closeable) -> None:
    """Has the producer closed at the interpreter's exit, unless it is gone or closed by then."""
    _open.add(producer)


def closed(producer: Closeable) -> None:
    """There is nothing left to close."""
    _open.discard(producer)


def _at_exit() -> None:
    for producer in list(_open):
        try:
            producer._close_at_exit()
        except KeyboardInterrupt:
            log.warning("interrupted at exit: records that were still under way may be lost")
            break
        except Exception:
            log.exception("a producer couldn't be closed at exit")
    else:
        _raban._settle()
    _raban._end()


def _in_child() -> None:
    _raban._forked()
    _open.clear()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
