"""Address: where to listen, loopback unless told otherwise, and which requests are meant for it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import NamedTuple

from streamavg.errors import InputError

LOOPBACK = "127.0.0.1"


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    @staticmethod
    def of(text: str) -> Address:
        """HOST:PORT, [IPV6]:PORT, :PORT or PORT, the last two on loopback; InputError for anything else.

        >>> Address.of("9464")
        Address(host='127.0.0.1', port=9464)
        """
        host, _, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            port = ""  # an IPv6 address without brackets
        if not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise InputError(f"--serve {text}: it must be HOST:PORT or PORT, such as 127.0.0.1:9464 or [::1]:9464")
        return Address(host or LOOPBACK, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def listening(self) -> socket.socket:
        """A socket that listens here; InputError if that cannot be had."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            return socket.create_server(found[0][4][:2], family=found[0][0], backlog=100)
        except OSError as error:
            hint = "; is another run serving there? name another port" if error.errno == errno.EADDRINUSE else ""
            raise InputError(f"--serve {self}: cannot listen there ({error.strerror}){hint}") from None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can get here."""
        return _is_loopback(self.host)

    def is_meant(self, host: str | None) -> bool:
        """Whether a Host header names this place. On loopback only names of loopback do, against DNS rebinding."""
        if not self.is_loopback or host is None:
            return True
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return _is_loopback(name.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
