"""What the programs share whose client is an asyncio one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import uvloop

from load import Share, Told, Workload, measure


class AsyncClient(Protocol):
    """A producer under load, on an event loop."""

    told: Told

    async def send(self, share: Share) -> int:
        """Sends a share and returns how many records were confirmed; called by a task a share."""

    async def close(self) -> None: ...


def run(connect: Callable[[Workload], Coroutine[Any, Any, AsyncClient]]) -> None:
    """Runs the workload of the command line, with the best-known settings on uvloop."""
    work = Workload.parse()
    loop = uvloop.new_event_loop if work.best else None
    with asyncio.Runner(loop_factory=loop) as runner:
        client = runner.run(connect(work))
        told = client.told | {"loop": "uvloop"} if work.best else client.told
        measure(work, told, lambda shares: runner.run(_together(client, shares)))
        runner.run(client.close())


async def _together(client: AsyncClient, shares: list[Share]) -> int:
    return sum(await asyncio.gather(*map(client.send, shares)))
