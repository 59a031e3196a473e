"""A zone that the machine's zone data has no more parks its triggers; the others go on (D05)."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from acceptance.boards import drain, real_board
from acceptance.nodes import until
from acceptance.places import Place
from acceptance.workload import jobs
from callboard import Action, Callboard, Trigger, calendar_interval, cron
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule
from service.cli.processes import ServiceProcess

ZONE: Final = "America/Asuncion"
EVERY_SECOND: Final = "* * * * * ?"


@pytest.fixture
def poor_zone_data(tmp_path: Path) -> dict[str, str]:
    """Environment of a process whose zone data lacks ZONE; also the package tzdata is hidden."""
    source = next(Path(each) for each in zoneinfo.TZPATH if Path(each, ZONE).exists())
    data = tmp_path / "zoneinfo"
    shutil.copytree(source, data, symlinks=True, ignore=shutil.ignore_patterns("right", "posix"))
    (data / ZONE).unlink()
    packages = tmp_path / "packages"
    (packages / "tzdata").mkdir(parents=True)
    (packages / "tzdata" / "__init__.py").touch()
    tests = Path(__file__).parents[1]
    return {"PYTHONTZPATH": str(data), "PYTHONPATH": f"{packages}:{tests}"}


async def define(board: Callboard, place: Place) -> None:
    for job in jobs(place.trace):
        await board.replace_job(job)
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    hours = {day: [["00:00", "24:00"]] for day in days}
    calendar = Calendar(name="there", definition={"kind": "weekly", "zone": ZONE, "hours": hours})
    await board.create_calendar(calendar)
    second = cron(EVERY_SECOND, dialect="quartz")
    for name, schedule, rules in (
        ("fine", second, ()),
        ("lost", cron(EVERY_SECOND, dialect="quartz", zone=ZONE), ()),
        ("called", second, (CalendarRule(calendar="there", mode=CalendarMode.INCLUDE),)),
        ("rare", calendar_interval("00:00", days=1, zone=ZONE), ()),
    ):
        actions = (Action(job="quick"),)
        await board.create_trigger(
            Trigger(name=name, schedule=schedule, actions=actions, calendars=rules)
        )


class Service:
    """A service on the database, with the zone data of the environment."""

    def __init__(self, directory: Path, dsn: str, env: dict[str, str]) -> None:
        self.process = ServiceProcess(directory, dsn, env=env)

    def read(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """Status and body of the answer."""
        request = urllib.request.Request(f"{self.process.url}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def triggers(self) -> dict[str, Any]:
        """By name."""
        status, page = self.read("/v1/triggers")
        assert status == 200
        return {trigger["name"]: trigger for trigger in page["items"]}


@contextmanager
def serving(directory: Path, place: Place, env: dict[str, str]) -> Iterator[Service]:
    service = Service(directory, place.dsn, env)
    try:
        yield service
        assert service.process.stop() == 0
    finally:
        service.process.program.close()


async def fires(service: Service, name: str) -> None:
    """Return when it has fired twice more."""
    before = service.triggers()[name]["firings"]

    async def has_fired() -> bool:
        return bool(service.triggers()[name]["firings"] >= before + 2)

    await until(has_fired, f"{name} fires")


async def are_parked(service: Service) -> bool:
    triggers = service.triggers()
    return all(triggers[name]["state"] == "parked" for name in ("lost", "called"))


def check_answers(service: Service) -> None:
    """What is asked about triggers whose zone is gone is answered, or refused with the reason."""
    for name in ("lost", "called", "rare"):
        assert service.read(f"/v1/triggers/{name}")[0] == 200
        for path in ("slots", "ledger", "explain?at=2026-01-01T00:00:00Z"):
            status, answer = service.read(f"/v1/triggers/{name}/{path}")
            assert status == 200 or (status < 500 and ZONE in json.dumps(answer)), answer
        status, answer = service.read(f"/v1/triggers/{name}/activate", "POST")
        assert name == "rare" or (status == 422 and ZONE in json.dumps(answer)), answer


async def test_d05_a_zone_that_is_gone_parks_its_triggers_and_the_others_go_on(
    postgresql: Place, tmp_path: Path, poor_zone_data: dict[str, str]
) -> None:
    async with real_board(
        postgresql.dsn, node_name="desk", deadline_s=10.0, executes=False, fires=False
    ) as desk:
        await define(desk, postgresql)
        with serving(tmp_path / "poor", postgresql, poor_zone_data) as service:
            await fires(service, "fine")
            await until(lambda: are_parked(service), "those without a zone are parked")
            triggers = service.triggers()
            assert ZONE in triggers["lost"]["reason"]
            assert ZONE in triggers["called"]["reason"]
            assert triggers["fine"]["state"] == "active"
            await asyncio.to_thread(check_answers, service)
            await fires(service, "fine")
        whole = {"PYTHONPATH": str(Path(__file__).parents[1])}
        with serving(tmp_path / "whole", postgresql, whole) as service:
            for name in ("lost", "called"):
                status, trigger = service.read(f"/v1/triggers/{name}/activate", "POST")
                assert (status, trigger["state"], trigger["reason"]) == (200, "active", None)
                await fires(service, name)
            await drain(desk)
