"""Messages of the streams."""

from __future__ import annotations

from typing import Any

from callboard.domain.log import LogLine
from callboard.domain.states import RunState
from callboard.events import Event
from callboard.store.contract import Snapshot
from callboard_service.wire.runs import log_line_resource, run_resource
from callboard_service.wire.text import encode_json


def event_message(item: Event | Snapshot) -> bytes:
    """A snapshot or an event: `run.*` with the run, the others with what they are about."""
    if isinstance(item, Snapshot):
        runs = [run_resource(run) for run in item.runs]
        return encode_json({"type": "snapshot", "seq": item.seq, "runs": runs})
    message: dict[str, Any] = {"type": item.type, "seq": item.seq, "at": item.at}
    noun = item.type.partition(".")[0]
    if noun == "run":
        message["run"] = None if item.run is None else run_resource(item.run)
    else:
        message[noun] = dict(item.subject)
    return encode_json(message)


def line_message(line: LogLine) -> bytes:
    """A line of a log."""
    resource = log_line_resource(line)
    return encode_json(
        {"type": "line", **{name: getattr(resource, name) for name in resource.__struct_fields__}}
    )


def heartbeat_message(seq: int) -> bytes:
    """Nothing new; everything up to `seq` was given or is not wanted."""
    return encode_json({"type": "heartbeat", "seq": seq})


def closing_message(after: int, reason: str, **facts: object) -> bytes:
    """The server closes the stream; it can be resumed behind `after`."""
    return encode_json({"type": "closing", "after": after, "reason": reason, **facts})


def end_message(seq: int, state: RunState) -> bytes:
    """The run has ended, and its log with it."""
    return encode_json({"type": "end", "seq": seq, "state": state})
