"""What `callboard simulate` is given: crontabs, JSON documents of the API, or a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from callboard.domain.calendar import Calendar
from callboard.domain.instant import instant_from_text
from callboard.domain.job import Job
from callboard.domain.trigger import Action, Trigger, TriggerState
from callboard.errors import FieldProblem, InvalidInput
from callboard_service.cli.client import path_of
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import CliFailure
from callboard_service.cli.input import STDIN, read_bytes
from callboard_service.cli.output import Output
from callboard_service.cli.session import Session
from callboard_service.wire.calendars import CalendarInput, CalendarResource, read_calendar
from callboard_service.wire.fields import fields_of
from callboard_service.wire.jobs import JobInput, JobResource, read_job
from callboard_service.wire.triggers import TriggerInput, TriggerResource, read_trigger

V = TypeVar("V")

NOUNS: Final = ("triggers", "jobs", "calendars")


@dataclass(slots=True, kw_only=True)
class Given:
    """What there is to simulate."""

    triggers: list[Trigger] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    calendars: list[Calendar] = field(default_factory=list)
    has_problems: bool = False
    """Whether lines of a crontab were left out; the notes say which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabTerms:
    """How crontabs are read; as `callboard import crontab` does."""

    system: bool | None
    """Whether lines name their user; None: told by the file."""
    zone: str
    group: str


def read_files(output: Output, files: list[str], terms: CrontabTerms) -> Given:
    """What the files say, all together.

    Raises:
        InvalidInput, CliFailure: a file cannot be read, or is wrong.
    """
    given = Given()
    contents = [(name, _text(name)) for name in files]
    crontabs = sum(not _is_json(text) for _, text in contents)
    for name, text in contents:
        if _is_json(text):
            _read_document(name, text, given)
        else:
            prefix = f"{Path(name).stem}." if crontabs > 1 else ""
            _read_crontab(output, name, text, terms, prefix, given)
    return given


async def read_server(session: Session, group: str | None) -> Given:
    """The triggers of the running server, with their jobs and calendars."""
    given = Given()
    for noun in NOUNS:
        page = await session.api.list(path_of(noun), {"group": group}, None)
        _read_items(noun, page["items"], given, noun)
    return given


def _text(name: str) -> str:
    try:
        return read_bytes(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CliFailure(ExitCode.USAGE, f"{name}: is not UTF-8 at byte {error.start}") from None


def _is_json(text: str) -> bool:
    return text.lstrip().startswith(("{", "["))


def _read_crontab(
    output: Output, name: str, text: str, terms: CrontabTerms, prefix: str, given: Given
) -> None:
    from callboard_service.cli.crontab_plan import Terms, plan_import
    from callboard_service.cli.import_crontab import is_system
    from callboard_service.cli.text import one_line
    from callboard_service.crontab import parse_crontab

    system = is_system(output, name, text) if terms.system is None else terms.system
    plan = plan_import(
        parse_crontab(text, system=system, zone=terms.zone),
        Terms(
            source="stdin" if name == STDIN else name,
            group=terms.group,
            prefix=prefix,
            user="",
            any_user=True,
            directory="/",
        ),
    )
    for problem in plan.problems:
        output.note(f"left out: {name}: {one_line(problem)}")
    given.has_problems |= bool(plan.problems)
    given.triggers += [
        Trigger(
            name=line.name,
            group=terms.group,
            schedule=line.entry.schedule,
            actions=(Action(job=line.name),),
        )
        for line in plan.lines
    ]


def _read_document(name: str, text: str, given: Given) -> None:
    """One page of the API, a list of triggers, or pages by noun."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CliFailure(ExitCode.USAGE, f"{name}: is not JSON: {error}") from None
    if isinstance(value, list) or "items" in value:
        value = {"triggers": value}
    for noun, items in value.items():
        if noun not in NOUNS:
            fix = f"a file has {', '.join(NOUNS)}"
            raise InvalidInput(FieldProblem(noun, f"{name}: is not known here", fix))
        if isinstance(items, dict):
            items = items.get("items")
        if not isinstance(items, list):
            raise InvalidInput(FieldProblem(noun, f"{name}: is not a list"))
        _read_items(noun, items, given, f"{name}: {noun}")


def _read_items(noun: str, items: Iterable[Any], given: Given, where: str) -> None:
    if noun == "triggers":
        given.triggers += _each(where, items, _trigger)
    elif noun == "jobs":
        given.jobs += _each(where, items, _job)
    else:
        given.calendars += _each(where, items, _calendar)


def _each(where: str, items: Iterable[Any], read: Callable[[Any], V]) -> Iterator[V]:
    for index, item in enumerate(items):
        try:
            yield read(item)
        except InvalidInput as error:
            raise InvalidInput(
                *(
                    replace(problem, field=f"{where}[{index}].{problem.field}".rstrip("."))
                    for problem in error.problems
                )
            ) from None


def _trigger(document: Any) -> Trigger:
    trigger, is_active = read_trigger(_written(document, TriggerInput, TriggerResource))
    state = TriggerState.ACTIVE if is_active else TriggerState.INACTIVE
    next_slot = document.get("next_slot")
    firings = document.get("firings", 0)
    try:
        state = TriggerState(document.get("state", state))
    except ValueError:
        problem = FieldProblem("state", f"{document['state']!r:.40} is not a state")
        raise InvalidInput(problem) from None
    if not isinstance(firings, int) or firings < 0:
        raise InvalidInput(FieldProblem("firings", "is not a number of firings"))
    return replace(
        trigger,
        state=state,
        firings=firings,
        next_slot=None if next_slot is None else instant_from_text(next_slot, "next_slot"),
    )


def _job(document: Any) -> Job:
    return read_job(_written(document, JobInput, JobResource))


def _calendar(document: Any) -> Calendar:
    return read_calendar(_written(document, CalendarInput, CalendarResource))


def _written(document: Any, written: type[msgspec.Struct], shown: type[msgspec.Struct]) -> Any:
    """A resource without what only the server says of it."""
    if not isinstance(document, Mapping):
        return document
    server_s = fields_of(shown).keys() - fields_of(written).keys()
    return {name: value for name, value in document.items() if name not in server_s}
