"""Where to listen, and who is meant."""

from __future__ import annotations

import socket

import pytest

from streamavg.errors import InputError
from streamavg.live.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464, "127.0.0.1:9464"),
        ("9464", "127.0.0.1", 9464, "127.0.0.1:9464"),
        (":9464", "127.0.0.1", 9464, "127.0.0.1:9464"),
        ("0.0.0.0:80", "0.0.0.0", 80, "0.0.0.0:80"),
        ("[::1]:0", "::1", 0, "[::1]:0"),
        ("localhost:1", "localhost", 1, "localhost:1"),
    ],
)
def test_addresses(text, host, port, shown):
    found = Address.of(text)
    assert (found.host, found.port, str(found)) == (host, port, shown)


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", "host:65536", "::1:9464", "1.2.3.4:-1", "a:1:2", "٣"])
def test_what_is_no_address(text):
    with pytest.raises(InputError, match="HOST:PORT"):
        Address.of(text)


def test_a_port_in_use_is_one_line_that_says_so():
    with Address.of("127.0.0.1:0").listening() as first:
        port = first.getsockname()[1]
        with pytest.raises(InputError, match="name another port") as found:
            Address.of(f"127.0.0.1:{port}").listening()
    assert "\n" not in str(found.value)


def test_a_host_that_is_not_ours_is_refused():
    with pytest.raises(InputError, match="cannot listen there"):
        Address.of("192.0.2.1:9464").listening()  # an address for documentation (RFC 5737)


def test_loopback_is_the_default_and_only_it_listens():
    with Address.of("0").listening() as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        assert listening.family == socket.AF_INET


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("127.0.0.1:9464", True),
        ("localhost:9464", True),
        ("LOCALHOST", True),
        ("[::1]:9464", True),
        ("127.1.2.3", True),
        (None, True),
        ("evil.example:9464", False),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
    ],
)
def test_on_loopback_only_names_of_loopback_are_meant(host, meant):
    assert Address.of("127.0.0.1:9464").is_meant(host) is meant
    assert Address.of("0.0.0.0:9464").is_meant(host)
