"""Who is called when a run is to end."""

from __future__ import annotations

from callboard.runners.context import StopFlag


def test_who_is_forgotten_is_not_called() -> None:
    flag, called = StopFlag(), list[str]()
    first, second = (lambda: called.append("first")), (lambda: called.append("second"))
    flag.call_when_set(first)
    flag.call_when_set(second)
    flag.forget(first)
    flag.set()
    assert called == ["second"]


def test_who_was_called_can_be_forgotten() -> None:
    flag, called = StopFlag(), list[bool]()
    waker = lambda: called.append(flag.is_set())  # noqa: E731 - it is the same one twice
    flag.call_when_set(waker)
    flag.set()
    flag.forget(waker)
    flag.set()
    assert called == [True]
