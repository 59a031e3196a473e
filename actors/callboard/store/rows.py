"""From a row to the domain's value.

Run rows come by the ten thousand a second, so they are read by position: every statement that
returns runs returns RUN_COLUMNS in this order (a test holds the files against it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

from callboard.domain.action_json import action_from_json
from callboard.domain.backfill import Backfill, BackfilledSlot, BackfillState
from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.deadlines import Deadlines
from callboard.domain.gathered import Gathered, gathered_from_json
from callboard.domain.job import Jitter, Job, OnCrash, OnFixed, OnFull, RetryPolicy
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.limits import RateLimit, concurrency_from_json
from callboard.domain.overlap import Firing
from callboard.domain.run import Run, RunError, StopMode, make_run
from callboard.domain.run_terms import terms_from_json
from callboard.domain.schedule import schedule_from_json
from callboard.domain.states import RunState
from callboard.domain.trigger import (
    Coalesce,
    MisfirePolicy,
    MisfirePolicyName,
    OnMissing,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
    TriggerState,
)
from callboard.errors import StoreError, UsageError
from callboard.events import (
    EventBatch,
    EventRecord,
    ended_record,
    queued_record,
    started_record,
)
from callboard.store.contract import IdempotencyRecord, LogLine, Node
from callboard.store.postgres_json import from_json
from callboard.store.statements import Row

RUN_COLUMNS: Final = (
    "id",
    "job",
    "group_name",
    "job_id",
    "trigger",
    "trigger_id",
    "slot",
    "state",
    "attempt",
    "previous_run_id",
    "chain_id",
    "arguments",
    "result",
    "error",
    "progress",
    "node",
    "epoch",
    "crashes",
    "unique_key",
    "stop_mode",
    "stop_grace_s",
    "trace_id",
    "created_at",
    "due_at",
    "started_at",
    "ended_at",
    "terms",
)
JOB_COLUMNS: Final = (
    "id",
    "group_name",
    "name",
    "kind",
    "spec",
    "arguments",
    "description",
    "disabled",
    "retry",
    "timeout_s",
    "max_concurrent_runs",
    "on_crash",
    "labels",
    "rules",
    "version",
    "created_at",
    "updated_at",
)
"""Of get_job, for those who read it by position."""
_STATES: Final[Mapping[str, RunState]] = {state.value: state for state in RunState}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def run_from_row(row: Row | tuple[Any, ...]) -> Run:
    """The run in the first columns of a row."""
    slot, arguments, result, error, progress = row[6], row[11], row[12], row[13], row[14]
    stop_mode, due_at = row[19], row[23]
    return make_run(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        None if slot is None else instant(slot),
        _STATES[row[7]],
        row[8],
        row[9],
        row[10],
        {} if arguments == "{}" else from_json(arguments),
        None if result is None else from_json(result),
        None if error is None else RunError(**from_json(error)),
        None if progress is None else from_json(progress),
        row[15],
        row[16],
        row[17],
        row[18],
        None if stop_mode is None else StopMode(stop_mode),
        row[20],
        row[21],
        row[22],
        due_at if due_at.tzinfo else instant(due_at),
        row[24],
        row[25],
        None if row[26] is None else terms_from_json(from_json(row[26])),
    )


def instant(value: datetime) -> datetime:
    """The instant that a caller chose; asyncpg makes the last one it knows infinite, and naive."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _instant(value: Any) -> Any:
    return value if value is None else instant(value)


@contextmanager
def _reading(kind: str, row: Row | Mapping[str, Any]) -> Iterator[None]:
    """A block in which what cannot be read is the store's fault, not the caller's."""
    try:
        yield
    except (UsageError, KeyError, TypeError, ValueError) as error:
        name = f"{kind} {row['name']!r} of group {row['group_name']!r}"
        raise StoreError(f"this release cannot read the stored {name}: {error}") from error


def job_from_row(row: Row | Mapping[str, Any]) -> Job:
    """The job in a row of get_job and its like."""
    with _reading("job", row):
        return _job(row)


def _job(row: Row | Mapping[str, Any]) -> Job:
    rules = from_json(row["rules"])
    concurrency, rate_limit = rules.get("concurrency"), rules.get("rate_limit")
    bookmark = rules.get("bookmark")
    return Job(
        name=row["name"],
        group=row["group_name"],
        kind=row["kind"],
        spec=from_json(row["spec"]),
        arguments=from_json(row["arguments"]),
        description=row["description"],
        disabled=row["disabled"],
        retry=_retry(from_json(row["retry"])),
        timeout_s=row["timeout_s"],
        max_concurrent_runs=row["max_concurrent_runs"],
        on_crash=OnCrash(row["on_crash"]),
        labels=from_json(row["labels"]),
        fixed_arguments=rules.get("fixed_arguments", {}),
        parameters=rules.get("parameters"),
        queue=rules.get("queue"),
        priority=rules.get("priority", 0),
        concurrency=concurrency and concurrency_from_json(concurrency),
        rate_limit=rate_limit and RateLimit(**rate_limit),
        queue_timeout_s=rules.get("queue_timeout_s"),
        chain_timeout_s=rules.get("chain_timeout_s"),
        on_fixed=OnFixed(rules.get("on_fixed", OnFixed.REFUSE)),
        on_full=OnFull(rules.get("on_full", OnFull.QUEUE)),
        bookmark=bookmark and BookmarkRule(**bookmark),
        annotations=rules.get("annotations", {}),
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _retry(stored: dict[str, Any]) -> RetryPolicy:
    budget = stored.pop("budget", None)
    return RetryPolicy(
        **{
            **stored,
            "jitter": Jitter(stored["jitter"]),
            "retry_on": tuple(stored.get("retry_on", ())),
            "fatal": tuple(stored.get("fatal", ())),
        },
        budget=budget and RateLimit(**budget),
    )


def trigger_from_row(row: Row) -> Trigger:
    """The trigger in a row of get_trigger and its like."""
    with _reading("trigger", row):
        return _trigger(row)


def _trigger(row: Row) -> Trigger:
    return Trigger(
        name=row["name"],
        group=row["group_name"],
        schedule=schedule_from_json(from_json(row["schedule"]), stored=True),
        actions=tuple([action_from_json(action) for action in from_json(row["actions"])]),
        description=row["description"],
        misfire=_misfire(row["misfire"]),
        overlap=_overlap(row["overlap"]),
        start_at=_instant(row["start_at"]),
        end_at=_instant(row["end_at"]),
        max_firings=row["max_firings"],
        jitter_s=row["jitter_s"],
        flexible_window_s=row["flexible_window_s"],
        deadlines=_deadlines(row["deadlines"]),
        workflow=row["workflow"],
        gathered=_gathered(row["gathered"]),
        **(_trigger_rules(row["rules"]) if row["rules"] else {}),
        calendars=_rules(row),
        state=TriggerState(row["state"]),
        reason=row["reason"],
        next_slot=_instant(row["next_slot"]),
        last_slot=_instant(row["last_slot"]),
        resume_at=_instant(row["resume_at"]),
        firings=row["firings"],
        generation=row["generation"],
        anchor_at=row["anchor_at"],
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _gathered(text: str | None) -> Gathered | None:
    return None if text is None else gathered_from_json(from_json(text))


def _trigger_rules(text: str) -> dict[str, Any]:
    rules = from_json(text)
    return {
        "labels": rules.get("labels", {}),
        "annotations": rules.get("annotations", {}),
        "on_missing": OnMissing(rules.get("on_missing", OnMissing.REFUSE)),
    }


@lru_cache(maxsize=256)
def _deadlines(text: str | None) -> Deadlines | None:
    return None if text is None else Deadlines(**from_json(text))


@lru_cache(maxsize=256)
def _misfire(text: str) -> MisfirePolicy:
    """Most triggers have one of a few."""
    policy = from_json(text)
    return MisfirePolicy(
        policy=MisfirePolicyName(policy.pop("policy")),
        coalesce=Coalesce(policy.pop("coalesce")),
        **policy,
    )


@lru_cache(maxsize=256)
def _overlap(text: str) -> OverlapPolicy:
    policy = from_json(text)
    return OverlapPolicy(policy=OverlapPolicyName(policy.pop("policy")), **policy)


def _rules(row: Row) -> tuple[CalendarRule, ...]:
    if row["calendars"] == "[]":
        return ()
    known = {each["name"]: each for each in from_json(row.get("known_calendars") or "[]")}
    return tuple(
        CalendarRule(
            calendar=rule["calendar"],
            mode=CalendarMode(rule["mode"]),
            shift=Shift(rule["shift"]),
            definition=_known_calendar(row["group_name"], known.get(rule["calendar"])),
        )
        for rule in from_json(row["calendars"])
    )


def _known_calendar(group: str, known: dict[str, Any] | None) -> Calendar | None:
    return None if known is None else Calendar(group=group, **known)


def count_from_row(row: Row) -> tuple[tuple[TriggerState, datetime | None], int]:
    """State and end of the pause, and how many triggers have them, in a row of count_triggers."""
    return (TriggerState(row["state"]), _instant(row["resume_at"])), row["count"]


def calendar_from_row(row: Row) -> Calendar:
    """The calendar in a row of get_calendars and its like."""
    with _reading("calendar", row):
        return Calendar(
            name=row["name"],
            group=row["group_name"],
            description=row["description"],
            definition=from_json(row["definition"]),
            id=row["id"],
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


def entry_from_row(row: Row) -> LedgerEntry:
    """The ledger entry in a row of read_ledger."""
    reason = row["reason"]
    return LedgerEntry(
        trigger_id=row["trigger_id"],
        generation=row["generation"],
        slot=_instant(row["slot"]),
        decision=Decision(row["decision"]),
        reason=None if reason is None else SkipReason(reason),
        until=_instant(row["until"]),
        count=row["slot_count"],
        decided_at=row["decided_at"],
        run_ids=tuple(row["run_ids"]),
        caused_by=tuple(row["caused_by"] or ()),
        events=row["events"],
    )


def backfill_from_row(row: Row) -> Backfill:
    """The backfill in a row of get_backfill and its like."""
    values = dict(row)
    values["group"] = values.pop("group_name")
    values["state"] = BackfillState(values["state"])
    return Backfill(**values)


def backfilled_slot_from_row(row: Row) -> BackfilledSlot:
    """The slot in a row of read_backfilled_slots and its like."""
    return BackfilledSlot(**{**dict(row), "run_ids": tuple(row["run_ids"])})


def firing_from_row(row: Row) -> Firing:
    """The firing in a row of list_firings."""
    values = dict(row)
    return Firing(
        **{**values, "run_ids": tuple(values["run_ids"]), "since": _instant(values["since"])}
    )


def node_from_row(row: Row) -> Node:
    """The node in a row of list_nodes and its like."""
    fields = dict(row)
    vitals = fields.pop("vitals", None)
    return Node(**fields, vitals=None if vitals is None else from_json(vitals))


def idempotency_from_row(row: Row) -> IdempotencyRecord:
    """The record in a row of get_idempotency."""
    return IdempotencyRecord(**{**dict(row), "run_ids": tuple(row["run_ids"])})


def batch_from_row(row: Row) -> EventBatch:
    """The batch in a row of read_events."""
    records = row["records"]
    others = [
        EventRecord(type=kind, run_id=run_id, patch=patch)
        for kind, run_id, patch in (from_json(records) if records != "[]" else ())
    ]
    return EventBatch(
        first_seq=row["first_seq"], at=row["at"], records=(*_records_of_cycle(row), *others)
    )


def _records_of_cycle(row: Row) -> Iterator[EventRecord]:
    ended, started = row["ended"], row["started"]
    states = row["ended_states"] or repeat(RunState.SUCCEEDED.value, len(ended))
    for run_id, state in zip(ended, states, strict=True):
        yield ended_record(run_id, _STATES[state])
    for run_id in row["queued"]:
        yield queued_record(run_id)
    crashes = row["started_crashes"] or repeat(0, len(started))
    for run_id, crashed in zip(started, crashes, strict=True):
        yield started_record(run_id, row["node"], crashed, row["at"])


def lines_from_row(row: Row) -> list[LogLine]:
    """The lines in a row of read_log."""
    return [
        _line(seq, parts) for seq, parts in enumerate(from_json(row["lines"]), row["first_seq"])
    ]


def line_from_json(seq: int, text: str) -> LogLine:
    """The line in a row of search_log."""
    return _line(seq, from_json(text))


def _line(seq: int, parts: Sequence[Any]) -> LogLine:
    at, stream, level, text, *rest = parts
    return LogLine(
        seq=seq,
        at=_EPOCH + timedelta(microseconds=at),
        stream=stream,
        level=level,
        text=text,
        fields=rest[0] if rest else None,
    )


def micros(instant: datetime) -> int:
    """Microseconds since 1970, as the lines of a log have them."""
    return (instant - _EPOCH) // timedelta(microseconds=1)
