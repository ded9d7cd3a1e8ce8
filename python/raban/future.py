"""`Future`: a result that comes later, with callbacks, as in kafka-python.

What `send` returns is made by the native module and is a `Future` to `isinstance`. The class here
is for programs that make their own; besides, the module has what the native one needs of Python.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from abc import ABCMeta
from collections.abc import Callable, Generator
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from raban.errors import IllegalStateError, RetriableError

T = TypeVar("T")

log = logging.getLogger(__name__)


class Future(Generic[T], metaclass=ABCMeta):
    """A result that some thread sets once, by `success` or `failure`. Thread-safe.

    Callbacks are called by the thread that sets the result, or at once if it is there already. An
    exception in one is logged, and the others are called all the same.
    """

    error_on_callbacks: ClassVar[bool] = False
    """Whether a callback's exception is also raised where the result is set; for tests."""

    def __init__(self) -> None:
        self.is_done = False
        """Whether there is a result."""
        self.value: T | None = None
        """The result after a success."""
        self.exception: BaseException | None = None
        """The error after a failure."""
        self._callbacks: list[Callable[[T], object]] = []
        self._errbacks: list[Callable[[BaseException], object]] = []
        self._lock = threading.Lock()

    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.is_done and self.exception is None

    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.is_done and self.exception is not None

    def retriable(self) -> bool:
        """Whether it ended with an error after which the same call may succeed."""
        return self.is_done and isinstance(self.exception, RetriableError)

    def success(self, value: T) -> Self:
        """Sets the result. `IllegalStateError` if there is one already."""
        with self._lock:
            self._must_be_open()
            self.value = value
            self.is_done = True
            callbacks = self._callbacks
            self._forget_callbacks()
        for callback in callbacks:
            self._call(callback, value)
        return self

    def failure(self, e: BaseException | type[BaseException]) -> Self:
        """Sets the error, an exception or its class.

        `TypeError` for anything else, `IllegalStateError` if there is a result already.
        """
        exception = e() if isinstance(e, type) else e
        if not isinstance(exception, BaseException):
            raise TypeError(f"failure() takes an exception or its class, not {exception!r}")
        with self._lock:
            self._must_be_open()
            self.exception = exception
            self.is_done = True
            errbacks = self._errbacks
            self._forget_callbacks()
        for errback in errbacks:
            self._call(errback, exception)
        return self

    def add_callback(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Has `f(*args, value, **kwargs)` called after a success."""
        f = functools.partial(f, *args, **kwargs) if args or kwargs else f
        with self._lock:
            if not self.is_done:
                self._callbacks.append(f)
                return self
        if self.exception is None:
            self._call(f, self.value)
        return self

    def add_errback(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Has `f(*args, exception, **kwargs)` called after a failure."""
        f = functools.partial(f, *args, **kwargs) if args or kwargs else f
        with self._lock:
            if not self.is_done:
                self._errbacks.append(f)
                return self
        if self.exception is not None:
            self._call(f, self.exception)
        return self

    def add_both(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Has `f` called with the value or the exception."""
        self.add_callback(f, *args, **kwargs)
        return self.add_errback(f, *args, **kwargs)

    def chain(self, future: Future[T]) -> Self:
        """Gives `future` the same result."""
        self.add_callback(future.success)
        return self.add_errback(future.failure)

    def __await__(self) -> Generator[Any, None, T]:
        """Waits in an asyncio loop; gives the value or raises the exception."""
        return await_native(self)

    def _must_be_open(self) -> None:
        if self.is_done:
            raise IllegalStateError(
                "the future has its result already; set it once, by success() or failure()"
            )

    def _forget_callbacks(self) -> None:
        # They often refer to what the future belongs to: a cycle.
        self._callbacks = []
        self._errbacks = []

    def _call(self, f: Callable[..., object], result: object) -> None:
        try:
            f(result)
        except Exception as error:
            log_callback_error(error)
            if self.error_on_callbacks:
                raise


def log_callback_error(error: BaseException) -> None:
    """Logs what a callback raised, with its traceback."""
    log.error(
        "a callback raised %s; it is ignored, and the others are called",
        type(error).__name__,
        exc_info=error,
    )


class Awaited(Protocol):
    """What `await_native` needs of a future."""

    @property
    def is_done(self) -> bool: ...
    @property
    def value(self) -> Any: ...
    @property
    def exception(self) -> BaseException | None: ...
    def add_both(self, f: Callable[[Any], object], /) -> object: ...


def await_native(future: Awaited) -> Generator[Any, None, Any]:
    """Waits for a future that another thread completes, in the running asyncio loop.

    For `__await__`: gives the value or raises the exception. Who cancels the waiting task doesn't
    touch the future.
    """
    if not future.is_done:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        future.add_both(functools.partial(_wake, loop, waiter))
        yield from waiter
    exception = future.exception
    if exception is None:
        return future.value
    try:
        raise exception
    finally:
        # The traceback has this frame, and the frame the exception: a cycle.
        del exception, future


def _wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None], _result: object) -> None:
    try:
        loop.call_soon_threadsafe(_settle, waiter)
    except RuntimeError:
        # The loop is closed, so nobody waits any more.
        if not loop.is_closed():
            raise


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
