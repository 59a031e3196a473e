"""Messages between a node and a worker, as lines of bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.runners import worker_wire
from callboard.runners.contract import Outcome
from callboard.runners.worker_wire import (
    Begin,
    BrokenWire,
    Ended,
    Facts,
    FromWorker,
    Lines,
    LogFull,
    Recorded,
    Settle,
    Stop,
    Told,
    ToWorker,
    Wrote,
    ended,
    plain,
    to_line,
)

FACTS = Facts(
    id=1,
    job="a-job",
    group="default",
    attempt=2,
    slot=datetime(2026, 1, 1, tzinfo=UTC),
    trigger="t",
    trace_id="0" * 32,
    epoch=7,
)
BEGIN = Begin(
    serial=1,
    handler="shop",
    reference="shop:load",
    is_vouched=True,
    facts=FACTS,
    arguments={"a": [1, None, {"č": 0.5}]},
    limits={"cpu_s": 1},
    level=30,
)
TO_WORKER = [
    Settle(path=("/x",), python_path=None, modules=("shop",), warm=("shop",)),
    BEGIN,
    Stop(serial=1),
    LogFull(serial=1),
]
FROM_WORKER = [
    Wrote(stream="stdout", text="č \n \u2028"),
    Recorded(level="INFO", text="", fields={"rows": 1}),
    Told(done=1.0, total=None, note="x"),
    Ended(state=RunState.FAILED, error=RunError(type="E", message="m"), kinds=("E",)),
]


@pytest.mark.parametrize("message", TO_WORKER)
def test_what_a_node_says_arrives(message: ToWorker) -> None:
    lines: Lines[ToWorker] = Lines(ToWorker)
    assert list(lines.feed(to_line(message))) == [message]


@given(st.lists(st.sampled_from(FROM_WORKER)), st.integers(1, 200))
def test_messages_arrive_however_they_are_cut(messages: list[FromWorker], size: int) -> None:
    data = b"".join(map(to_line, messages))
    lines: Lines[FromWorker] = Lines(FromWorker)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert [message for piece in pieces for message in lines.feed(piece)] == messages


def test_whole_numbers_of_progress_stay_whole() -> None:
    lines: Lines[FromWorker] = Lines(FromWorker)
    (message,) = lines.feed(to_line(Told(done=3, total=4.0)))
    assert isinstance(message, Told)
    assert (repr(message.done), repr(message.total)) == ("3", "4.0")


def test_an_outcome_arrives_as_it_was() -> None:
    error = RunError(type="E", message="m", traceback="t", exit_code=3)
    outcome = Outcome(
        state=RunState.FAILED, result={"a": 1}, error=error, kinds=("E",), retry=True, after_s=1.5
    )
    lines: Lines[FromWorker] = Lines(FromWorker)
    (message,) = lines.feed(to_line(ended(outcome, dropped=7)))
    assert isinstance(message, Ended)
    assert (message.to_outcome(), message.dropped) == (outcome, 7)


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"\n",
        b"\xff{}[\n",
        b"{}\n",
        b'{"type": "wrote", "stream": 7}\n',
        b'{"type": "begin"}\n',
        b'{"type": "ended", "state": "happy"}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_nonsense_is_refused(line: bytes) -> None:
    lines: Lines[FromWorker] = Lines(FromWorker)
    with pytest.raises(BrokenWire, match="is not a message"):
        list(lines.feed(line))


def test_a_line_without_end_is_refused_and_takes_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_wire, "MAX_LINE_BYTES", 100)
    lines: Lines[FromWorker] = Lines(FromWorker)
    assert list(lines.feed(b"x" * 100)) == []
    with pytest.raises(BrokenWire, match="longer than 100 bytes"):
        list(lines.feed(b"x"))
    assert not lines._rest


def test_frozen_mappings_become_plain_ones() -> None:
    made = plain({"a": ({"b": 1},)})
    assert made == {"a": [{"b": 1}]}
