"""`callboard queues`."""

from __future__ import annotations

from collections.abc import Callable

from service.cli.conftest import Callboard

Make = Callable[..., str]


def test_a_queue_is_put_listed_shown_paused_resumed_and_deleted(
    callboard: Callboard, name: str
) -> None:
    put = callboard("queues", "put", name, "--capacity", "5", "--rate", "10/60.5")
    assert "capacity  5\n" in put.out
    assert "rate      10 in 60.5 s\n" in put.out
    rows = [row.split() for row in callboard("queues", "list").out.splitlines()]
    assert [name, "default", "5", "10"] in [row[:4] for row in rows]
    assert "state     paused\n" in callboard("queues", "pause", name).out
    shown = callboard("queues", "get", name).out
    assert "queued    0\nrunning   0\n" in shown
    assert "state     open\n" in callboard("queues", "resume", name).out
    assert callboard("queues", "delete", name).err == f"deleted the queue {name}\n"
    assert callboard("queues", "get", name).code == 3


def test_a_rate_that_is_none_is_refused_with_an_example(callboard: Callboard, name: str) -> None:
    refused = callboard("queues", "put", name, "--rate", "fast")
    assert refused.code == 2
    assert "10/60" in refused.err
