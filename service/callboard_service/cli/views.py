"""Resources of the API as rows of a table and as facts of one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, Final

from callboard_service.cli.condition_text import conditions_text
from callboard_service.cli.text import (
    counted,
    shorten,
    show_duration,
    show_instant,
    show_json,
    show_local,
    show_period,
    show_rate,
    show_span,
    show_time,
)

Resource = Mapping[str, Any]
Facts = Iterator[tuple[str, object]]

JOB_COLUMNS: Final = ("NAME", "GROUP", "KIND", "WHAT", "STATE", "UPDATED")
TRIGGER_COLUMNS: Final = ("NAME", "GROUP", "SCHEDULE", "JOBS", "STATE", "NEXT", "LAST")
RUN_COLUMNS: Final = ("RUN", "JOB", "TRIGGER", "STATE", "DUE", "TOOK", "ERROR")
SLOT_COLUMNS: Final = ("SLOT", "LOCAL", "DECISION", "REASON", "FIRED", "RUNS", "MARKS")
CALENDAR_COLUMNS: Final = ("NAME", "GROUP", "KIND", "DESCRIPTION", "UPDATED")
NODE_COLUMNS: Final = (
    "NAME", "HOST", "PID", "ROLE", "SHARDS", "EXECUTES", "STUCK", "STARTED", "LEASE",
)  # fmt: skip
ATTEMPT_COLUMNS: Final = ("ATTEMPT", "RUN", "STATE", "DUE", "TOOK", "ERROR")
BACKFILL_COLUMNS: Final = (
    "ID", "TRIGGER", "FROM", "UNTIL", "STATE", "DONE", "LIVE", "FAILED", "REASON",
)  # fmt: skip
WIDEST: Final = 60
TELLING: Final = ("cron(", "rate(", "at(")
"""How a cron text begins that names its dialect by itself."""
ZONELESS: Final = ("rate(", "@reboot")
"""How a cron text begins that no zone's clocks decide."""


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
    yield "fixed", show_json(job["fixed_arguments"])
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
    """What a job does: its handler, command or script."""
    spec = job["spec"]
    if "argv" in spec:
        return " ".join(each if isinstance(each, str) else show_json(each) for each in spec["argv"])
    return str(spec.get("shell") or spec.get("handler") or spec.get("location") or show_json(spec))


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
    for rule in trigger["calendars"]:
        yield "calendar", calendar_rule_text(rule)
    for name in ("jitter_s", "flexible_window_s"):
        if trigger[name]:
            yield name.removesuffix("_s").replace("_", " "), show_duration(trigger[name])
    if trigger["events"] is not None:
        yield "events", trigger["events"]
    yield "firings", trigger["firings"]
    yield "most firings", trigger["max_firings"]
    if trigger["resume_at"] is not None:
        yield "paused until", show_instant(trigger["resume_at"], utc=utc)
    for name in ("start_at", "end_at", "next_slot", "last_slot", "created_at", "updated_at"):
        if trigger[name] is not None:
            yield name.removesuffix("_at").replace("_", " "), show_instant(trigger[name], utc=utc)
    yield "generation", trigger["generation"]
    yield "version", trigger["version"]


def schedule_text(schedule: Resource) -> str:
    """`0 2 * * * Europe/Prague`, `every 5m`, `at 2026-11-20T01:00:00Z`, `on demand`."""
    match schedule["kind"]:
        case "cron":
            return _cron_text(schedule)
        case "interval":
            return f"every {show_period(schedule['every_s'])}"
        case "delay":
            return f"{show_period(schedule['after_s'])} after the last end"
        case "calendar_interval":
            return _calendar_interval_text(schedule)
        case "at":
            return f"at {schedule['at']}"
        case "conditional":
            return conditions_text(schedule)
        case "event":
            return _event_text(schedule)
        case "on_demand":
            return "on demand"
    return show_json(schedule)


def _event_text(schedule: Resource) -> str:
    if schedule["batch_size"] == 1:
        return "for every event"
    window = show_period(schedule["window_s"])
    return f"for every {schedule['batch_size']} events, or {window} after the first"


def calendar_rule_text(rule: Resource) -> str:
    """`exclude holidays`, `exclude holidays, moved to the next day left`."""
    text = f"{rule['mode']} {rule['calendar']}"
    return text if rule["shift"] == "skip" else f"{text}, moved to the {rule['shift']} day left"


def _cron_text(schedule: Resource) -> str:
    text, dialect = schedule["expression"], schedule["dialect"]
    if dialect not in ("vixie", text.partition("(")[0]) and not text.startswith(TELLING):
        text += f" ({dialect})"
    return text if text.startswith(ZONELESS) else f"{text} {schedule['zone']}"


def _calendar_interval_text(schedule: Resource) -> str:
    units = ((schedule["months"], "month"), (schedule["days"], "day"))
    period = " and ".join(counted(count, unit) for count, unit in units if count)
    if " and " not in period:
        period = period.removeprefix("1 ")
    return f"every {period} at {schedule['at_local']} {schedule['zone']}"


def run_row(run: Resource, *, utc: bool) -> list[object]:
    error = run["error"] or {}
    return [
        run["id"], run["job"], run["trigger"], run_state(run),
        show_instant(run["slot"] or run["due_at"], utc=utc),
        show_span(run["started_at"], run["ended_at"]),
        shorten(_reason(run["state"], error), WIDEST),
    ]  # fmt: skip


def attempt_row(run: Resource, *, utc: bool) -> list[object]:
    return [
        run["attempt"], run["id"], run_state(run), show_instant(run["due_at"], utc=utc),
        show_span(run["started_at"], run["ended_at"]),
        shorten(_reason(run["state"], run["error"] or {}), WIDEST),
    ]  # fmt: skip


def _reason(state: str, error: Resource) -> str:
    """Of one that is parked by its name, too: that is what it is released by."""
    message = str(error.get("message") or "")
    return f"{error['type']}: {message}" if state == "parked" and error else message


def run_state(run: Resource) -> str:
    """The word for a run's state; `held` for one that waits for earlier ones of its trigger."""
    return "held" if run["held"] else str(run["state"])


def run_facts(run: Resource, *, utc: bool) -> Facts:
    state = run["state"]
    yield "run", run["id"]
    yield "job", run["job"]
    yield "group", run["group"]
    yield "trigger", run["trigger"]
    yield "slot", None if run["slot"] is None else show_instant(run["slot"], utc=utc)
    yield "state", "queued, held until earlier runs of the trigger end" if run["held"] else state
    yield "attempt", run["attempt"]
    yield "crashes", run.get("crashes") or None
    yield "previous run", run["previous_run_id"]
    yield "arguments", show_json(run["arguments"])
    yield "progress", progress_text(run["progress"])
    yield "result", result_text(run["result"])
    yield "instance", run.get("instance_id")
    yield "node", run["node"]
    yield "unique key", run["unique_key"]
    yield "trace id", run["trace_id"]
    for name in ("created_at", "due_at", "start_by", "chain_until", "started_at", "ended_at"):
        if run[name] is not None:
            yield name.removesuffix("_at"), show_instant(run[name], utc=utc)
    if run["ended_at"] is not None:
        yield "took", show_span(run["started_at"], run["ended_at"])
    yield "error", error_text(run)
    if run["error"] and run["error"]["traceback"]:
        lines = run["error"]["traceback"].splitlines()
        yield from zip(chain(["traceback"], repeat("")), lines, strict=False)
    if state == "parked":
        yield (
            "to do",
            f"callboard runs retry {run['id']} releases it, runs stop {run['id']} ends it",
        )


def result_text(result: Any) -> str:
    """A result as JSON; of one that was too large, that it was, and how it begins."""
    cut = result.get("$truncated") if isinstance(result, dict) else None
    if not isinstance(cut, dict) or not isinstance(cut.get("head"), str):
        return show_json(result)
    size = "too large" if cut.get("bytes") is None else f"{cut['bytes']} bytes, too large"
    return f"({size}, begins with) {shorten(cut['head'], WIDEST)}"


def error_text(run: Resource) -> str:
    """Why a run did not succeed, in one line; empty when it did."""
    error = run["error"]
    return f"{error['type']}: {error['message']}" if error else ""


def slot_row(slot: Resource, *, utc: bool) -> list[object]:
    shown = show_instant(slot["slot"], utc=utc)
    if slot["count"] > 1:
        shown += f" .. {show_instant(slot['until'], utc=utc)} ({slot['count']} slots)"
    return [
        shown, show_local(slot["local"]), slot["decision"], slot["reason"],
        "" if slot["fired_at"] is None else show_instant(slot["fired_at"], utc=utc),
        " ".join(map(str, slot["run_ids"])), ", ".join(_remarks(slot, utc=utc)),
    ]  # fmt: skip


def _remarks(slot: Resource, *, utc: bool) -> Iterator[str]:
    """Its marks, who fired it afterwards, and a start that is not its own instant."""
    yield from slot["marks"]
    yield from (f"backfill {number}" for number in slot["backfills"])
    if slot["fired_at"] is None and slot["starts_at"] not in (None, slot["slot"]):
        yield f"starts {show_time(slot['starts_at'], utc=utc)}"


def log_text(line: Resource) -> str:
    """A line of a log, with its fields behind it."""
    fields = line.get("fields")
    return f"{line['text']}  {show_json(fields)}" if fields else str(line["text"])


def progress_text(progress: Resource | None) -> str:
    """`40 % (4 of 10), copying`; `1200, copying` where nobody knows how much there is."""
    if progress is None:
        return ""
    done, total, note = progress["done"], progress["total"], progress["note"]
    text = f"{done:,.12g}"
    if total:
        text = f"{100 * done / total:.0f} % ({text} of {total:,.12g})"
    parts = [text, note or ""]
    if (rate := progress.get("rate")) is not None:
        parts.append(f"{show_rate(rate)} a second")
    if (eta_s := progress.get("eta_s")) is not None:
        parts.append(f"{show_duration(eta_s)} left")
    return ", ".join(filter(None, parts))


def calendar_row(calendar: Resource, *, utc: bool) -> list[object]:
    return [
        calendar["name"], calendar["group"], calendar["definition"]["kind"],
        shorten(calendar["description"], WIDEST), show_instant(calendar["updated_at"], utc=utc),
    ]  # fmt: skip


def calendar_facts(calendar: Resource, *, utc: bool) -> Facts:
    yield "name", calendar["name"]
    yield "group", calendar["group"]
    yield "description", calendar["description"]
    definition = calendar["definition"]
    for name in sorted(definition, key=("kind", "zone").__contains__, reverse=True):
        yield "feed" if name == "text" else name, _definition_text(name, definition[name])
    yield "version", calendar["version"]
    yield "created", show_instant(calendar["created_at"], utc=utc)
    yield "updated", show_instant(calendar["updated_at"], utc=utc)


def _definition_text(name: str, value: Any) -> str:
    """A field of a definition in one line; of a feed, how much there is."""
    if name == "text":
        return f"{counted(value.count('BEGIN:VEVENT'), 'event')}; with --json the feed itself"
    if name == "hours":
        return "; ".join(f"{day} {_spans(value[day])}" for day in value)
    if isinstance(value, list):
        return _spans(value)
    return str(value)


def _spans(values: Iterable[Any]) -> str:
    return ", ".join("..".join(one) if isinstance(one, list) else str(one) for one in values)


def node_row(node: Resource, *, utc: bool) -> list[object]:
    return [
        node["name"], node["host"], node["pid"], node["role"] if node["fires"] else "",
        node["shards"] or "", node["capacity"] if node["executes"] else "no", node["stuck"] or "",
        show_instant(node["started_at"], utc=utc), "live" if node["is_live"] else "over",
    ]  # fmt: skip


def backfill_row(backfill: Resource, *, utc: bool) -> list[object]:
    return [
        backfill["id"], backfill["trigger"],
        show_instant(backfill["from_at"], utc=utc), show_instant(backfill["until_at"], utc=utc),
        backfill["state"], f"{backfill['slots_done']}/{backfill['slots_total']}",
        backfill["live"], backfill["failed"], backfill["reason"],
    ]  # fmt: skip


def backfill_facts(backfill: Resource, *, utc: bool) -> Facts:
    yield "backfill", backfill["id"]
    yield "trigger", backfill["trigger"]
    yield "group", backfill["group"]
    yield "from", show_instant(backfill["from_at"], utc=utc)
    yield "until", show_instant(backfill["until_at"], utc=utc)
    yield "state", backfill["state"]
    yield "reason", backfill["reason"]
    yield "slots", backfill["slots_total"]
    yield "fired", backfill["fired"]
    yield "passed over", backfill["skipped"]
    yield "live", backfill["live"]
    yield "succeeded", backfill["succeeded"]
    yield "failed", backfill["failed"]
    yield "at once", backfill["max_concurrent"]
    if backfill["ended_at"] is not None:
        yield "ended", show_instant(backfill["ended_at"], utc=utc)


def explanation_facts(found: Resource, *, utc: bool) -> Facts:
    yield "local", show_local(found["local"])
    yield "decision", found["decision"]
    yield "reason", found["reason"]
    if found["count"] > 1:
        first, last = (show_instant(found[name], utc=utc) for name in ("slot", "until"))
        yield "stretch", f"{first} .. {last} ({found['count']} slots)"
    if found["late_s"] is not None:
        yield "late", show_duration(found["late_s"])
    yield "runs", " ".join(map(str, found["run_ids"]))
    yield "marks", " ".join(found["marks"])
    for name in ("previous_slot", "next_slot"):
        if found[name] is not None:
            yield name.replace("_", " "), show_instant(found[name], utc=utc)
