"""Many things at once: those of the names that there are, and no more than an answer may have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callboard.domain.job import Job
from callboard.store.contract import JobFilter
from callboard_service.doors.glue import many
from callboard_service.doors.glue.faults import GlueFault

SEED = Job(name="x", kind="python", spec={"handler": "x"})
JOBS = [replace(SEED, name=f"job{number:04}") for number in range(2500)]
ALL = JobFilter(group="default")


async def list_page(filter: JobFilter) -> list[Job]:
    behind = "" if filter.after is None else filter.after[1]
    return [job for job in JOBS if job.name > behind][: filter.limit]


def light(job: Job) -> int:
    return 100


async def get(group: str, name: str) -> Job:
    return replace(SEED, name=name)


async def test_all_are_read_page_by_page() -> None:
    assert [job async for job in many.every(ALL, list_page)] == JOBS


async def test_those_that_there_are_are_picked() -> None:
    names = [*(f"nobody{number}" for number in range(5000)), "job0000", "job2499"]
    assert list(await many.picked(names, ALL, list_page, light)) == ["job0000", "job2499"]


async def test_an_answer_has_only_so_many() -> None:
    names = [job.name for job in JOBS]
    assert len(await many.picked(names[: many.MOST], ALL, list_page, light)) == many.MOST
    with pytest.raises(GlueFault, match="ask for fewer") as refusal:
        await many.picked(names[: many.MOST + 1], ALL, list_page, light)
    assert refusal.value.code == "InvalidInputException"


@pytest.mark.parametrize("number", [4, 100])
async def test_an_answer_has_only_so_many_bytes(number: int) -> None:
    names = [job.name for job in JOBS[:number]]

    async def ask(bytes_: int) -> int:
        known, _ = await many.of_names(names, ALL, get, list_page, lambda job: bytes_)
        return len(known)

    assert await ask(many.MOST_BYTES // number) == number
    with pytest.raises(GlueFault, match="larger than 32 MiB: ask for fewer"):
        await ask(many.MOST_BYTES // number + 1)
