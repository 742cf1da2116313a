"""Unbroken: signal handlers wait until the work is done, and none is lost, whatever they raise."""

from __future__ import annotations

import signal
import threading

import pytest

from streamavg.unbroken import unbroken

SIGNALS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)


@pytest.fixture
def heard():
    """What handlers of three signals have heard; as they are put back afterwards."""
    numbers = []
    before = {number: signal.signal(number, lambda n, frame: numbers.append(n)) for number in SIGNALS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_handler_waits_for_the_end(heard):
    @unbroken
    def work(a, b=0):
        signal.raise_signal(signal.SIGUSR1)
        assert heard == []
        return a + b

    assert work(1, b=2) == 3
    assert heard == [signal.SIGUSR1]


def test_work_within_work_is_one(heard):
    @unbroken
    def inner():
        signal.raise_signal(signal.SIGUSR1)

    @unbroken
    def outer():
        inner()
        assert heard == []

    outer()
    assert heard == [signal.SIGUSR1]


def test_an_error_and_a_signal_are_both_told(heard):
    @unbroken
    def fail():
        signal.raise_signal(signal.SIGUSR1)
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        fail()
    assert heard == [signal.SIGUSR1]


def test_handlers_that_raise_hold_none_back(heard):
    def interrupt(number, frame):
        heard.append(number)
        raise KeyboardInterrupt(number)

    done = []

    @unbroken
    def work():
        for number in SIGNALS:
            signal.raise_signal(number)
        done.append(True)

    for number in SIGNALS:
        signal.signal(number, interrupt)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [True]
    assert sorted(heard) == sorted(SIGNALS)
    assert all(signal.getsignal(number) is interrupt for number in SIGNALS)


def test_handlers_are_put_back_and_others_left_alone(heard):
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    unbroken(lambda: None)()
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before


def test_on_another_thread_nothing_changes(heard):
    before = signal.getsignal(signal.SIGUSR1)
    seen = []
    thread = threading.Thread(target=unbroken(lambda: seen.append(signal.getsignal(signal.SIGUSR1))))
    thread.start()
    thread.join()
    assert seen == [before]
