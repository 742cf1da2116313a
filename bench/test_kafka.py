"""A topic of a real broker: what following it costs beside a bare loop that consumes and decodes the same messages."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from bench import data
from streamavg.accumulator import Accumulator
from streamavg.following import Following
from streamavg.sources.broker import _DEFAULTS
from streamavg.sources.feed import Opening
from streamavg.sources.kafka import MOST, WAIT, KafkaFeed
from streamavg.sources.rejects import Rejects
from tests.sources.brokers import real_broker, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGES = max(data.ROWS // 100, 2000)
PARTITIONS, ROUNDS = 2, 3 if data.ROWS >= 1_000_000 else 1
SCHEMA = pa.schema([("y_true", pa.string()), ("y_pred", pa.string())])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A broker with a topic of messages of four fields, 71 bytes each."""
    true, pred = data.codes(100, True, MESSAGES)
    with real_broker() as address:
        admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
        admin.create_topics([NewTopic("t", PARTITIONS, 1)])["t"].result(30)
        producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "log_level": 0})
        values = [
            json.dumps({"id": row, "y_true": f"label{t}", "y_pred": f"label{p}", "model": "m1"}).encode()
            for row, (t, p) in enumerate(zip(true.tolist(), pred.tolist(), strict=True))
        ]
        for partition in range(PARTITIONS):
            send(producer, "t", values[partition::PARTITIONS], partition)
        yield address


def bare(server: str) -> int:
    """Consume and decode, and nothing else; the rows."""
    consumer = Consumer({**_DEFAULTS, "bootstrap.servers": server})
    consumer.assign([TopicPartition("t", partition, 0) for partition in range(PARTITIONS)])
    rows = 0
    while rows < MESSAGES:
        messages: list[Any] = consumer.consume(MOST, WAIT)
        values = [message.value() for message in messages if message.error() is None]
        if values:
            block = b"\n".join(values)
            options = pj.ParseOptions(SCHEMA, unexpected_field_behavior="ignore")
            read = pj.ReadOptions(use_threads=False, block_size=len(block) + 1)
            rows += pj.read_json(pa.BufferReader(block), read, options).num_rows
    consumer.close()
    return rows


class Enough:
    """Asks a loop to stop once all messages are counted."""

    loop: Following

    def is_set(self) -> bool:
        """Whether they are."""
        return self.loop.records >= MESSAGES


def followed(server: str) -> int:
    """Follow the topic: counted, with positions and run counters; the rows."""
    accumulator, rejects, stop = Accumulator(), Rejects(), Enough()
    feed = KafkaFeed(f"kafka://{server}/t", Opening(accumulator._options.columns_of))
    stop.loop = Following(feed, accumulator, rejects, stop)
    stop.loop.keep()
    feed.close()
    return accumulator.snapshot().rows


def test_following_costs_little_beside_consuming(server: str, report: Callable[[str], None]) -> None:
    """The ratio is to be at most 1.4."""
    took: dict[Callable[[str], int], list[tuple[float, float]]] = {bare: [], followed: []}
    for number in range(1 + ROUNDS):
        for work, times in took.items():
            wall, cpu = time.perf_counter(), time.process_time()
            assert work(server) == MESSAGES
            if number:  # the first round warms up
                times.append((time.perf_counter() - wall, time.process_time() - cpu))
    ours: Any = np.median(took[followed], axis=0)
    theirs: Any = np.median(took[bare], axis=0)
    rates = f"bare loop {MESSAGES / theirs[0]:,.0f}/s, streamavg {MESSAGES / ours[0]:,.0f}/s"
    report(
        f"Kafka, {MESSAGES:,} messages: {rates}; "
        f"{ours[0] / theirs[0]:.2f} times the time, {ours[1] / theirs[1]:.2f} times the processor time"
    )
