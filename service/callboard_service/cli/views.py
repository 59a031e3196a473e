"""Resources of the API as rows of a table and as facts of one thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from callboard_service.cli.text import (
    shorten,
    show_duration,
    show_instant,
    show_json,
    show_period,
    show_span,
)

Resource = Mapping[str, Any]
Facts = Iterator[tuple[str, object]]

JOB_COLUMNS: Final = ("NAME", "GROUP", "KIND", "WHAT", "STATE", "UPDATED")
TRIGGER_COLUMNS: Final = ("NAME", "GROUP", "SCHEDULE", "JOBS", "STATE", "NEXT", "LAST")
RUN_COLUMNS: Final = ("RUN", "JOB", "TRIGGER", "STATE", "DUE", "TOOK", "ERROR")
SLOT_COLUMNS: Final = ("SLOT", "LOCAL", "DECISION", "REASON", "FIRED", "RUNS", "MARKS")
WIDEST: Final = 60


def job_row(job: Resource, *, utc: bool) -> list[object]:
    state = "disabled" if job["disabled"] else "enabled"
    what = shorten(what_of(job), WIDEST)
    return [
        job["name"], job["group"], job["kind"], what, state,
        show_instant(job["updated_at"], utc=utc),
    ]  # fmt: skip


def job_facts(job: Resource, *, utc: bool) -> Facts:
    retry = job["retry"]
    yield "name", job["name"]
    yield "group", job["group"]
    yield "description", job["description"]
    yield "state", "disabled" if job["disabled"] else "enabled"
    yield "kind", job["kind"]
    yield "spec", show_json(job["spec"])
    yield "arguments", show_json(job["arguments"])
    if retry["max_attempts"] > 1:
        yield "retry", show_json(retry)
    if job["timeout_s"] is not None:
        yield "timeout", show_duration(job["timeout_s"])
    yield "max concurrent", job["max_concurrent_runs"]
    yield "on crash", job["on_crash"]
    yield "labels", show_json(job["labels"])
    yield "version", job["version"]
    yield "created", show_instant(job["created_at"], utc=utc)
    yield "updated", show_instant(job["updated_at"], utc=utc)


def what_of(job: Resource) -> str:
    """What a job does: its handler or command."""
    spec = job["spec"]
    if "argv" in spec:
        return " ".join(spec["argv"])
    return str(spec.get("shell") or spec.get("handler") or show_json(spec))


def trigger_row(trigger: Resource, *, utc: bool) -> list[object]:
    jobs = ", ".join(action["job"] for action in trigger["actions"])
    return [
        trigger["name"], trigger["group"], schedule_text(trigger["schedule"]),
        shorten(jobs, WIDEST), trigger["state"],
        show_instant(trigger["next_slot"], utc=utc), show_instant(trigger["last_slot"], utc=utc),
    ]  # fmt: skip


def trigger_facts(trigger: Resource, *, utc: bool) -> Facts:
    yield "name", trigger["name"]
    yield "group", trigger["group"]
    yield "description", trigger["description"]
    yield "state", trigger["state"]
    yield "reason", trigger["reason"]
    yield "schedule", schedule_text(trigger["schedule"])
    for action in trigger["actions"]:
        yield "starts", f"{action['job']} {show_json(action['arguments'])}".rstrip()
    yield "misfire", show_json(trigger["misfire"])
    yield "overlap", show_json(trigger["overlap"])
    yield "firings", trigger["firings"]
    yield "most firings", trigger["max_firings"]
    for name in ("start_at", "end_at", "next_slot", "last_slot", "created_at", "updated_at"):
        if trigger[name] is not None:
            yield name.removesuffix("_at").replace("_", " "), show_instant(trigger[name], utc=utc)
    yield "generation", trigger["generation"]
    yield "version", trigger["version"]


def schedule_text(schedule: Resource) -> str:
    """`0 2 * * * Europe/Prague`, `every 5m`, `at 2026-11-20T01:00:00Z`, `on demand`."""
    match schedule["kind"]:
        case "cron":
            return f"{schedule['expression']} {schedule['zone']}"
        case "interval":
            return f"every {show_period(schedule['every_s'])}"
        case "at":
            return f"at {schedule['at']}"
        case "on_demand":
            return "on demand"
    return show_json(schedule)


def run_row(run: Resource, *, utc: bool) -> list[object]:
    error = run["error"] or {}
    return [
        run["id"], run["job"], run["trigger"], run["state"],
        show_instant(run["slot"] or run["due_at"], utc=utc),
        show_span(run["started_at"], run["ended_at"]),
        shorten(str(error.get("message") or ""), WIDEST),
    ]  # fmt: skip


def run_facts(run: Resource, *, utc: bool) -> Facts:
    yield "run", run["id"]
    yield "job", run["job"]
    yield "group", run["group"]
    yield "trigger", run["trigger"]
    yield "slot", None if run["slot"] is None else show_instant(run["slot"], utc=utc)
    yield "state", run["state"]
    yield "attempt", run["attempt"]
    yield "previous run", run["previous_run_id"]
    yield "arguments", show_json(run["arguments"])
    yield "result", show_json(run["result"])
    yield "node", run["node"]
    yield "unique key", run["unique_key"]
    yield "trace id", run["trace_id"]
    for name in ("created_at", "due_at", "started_at", "ended_at"):
        if run[name] is not None:
            yield name.removesuffix("_at"), show_instant(run[name], utc=utc)
    if run["ended_at"] is not None:
        yield "took", show_span(run["started_at"], run["ended_at"])
    yield "error", error_text(run)


def error_text(run: Resource) -> str:
    """Why a run did not succeed, in one line; empty when it did."""
    error = run["error"]
    return f"{error['type']}: {error['message']}" if error else ""


def slot_row(slot: Resource, *, utc: bool) -> list[object]:
    shown = show_instant(slot["slot"], utc=utc)
    if slot["count"] > 1:
        shown += f" .. {show_instant(slot['until'], utc=utc)} ({slot['count']} slots)"
    return [
        shown, slot["local"], slot["decision"], slot["reason"],
        "" if slot["fired_at"] is None else show_instant(slot["fired_at"], utc=utc),
        " ".join(map(str, slot["run_ids"])), " ".join(slot["marks"]),
    ]  # fmt: skip
