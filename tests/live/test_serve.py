"""The page over HTTP: who gets it, what it is then, and how often it is made."""

from __future__ import annotations

import http.client
import socket

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as older

from streamavg.errors import InputError
from streamavg.live.figures import Reader
from streamavg.live.serve import OPEN_METRICS, PLAIN, Scraped, Serve
from tests.live import samples


@pytest.fixture
def serve():
    made = Serve("127.0.0.1:0", Reader())
    yield made
    made.close()


def asked(serve: Serve, path: str = "/metrics", method: str = "GET", **fields: str) -> tuple[int, str, str]:
    client = http.client.HTTPConnection(serve.address.host, serve.address.port, timeout=30)
    client.request(method, path, headers=fields)
    answer = client.getresponse()
    body = answer.read().decode()
    client.close()
    return answer.status, answer.getheader("Content-Type"), body


def test_a_scraper_gets_the_newest_moment(serve):
    assert asked(serve)[0] == 503
    serve.see(samples.moment(2))
    status, kind, body = asked(serve, Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert (status, kind) == (200, OPEN_METRICS)
    assert {"streamavg_f1_macro", "streamavg_tp"} <= {family.name for family in open_metrics(body)}
    status, kind, body = asked(serve, "/metrics?name=x", Accept="*/*")
    assert (status, kind) == (200, PLAIN)
    assert "streamavg_state_rows 1000.0\n" in body
    assert list(older(body))


def test_the_moment_that_started_the_run_is_zero(serve):
    serve.see(samples.moment(2))
    serve.see(samples.moment(4, closed=2))
    serve.see(samples.moment(5, closed=1))
    body = asked(serve)[2]
    assert "streamavg_rows_total 1500.0\n" in body
    assert "streamavg_windows_closed_total 3.0\n" in body


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 200),
        ("/metrics", "HEAD", 200),
        ("/nothing", "GET", 404),
        ("/metrics/", "GET", 404),
        ("/../etc/passwd", "GET", 404),
        ("/metrics", "POST", 405),
        ("/metrics", "DELETE", 405),
    ],
)
def test_what_may_be_asked(serve, path, method, status):
    serve.see(samples.moment(1))
    found, _, body = asked(serve, path, method)
    assert found == status
    assert (method == "HEAD") == (body == "")
    assert "root:" not in body


def test_a_name_that_was_made_to_lead_here_gets_nothing(serve):
    serve.see(samples.moment(1))
    assert asked(serve, Host="evil.example")[0] == 403
    assert asked(serve, Host=f"localhost:{serve.address.port}")[0] == 200


@pytest.mark.parametrize("request_", [b"nonsense", b"GET /metrics", b"GET / X SPDY/3", b"\xff"])
def test_what_is_no_http_is_told_so(serve, request_):
    with socket.create_connection(serve.address, timeout=30) as client:
        client.sendall(request_ + b"\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_another_version_of_http(serve):
    with socket.create_connection(serve.address, timeout=30) as client:
        client.sendall(b"GET / HTTP/3\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 505 ")


def test_two_cannot_serve_at_one_port(serve):
    with pytest.raises(InputError, match="name another port"):
        Serve(str(serve.address), Reader())


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client.core", None)
    with pytest.raises(InputError, match=r"streamavg\[metrics\]"):
        Serve("127.0.0.1:0", Reader())


class Counting:
    """A page that takes its time to make, and counts how often it is."""

    def __init__(self, clock: list[float], takes: float) -> None:
        self.clock, self.takes, self.made = clock, takes, 0

    def texts(self, moment, closed, window) -> tuple[bytes, bytes]:
        self.made += 1
        self.clock[0] += self.takes
        return str(moment.sequence).encode(), b""


def test_a_moment_is_made_into_text_once():
    clock = [0.0]
    page = Counting(clock, 0.0)
    scraped = Scraped(page, clock=lambda: clock[0])
    for sequence in range(3):
        scraped.see(samples.moment(0, sequence=sequence))
        for _ in range(5):
            assert scraped.text(PLAIN) == str(sequence).encode()
    assert page.made == 3


def test_making_pages_takes_no_more_than_its_share():
    clock = [0.0]
    page = Counting(clock, 2.0)
    scraped = Scraped(page, clock=lambda: clock[0])
    while clock[0] < 200:
        scraped.see(samples.moment(0, sequence=int(clock[0])))
        scraped.text(PLAIN)
        clock[0] += 0.1
    assert page.made * 2.0 <= 0.21 * clock[0]
    assert page.made >= 15
