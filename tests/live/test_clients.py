"""Clients that are slow, stuck, many or rude."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from streamavg.live import clients
from streamavg.live.address import Address
from streamavg.live.clients import Clients

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def served():
    listening = Address.of("127.0.0.1:0").listening()
    port = listening.getsockname()[1]
    server = Clients(listening, lambda head: ANSWER if head.startswith(b"GET") else b"x" * (1 << 24))
    yield port
    server.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def asked(port: int, request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> bytes:
    with connected(port) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_request_is_answered(served):
    assert asked(served) == ANSWER
    assert asked(served, b"GET / HTTP/1.1\r\nX: " + b"y" * 10_000 + b"\r\n\r\n and more") == ANSWER


def test_three_hundred_silent_clients_stall_nobody(served, monkeypatch):
    monkeypatch.setattr(clients, "ASKING", 3600.0)
    held = []
    try:
        for _ in range(300):
            client = connected(served)
            client.sendall(b"GET / HT")  # slowloris: a request that never ends
            held.append(client)
        assert asked(served) == ANSWER
        for client in held[:200]:  # no more than 100 may still be there, the newest
            with suppress(ConnectionError):
                assert client.recv(1) == b""
    finally:
        for client in held:
            client.close()


def test_a_client_that_does_not_read_stalls_nobody(served):
    with connected(served) as stuck:
        stuck.sendall(b"BIG / HTTP/1.1\r\n\r\n")
        for _ in range(5):
            assert asked(served) == ANSWER


def test_a_client_that_drips_is_cut_off_however_often_it_writes(monkeypatch):
    monkeypatch.setattr(clients, "ASKING", 0.3)
    listening = Address.of("127.0.0.1:0").listening()
    server = Clients(listening, lambda head: ANSWER)
    stop = threading.Event()
    with connected(listening.getsockname()[1]) as client:

        def drip() -> None:
            while not stop.wait(0.02):
                try:
                    client.send(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        with suppress(ConnectionResetError):
            assert client.recv(10) == b""
        stop.set()
        thread.join(10)
    server.close()


@pytest.mark.parametrize("request_", [b"", b"\x00" * 100_000, b"x" * 1_000_000, b"GET / HTTP/1.1\r\n"], ids=len)
def test_what_is_no_request_is_cut_off(served, request_):
    with connected(served) as client, suppress(OSError):  # reset, or broken, or no longer connected
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""
    assert asked(served) == ANSWER


def test_closing_does_not_wait_for_clients():
    listening = Address.of("127.0.0.1:0").listening()
    server = Clients(listening, lambda head: ANSWER)
    with connected(listening.getsockname()[1]) as client:
        client.sendall(b"GET")
        server.close()
        assert not server._thread.is_alive()
        server.close()
