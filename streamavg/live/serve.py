"""Serve: the newest moment for Prometheus to scrape.

The counting loop only leaves a moment here. The page is made on the thread of the clients when one asks for it, at most
once a moment and for at most a fifth of the time.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from streamavg.live.address import Address
from streamavg.live.clients import Clients
from streamavg.live.page import Page, metrics_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.live.figures import Reader
    from streamavg.live.moment import Moment, Window

SHARE = 0.2  # of the time, for making pages
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Serve:
    """An observer that answers GET /metrics at an address; a context that ends with `close`.

    The first moment is taken for the start of the run, from which counters count. signed: rows can be taken away.
    labels: how many have series of their own. Raises InputError if the address cannot be had.
    """

    least = 1.0

    def __init__(self, address: str, reader: Reader, signed: bool = False, labels: int = 100) -> None:
        metrics_client()
        wanted = Address.of(address)
        listening = wanted.listening()
        self.address = wanted._replace(port=listening.getsockname()[1])
        self._make = partial(Page, reader=reader, signed=signed, labels=labels)
        self._scraped: Scraped | None = None
        self._clients = Clients(listening, self._answer)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self.address}/metrics"

    def see(self, moment: Moment) -> None:
        """Show this from now on."""
        if self._scraped is None:
            self._scraped = Scraped(self._make(moment))
        self._scraped.see(moment)

    def close(self) -> None:
        """Answer nobody any more."""
        self._clients.close()

    def _answer(self, head: bytes) -> bytes:
        """The response to a request."""
        try:
            first, *fields = head.decode("latin-1").split("\r\n")
            method, target, version = first.split(" ")
        except ValueError:
            return response("400 Bad Request", "not a request of HTTP")
        named = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        path = target.partition("?")[0]
        if not version.startswith("HTTP/1."):
            return response("505 HTTP Version Not Supported", "HTTP/1.1, please")
        if not self.address.is_meant(named.get("host")):
            return response("403 Forbidden", "this page is for clients on this machine; ask for it by its IP address")
        if method not in ("GET", "HEAD"):
            return response("405 Method Not Allowed", "GET or HEAD, please", fields="Allow: GET, HEAD\r\n")
        if path not in ("/", "/metrics"):
            return response("404 Not Found", "metrics are at /metrics")
        if path == "/":
            return response("200 OK", "streamavg: metrics are at /metrics", has_body=method == "GET")
        kind = OPEN_METRICS if "application/openmetrics-text" in named.get("accept", "") else PLAIN
        if self._scraped is None:
            return response("503 Service Unavailable", "nothing was read yet", fields="Retry-After: 1\r\n")
        return response("200 OK", self._scraped.text(kind), kind, has_body=method == "GET")


def response(status: str, body: str | bytes, kind: str = PLAIN, *, fields: str = "", has_body: bool = True) -> bytes:
    """A whole HTTP response; a body of text is one line."""
    raw = f"{body}\n".encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n{fields}"
    head += "Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    return head.encode("latin-1") + (raw if has_body else b"")


class Scraped:
    """The newest moment as text, made when it is asked for; an older text serves while it is too early for another."""

    def __init__(self, page: Page, clock: Callable[[], float] = time.monotonic) -> None:
        self._page, self._clock = page, clock
        self._newest: tuple[Moment, int, Window | None] | None = None
        self._made: dict[str, bytes] = {}
        self._made_of: object = None
        self._next = float("-inf")

    def see(self, moment: Moment) -> None:
        """Leave a moment; the swap is atomic, for the thread that reads it never waits nor makes this one wait."""
        closed, window = self._newest[1:] if self._newest else (0, None)
        last = moment.closed[-1] if moment.closed else window
        self._newest = (moment, closed + len(moment.closed), last)

    def text(self, kind: str) -> bytes:
        """The page, in OpenMetrics or in the older text of Prometheus."""
        newest = self._newest
        assert newest is not None
        if newest is not self._made_of and self._clock() >= self._next:
            started = self._clock()
            self._made = {PLAIN: (made := self._page.texts(*newest))[0], OPEN_METRICS: made[1]}
            self._made_of = newest
            ended = self._clock()
            self._next = ended + (ended - started) * (1 - SHARE) / SHARE
        return self._made[kind]
