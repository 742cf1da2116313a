"""Addresses and settings of Kafka; what a broker says is in test_kafka."""

from __future__ import annotations

import sys

import pytest

from streamavg.errors import InputError
from streamavg.sources.broker import Address, Broker, address_of, settings_in


def test_addresses():
    assert address_of("kafka://localhost/scores") == Address("localhost:9092", "scores")
    assert address_of("kafka://a:1,b:2/x.y-z_1") == Address("a:1,b:2", "x.y-z_1")
    assert address_of("kafka://[::1]:9092/t").servers == "[::1]:9092"
    assert str(address_of("kafka://a:1,b/t")) == "kafka://a:1,b:9092/t"


@pytest.mark.parametrize(
    "url",
    ["kafka://", "kafka:///t", "kafka://h:9092", "kafka://h:9092/", "kafka://h/a/b", "kafka://h:x/t", "kafka://h/t t"],
)
def test_other_addresses_say_what_is_expected(url):
    with pytest.raises(InputError, match="expected kafka://HOST:PORT"):
        address_of(url)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(InputError) as failure:
        address_of("kafka://me:secret@h:9092/t")
    assert "secret" not in str(failure.value)
    assert "--kafka-config" in str(failure.value)


def test_settings_are_read_from_a_file(tmp_path):
    file = tmp_path / "kafka.conf"
    file.write_text("# login\nsasl.username = me\n\nsasl.password=a=b\n")
    assert settings_in(str(file)) == {"sasl.username": "me", "sasl.password": "a=b"}
    file.write_text("sasl.password=x\nhunter2\n")
    with pytest.raises(InputError, match="line 2 is not KEY=VALUE") as failure:
        settings_in(str(file))
    assert "hunter2" not in str(failure.value)
    with pytest.raises(InputError, match="not a readable"):
        settings_in(str(tmp_path / "none"))


@pytest.mark.parametrize("key", ["auto.offset.reset", "enable.auto.commit", "bootstrap.servers"])
def test_settings_that_would_lose_records_are_refused(key):
    with pytest.raises(InputError, match=f"{key} cannot be set"):
        Broker(Address("127.0.0.1:1", "t"), {key: "x"}, print)


def test_settings_that_librdkafka_does_not_take():
    with pytest.raises(InputError, match=r"settings that librdkafka does not take.*no.such"):
        Broker(Address("127.0.0.1:1", "t"), {"no.such": "x"}, print)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(InputError, match=r"pip install 'streamavg\[kafka\]'"):
        Broker(Address("127.0.0.1:1", "t"), {}, print)
