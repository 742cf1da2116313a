"""Broker: a topic of a Kafka cluster through librdkafka: its address, settings, and messages from any offset."""

from __future__ import annotations

import queue
import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEME = "kafka://"
ANSWER = 1.0  # seconds that one question may take, so that closing waits no longer
LOOK = 30.0  # seconds between looks for new partitions
AGAIN = 0.2  # seconds after a question that was not answered
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
# Positions live in the state file: nothing is ever committed, and an offset that is gone is an error, never a jump.
_OURS: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
}
_DEFAULTS: dict[str, Any] = {
    "group.id": "streamavg",  # librdkafka asks for one; it is never joined
    "client.id": "streamavg",
    "max.poll.interval.ms": 86_400_000,
    "fetch.queue.backoff.ms": 10,  # 1,000 by default, for which a full queue is left alone once it was emptied
    "log_level": 0,  # its own lines on standard error; what matters is told in ours
}


class Address(NamedTuple):
    """Where a topic is: its brokers as HOST:PORT with commas between them, and its name."""

    servers: str
    topic: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.servers}/{self.topic}"


class Found(NamedTuple):
    """What a cluster said: its id, and of each partition the first offset there is."""

    cluster: str
    starts: Mapping[int, int]


def address_of(url: str) -> Address:
    """The address that kafka://HOST:PORT[,HOST:PORT]/TOPIC names; InputError for another text.

    >>> address_of("kafka://a:9092,b/scores")
    Address(servers='a:9092,b:9092', topic='scores')
    """
    servers, _, topic = url.removeprefix(SCHEME).partition("/")
    if "@" in servers:
        raise InputError(f"{SCHEME}...@...: no passwords in addresses; put them in a file and name it: --kafka-config")
    hosts = [_SERVER.fullmatch(server) for server in servers.split(",")]
    if not url.startswith(SCHEME) or not all(hosts) or not _TOPIC.fullmatch(topic):
        raise InputError(f"{url}: expected kafka://HOST:PORT[,HOST:PORT]/TOPIC, such as kafka://localhost:9092/scores")
    return Address(",".join(f"{host[1]}{host[2] or ':9092'}" for host in hosts if host), topic)


def settings_in(path: str) -> dict[str, str]:
    """The settings of librdkafka in a file: KEY=VALUE a line, # before a comment. InputError if it holds others."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"--kafka-config {path}: not a readable UTF-8 text file ({error})") from None
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if line.startswith("#") or not line:
            continue
        if not equals or not key:
            raise InputError(f"--kafka-config {path}: line {number} is not KEY=VALUE")  # it may hold a password
        settings[key] = value
    return settings


class Broker:
    """Messages of one topic, from offsets that the caller names: partitions are assigned, never subscribed to.

    A thread of its own asks which partitions there are, once at the start and then every LOOK seconds, because a
    question to a broker that is down takes its time; `answers` holds what it heard, or the error.
    """

    def __init__(self, address: Address, settings: Mapping[str, Any], tell: Callable[[Any], None]) -> None:
        """tell: hears of the errors of librdkafka, a KafkaError each, while `take` runs."""
        kafka = _confluent()
        refused = sorted(settings.keys() & {*_OURS, "bootstrap.servers"})
        if refused:
            raise InputError(f"{refused[0]} cannot be set: streamavg keeps its own offsets, in the state file")
        asked = {**_DEFAULTS, **settings, **_OURS, "bootstrap.servers": address.servers, "error_cb": tell}
        try:
            self._consumer = kafka.Consumer(asked)
        except (kafka.KafkaException, ValueError, TypeError) as error:
            raise InputError(f"{address}: settings that librdkafka does not take ({_text(error)})") from None
        self._kafka, self._topic, self._tell = kafka, address.topic, tell
        self.answers: queue.SimpleQueue[Found | Any] = queue.SimpleQueue()
        self._known: dict[int, int] = {}
        self._closing = threading.Event()
        self._scout = threading.Thread(target=self._ask, daemon=True)
        self._scout.start()

    def _ask(self) -> None:
        """Ask until closed; a question that fails is asked again soon."""
        pause = 0.0
        while not self._closing.wait(pause):
            try:
                self.answers.put(self._look())
                pause = LOOK
            except self._kafka.KafkaException as error:
                self.answers.put(error.args[0])
                pause = AGAIN

    def _look(self) -> Found:
        cluster = self._consumer.list_topics(self._topic, timeout=ANSWER)
        topic = cluster.topics[self._topic]
        fault = topic.error or (None if topic.partitions else self._kafka.KafkaError(5))  # no leader yet
        if fault is not None:
            raise self._kafka.KafkaException(fault)
        for partition in topic.partitions:
            if partition not in self._known and not self._closing.is_set():
                first = self.first_offset(partition)
                if first is None:
                    raise self._kafka.KafkaException(self._kafka.KafkaError(self._kafka.KafkaError._TIMED_OUT))
                self._known[partition] = first
        return Found(cluster.cluster_id or "", dict(self._known))

    def first_offset(self, partition: int) -> int | None:
        """The first offset that the broker still has; None if it does not answer."""
        place = self._kafka.TopicPartition(self._topic, partition)
        try:
            found = self._consumer.get_watermark_offsets(place, timeout=ANSWER, cached=False)
        except self._kafka.KafkaException:
            return None
        return None if found is None else int(found[0])

    def end(self, partition: int) -> int:
        """The offset after the last message, as the last answer of the broker said; negative if it is not known."""
        found = self._consumer.get_watermark_offsets(self._kafka.TopicPartition(self._topic, partition), cached=True)
        return -1 if found is None else int(found[1])

    def read_from(self, offsets: Mapping[int, int], again: bool = False) -> None:
        """Read these partitions too, from these offsets on; again: they are read already, from elsewhere."""
        places = [self._kafka.TopicPartition(self._topic, *place) for place in sorted(offsets.items())]
        if again:
            self._consumer.incremental_unassign(places)
        self._consumer.incremental_assign(places)

    def take(self, most: int, wait: float) -> list[Any]:
        """Up to so many messages, and errors as messages; after `wait` seconds those that came, perhaps none."""
        try:
            return list(self._consumer.consume(most, wait))
        except self._kafka.KafkaException as error:
            self._tell(error.args[0])
            return []

    def close(self) -> None:
        """Ask and read no more."""
        self._closing.set()
        self._scout.join()
        self._consumer.close()


def is_fatal(error: Any, at_start: bool) -> bool:
    """Whether an error of librdkafka will not go away by waiting."""
    kafka = type(error)
    refusals = {kafka._AUTHENTICATION, kafka.SASL_AUTHENTICATION_FAILED, kafka.TOPIC_AUTHORIZATION_FAILED}
    refusals |= {kafka.CLUSTER_AUTHORIZATION_FAILED, kafka._UNKNOWN_TOPIC, kafka._UNKNOWN_PARTITION}
    refusals |= {kafka.UNKNOWN_TOPIC_OR_PART, kafka.TOPIC_EXCEPTION}
    return bool(error.fatal()) or error.code() in refusals or (at_start and error.code() == kafka._SSL)


def reason(error: Any) -> str:
    """What an error of librdkafka says, in one line."""
    return " ".join((error.str() or error.name()).split())[:300]


def advice(error: Any) -> str:
    """What a fatal error says, and what to do about it."""
    unknown = {error._UNKNOWN_TOPIC, error.UNKNOWN_TOPIC_OR_PART, error._UNKNOWN_PARTITION, error.TOPIC_EXCEPTION}
    if error.code() in unknown:
        return f"there is no such topic ({reason(error)}); check its name"
    return f"the broker refuses ({reason(error)}); give what it asks for in a file: --kafka-config FILE"


def _text(error: BaseException) -> str:
    first = error.args[0] if error.args else ""
    return reason(first) if hasattr(first, "str") else str(first)


def _confluent() -> Any:
    try:
        import confluent_kafka
    except ImportError:
        raise InputError("Kafka needs the extra: pip install 'streamavg[kafka]'") from None
    return confluent_kafka
