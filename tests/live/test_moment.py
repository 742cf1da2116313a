"""Moments, and the pace at which observers are told of them."""

from __future__ import annotations

import dataclasses

import pytest

from streamavg.live.moment import Moment, Watch
from streamavg.position import Position, Source, Span


def position(*ends: int, name: str = "log.jsonl") -> Position:
    log = Source(name, "jsonl", 90, "0" * 32)
    return Position.of([(log, [Span(0, 0, 1, (0, end))], "") for end in ends])


def test_a_moment_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Moment().sequence = 3  # type: ignore[misc]


def test_equal_positions_have_equal_digests():
    here = Moment(position=position(30))
    assert here.position_digest == Moment(position=position(30), sequence=9).position_digest
    others = [Moment(), Moment(position=position(31)), Moment(position=position(30, name="other"))]
    assert len({here.position_digest, *(each.position_digest for each in others)}) == 4


class Clock:
    """Time that passes only where it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Seer:
    def __init__(self, clock: Clock, takes: float = 0.0, least: float = 0.5) -> None:
        self.clock, self.takes, self.least, self.seen, self.closed = clock, takes, least, [], 0

    def see(self, moment: Moment) -> None:
        self.clock.now += self.takes
        self.seen.append(moment)

    def close(self) -> None:
        self.closed += 1


def test_nobody_is_told_more_often_than_wanted():
    clock = Clock()
    seer = Seer(clock)
    watch = Watch([seer, Seer(clock, least=30.0)], clock=clock)
    for _ in range(100):  # 10 s in steps of 0.1 s
        if watch.is_due():
            watch.tell(Moment)
        clock.now += 0.1
    assert 17 <= len(seer.seen) <= 20


@pytest.mark.parametrize(("taking", "seeing"), [(2.0, 0.0), (0.0, 2.0), (1.5, 0.5)])
def test_telling_takes_no_more_than_its_share(taking, seeing):
    clock = Clock()
    seer = Seer(clock, seeing)
    watch = Watch([seer], share=0.1, clock=clock)

    def take() -> Moment:
        clock.now += taking
        return Moment()

    began = clock.now
    while clock.now < began + 400:
        if watch.is_due():
            watch.tell(take)
        clock.now += 0.1
    assert len(seer.seen) * 2.0 <= 0.11 * 400
    assert len(seer.seen) >= 18


def test_without_observers_no_moment_is_ever_due():
    assert not Watch([]).is_due()


def test_every_observer_is_closed_once_even_if_one_fails():
    clock = Clock()
    seers = [Seer(clock), Seer(clock)]

    class Broken(Seer):
        def close(self) -> None:
            raise OSError("disk full")

    watch = Watch([seers[0], Broken(clock), seers[1]])
    with pytest.raises(OSError, match="disk full"):
        watch.close()
    watch.close()
    assert [seer.closed for seer in seers] == [1, 1]
