"""The future in pure Python: results, callbacks, and waiting in asyncio's loops."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from raban.errors import IllegalStateError, KafkaError, KafkaTimeoutError
from raban.future import Future, log_callback_error


def test_a_result_is_set_once() -> None:
    future: Future[int] = Future()
    assert (future.is_done, future.value, future.exception) == (False, None, None)
    assert not (future.succeeded() or future.failed() or future.retriable())
    assert future.success(1) is future
    assert future.succeeded() and not future.failed() and future.value == 1
    with pytest.raises(IllegalStateError, match="has its result already"):
        future.success(2)
    with pytest.raises(IllegalStateError, match="has its result already"):
        future.failure(KafkaError)
    assert future.succeeded() and future.value == 1


def test_a_failure_is_an_exception_or_its_class() -> None:
    error = KafkaError("x")
    assert Future().failure(error).exception is error
    by_class = Future[int]().failure(KafkaTimeoutError)
    assert by_class.failed() and isinstance(by_class.exception, KafkaTimeoutError)
    assert by_class.retriable() and not Future().failure(error).retriable()
    with pytest.raises(TypeError, match="takes an exception or its class, not 'x'"):
        Future().failure("x")  # type: ignore[arg-type]


@pytest.mark.parametrize("early", [True, False])
def test_callbacks_are_called_with_their_arguments(early: bool) -> None:
    called: list[Any] = []

    def note(*args: Any, **kwargs: Any) -> None:
        called.append((args, kwargs))

    def add(future: Future[int]) -> None:
        same = future.add_callback(note, "c", x=1).add_errback(note, "e").add_both(note)
        assert same is future

    error = KafkaError("x")
    results: list[int | KafkaError] = [7, error]
    for result in results:
        future: Future[int] = Future()
        if early:
            add(future)
        if isinstance(result, int):
            future.success(result)
        else:
            future.failure(result)
        if not early:
            add(future)
    assert called == [
        (("c", 7), {"x": 1}),
        ((7,), {}),
        (("e", error), {}),
        ((error,), {}),
    ]


def test_a_chained_future_has_the_same_result() -> None:
    first, second = Future[int](), Future[int]()
    assert first.chain(second) is first
    first.success(1)
    assert second.value == 1
    error = KafkaError("x")
    assert Future[int]().failure(error).chain(third := Future[int]()) and third.exception is error


@pytest.mark.parametrize("early", [True, False])
def test_a_callbacks_exception_is_logged_and_harmless(
    early: bool, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[int] = []
    future: Future[int] = Future()

    def bad(_: int) -> None:
        raise ZeroDivisionError("in the callback")

    if early:
        future.add_callback(bad).add_callback(called.append)
    future.success(1)
    if not early:
        future.add_callback(bad).add_callback(called.append)
    assert called == [1] and future.succeeded()
    (record,) = caplog.records
    assert record.name == "raban.future" and record.levelno == logging.ERROR
    assert "a callback raised ZeroDivisionError" in record.getMessage()
    assert record.exc_info and str(record.exc_info[1]) == "in the callback"


def test_a_callbacks_exception_is_raised_on_request() -> None:
    class Strict(Future[int]):
        error_on_callbacks = True

    def bad(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Strict().add_callback(bad).success(1)
    with pytest.raises(ZeroDivisionError):
        Strict().failure(KafkaError).add_errback(bad)


def test_native_code_logs_what_a_callback_raised(caplog: pytest.LogCaptureFixture) -> None:
    log_callback_error(KeyError("k"))
    assert caplog.records[0].name == "raban.future" and "KeyError" in caplog.text


def test_each_callback_is_called_once_whoever_adds_it() -> None:
    for _ in range(50):
        future, called = Future[int](), list[int]()
        start = threading.Barrier(3)

        def add(future: Future[int] = future, called: list[int] = called) -> None:
            start.wait()
            for _ in range(20):
                future.add_both(called.append)

        threads = [threading.Thread(target=add) for _ in range(2)]
        for thread in threads:
            thread.start()
        start.wait()
        future.success(1)
        for thread in threads:
            thread.join()
        assert called == [1] * 40


def test_another_class_can_be_a_future() -> None:
    class Native:
        pass

    assert not isinstance(Native(), Future)
    Future.register(Native)
    assert isinstance(Native(), Future) and issubclass(Native, Future)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], Any]]:
    """Runs a coroutine in a new loop."""
    factory = None
    if request.param == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner.run


async def value_of(future: Future[Any]) -> Any:
    return await future


def test_a_result_that_is_there_is_not_waited_for(run: Callable[[Any], Any]) -> None:
    assert run(value_of(Future[int]().success(1))) == 1
    error = KafkaError("x")
    with pytest.raises(KafkaError) as raised:
        run(value_of(Future().failure(error)))
    assert raised.value is error


@pytest.mark.parametrize("fails", [False, True])
def test_another_thread_ends_the_waiting(run: Callable[[Any], Any], fails: bool) -> None:
    future: Future[int] = Future()

    async def wait() -> int:
        waiting = asyncio.create_task(value_of(future))
        await asyncio.sleep(0)  # It has registered itself now.
        end = (lambda: future.failure(KafkaError("x"))) if fails else (lambda: future.success(3))
        thread = threading.Thread(target=end)
        thread.start()
        try:
            return await waiting  # type: ignore[no-any-return]
        finally:
            thread.join()

    if fails:
        with pytest.raises(KafkaError, match="x"):
            run(wait())
    else:
        assert run(wait()) == 3


def test_many_wait_and_gather(run: Callable[[Any], Any]) -> None:
    futures = [Future[int]() for _ in range(50)]

    async def wait() -> list[int]:
        waiting = asyncio.gather(*map(value_of, [*futures, *futures]))
        await asyncio.sleep(0)
        for number, future in enumerate(futures):
            future.success(number)
        return await waiting

    assert run(wait()) == [*range(50), *range(50)]


def test_cancelling_the_waiting_task_leaves_the_future(
    run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    future: Future[int] = Future()

    async def wait() -> int:
        waiting = asyncio.create_task(value_of(future))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not future.is_done
        future.success(1)
        return await future

    assert run(wait()) == 1
    assert not caplog.records


def test_in_a_closed_loop_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    future: Future[int] = Future()

    async def leave() -> None:
        waiting = asyncio.create_task(value_of(future))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave())
    assert future.success(1).succeeded()
    assert not caplog.records


def test_an_awaited_error_leaves_no_cycle() -> None:
    class Marked(KafkaError):
        pass

    async def catch() -> weakref.ref[Marked]:
        future: Future[int] = Future[int]().failure(Marked("x"))
        reference = weakref.ref(future)
        try:
            await future
        except Marked:
            pass
        del future
        return reference  # type: ignore[return-value]

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(catch())() is None
    finally:
        gc.enable()
