"""Values: what goes in comes out, to the microsecond and the last character."""

from datetime import UTC, datetime, timedelta

import pytest

from callboard.domain.json import Json
from callboard.store.contract import Store
from support.factories import stored_job, stored_run, the_run

BIG: Json = {f"key {number}": ["x" * 100, number, {"n": number / 7}] for number in range(3000)}
DEEP: Json = None
for _ in range(30):
    DEEP = {"d": [DEEP]}

JSON_VALUES: dict[str, Json] = {
    "empty": {},
    "null": None,
    "booleans": [True, False],
    "integers": [0, -1, 2**53, -(2**63), 2**64 - 1],
    "floats": [0.5, 1.0, 0.1, 1e300, 5e-324, -1.7976931348623157e308, 3.141592653589793],
    "texts": ["", " ", "ä", "\u00e9", "e\u0301", "🎭", "\u2028", "\x01\x1f\x7f", "\\u0000", '"\\/'],
    "keys": {"": 1, "a.b": 2, "ä 🎭": 3, "$": 4, "\n": 5},
    "mixed": [1, "1", None, [], {}, [[]], {"a": {}}],
    "deep": DEEP,
    "big": BIG,
}


@pytest.mark.parametrize("name", JSON_VALUES)
async def test_json_comes_back_as_it_was(store: Store, name: str) -> None:
    job = await stored_job(store, arguments={"value": JSON_VALUES[name]})
    run = await stored_run(store, job, arguments={"value": JSON_VALUES[name]})
    assert (await the_run(store, run.id)).arguments == {"value": JSON_VALUES[name]}
    stored = await store.get_job("default", "report")
    assert stored is not None
    assert stored.arguments == {"value": JSON_VALUES[name]}


async def test_numbers_keep_their_type(store: Store) -> None:
    job = await stored_job(store)
    run = await stored_run(store, job, arguments={"n": [1, 1.0, 1e2, True]})
    numbers = (await the_run(store, run.id)).arguments["n"]
    assert isinstance(numbers, list)
    assert [type(number) for number in numbers] == [int, float, float, bool]


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1900, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(2026, 10, 25, 0, 59, 59, 123_457, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    ids=str,
)
async def test_instants_keep_their_microseconds(store: Store, instant: datetime) -> None:
    job = await stored_job(store)
    run = await the_run(store, (await stored_run(store, job, slot=instant, due_at=instant)).id)
    assert (run.slot, run.due_at) == (instant, instant)


async def test_instants_come_back_aware_and_in_utc(store: Store) -> None:
    job = await stored_job(store)
    run = await the_run(store, (await stored_run(store, job)).id)
    assert job.created_at is not None
    instants = (job.created_at, run.created_at, run.due_at, await store.ping())
    assert [instant.utcoffset() for instant in instants] == [timedelta(0)] * 4
