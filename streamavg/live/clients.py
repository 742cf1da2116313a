"""Clients: short HTTP requests answered on one thread, which slow, stuck and many clients cannot stall.

A client has 5 seconds to ask and 10 to take the answer; of more than 100 at once the oldest is cut off.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

MOST, LONGEST_HEAD = 100, 16_384
ASKING, TAKING = 5.0, 10.0  # seconds


class Clients:
    """Answers on a thread of its own until it is closed; `answer` makes a whole response of a request's head."""

    def __init__(self, listening: socket.socket, answer: Callable[[bytes], bytes]) -> None:
        self._socket, self._answer = listening, answer
        self._open: dict[asyncio.StreamWriter, None] = {}  # oldest first
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut off whoever is there."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(5.0)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._client, sock=self._socket, limit=LONGEST_HEAD)
        await self._end.wait()
        # a server of asyncio that is closed while it takes a connection on leaves that one open: first take no more
        self._loop.remove_reader(self._socket)
        await asyncio.sleep(0.001)
        while len(asyncio.all_tasks()) > 1:  # clients end by themselves when they are cut
            for writer in list(self._open):
                writer.transport.abort()
            await asyncio.sleep(0.001)
        server.close()
        await asyncio.sleep(0.001)  # for the last sockets to be closed

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        self._open[writer] = None
        try:
            async with asyncio.timeout(ASKING):
                head = await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(TAKING):
                writer.write(self._answer(head[:-4]))
                await writer.drain()
                writer.write_eof()
                await reader.read(LONGEST_HEAD)  # or closing could take the answer away from who still sends
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self._open.pop(writer, None)
            writer.close()
