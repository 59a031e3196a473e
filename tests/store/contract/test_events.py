"""Events: numbered without gaps in the order of commits, read by batch."""

import asyncio

from callboard.events import EventBatch, EventRecord
from callboard.store.contract import Cutoffs, Store
from callboard.testing import VirtualClock
from support.factories import NOW, after, make_record
from support.rollback import rolled_back


async def append(store: Store, *records: EventRecord) -> int:
    async with store.begin() as tx:
        return await tx.append_events(records)


def numbers(batches: list[EventBatch]) -> list[int]:
    return [batch.first_seq + index for batch in batches for index in range(len(batch.records))]


async def test_the_first_event_has_the_number_1(store: Store) -> None:
    assert await store.event_range() == (1, 0)
    assert await append(store, make_record()) == 1
    assert await store.event_range() == (1, 1)


async def test_a_batch_is_numbered_on_from_the_one_before(store: Store) -> None:
    assert await append(store, make_record(), make_record(), make_record()) == 1
    assert await append(store, make_record()) == 4
    assert await append(store, make_record(), make_record()) == 5
    assert await store.event_range() == (1, 6)


async def test_a_batch_comes_back_with_every_field(store: Store, clock: VirtualClock) -> None:
    await clock.advance(1.000001)
    records = (
        EventRecord(type="run.queued", run_id=2**53 - 1, patch={"state": "queued", "a": None}),
        EventRecord(type="trigger.changed", patch={"group": "g", "name": "n", "deep": [{"ä": 1}]}),
        EventRecord(type="run.ended", run_id=1),
    )
    await append(store, *records)
    [batch] = await store.read_events(0, 9)
    assert batch == EventBatch(first_seq=1, at=after(1.000001), records=records)


async def test_no_events_are_no_batch(store: Store) -> None:
    await append(store, make_record())
    await append(store)
    assert await store.event_range() == (1, 1)
    assert len(await store.read_events(0, 9)) == 1


async def test_events_are_read_from_any_number_on_in_whole_batches(store: Store) -> None:
    for size in (2, 3, 1):
        await append(store, *[make_record()] * size)
    firsts = [[batch.first_seq for batch in await store.read_events(seq, 9)] for seq in range(7)]
    assert firsts == [[1, 3, 6], [1, 3, 6], [3, 6], [3, 6], [3, 6], [6], []]
    assert await store.read_events(99, 9) == []


async def test_reading_ends_at_so_many_batches(store: Store) -> None:
    for _ in range(4):
        await append(store, make_record(), make_record())
    assert [batch.first_seq for batch in await store.read_events(0, 2)] == [1, 3]
    assert [batch.first_seq for batch in await store.read_events(3, 2)] == [3, 5]
    assert await store.read_events(0, 0) == []


async def test_a_rollback_leaves_no_gap(store: Store) -> None:
    await append(store, make_record(1))
    async with rolled_back(store) as tx:
        assert await tx.append_events([make_record(2), make_record(3)]) == 2
    assert await append(store, make_record(4)) == 2
    assert numbers(await store.read_events(0, 9)) == [1, 2]


async def test_two_stores_number_their_events_together(store: Store, peer: Store) -> None:
    assert await append(store, make_record()) == 1
    assert await append(peer, make_record(), make_record()) == 2
    assert await append(store, make_record()) == 4
    assert numbers(await peer.read_events(0, 9)) == [1, 2, 3, 4]


async def test_writers_at_the_same_moment_leave_no_gap(store: Store, peer: Store) -> None:
    async def write(each: Store, size: int) -> range:
        first = await append(each, *(make_record(size) for _ in range(size)))
        return range(first, first + size)

    async def fail(each: Store) -> None:
        async with rolled_back(each) as tx:
            await tx.append_events([make_record()] * 3)

    given: list[int] = []
    for _ in range(4):
        work = [write(each, size) for size in (1, 2, 3) for each in (store, peer)]
        results = await asyncio.gather(*work, fail(store), fail(peer))
        given += [number for batch in results if batch is not None for number in batch]
    assert sorted(given) == list(range(1, 49))
    batches = await store.read_events(0, 99)
    assert numbers(batches) == list(range(1, 49))
    assert all(
        {record.run_id for record in batch.records} == {len(batch.records)} for batch in batches
    )


async def test_a_reader_who_sees_a_number_sees_all_before_it(store: Store, peer: Store) -> None:
    is_over = asyncio.Event()

    async def write(each: Store) -> None:
        for size in range(1, 16):
            await append(each, *[make_record()] * size)

    async def read() -> int:
        """How often something new was there."""
        last = looks = 0
        while not (is_over.is_set() and last == 480):
            seen = numbers(await store.read_events(0, 1000))
            assert seen == list(range(1, len(seen) + 1))
            oldest, newest = await store.event_range()
            assert oldest == 1
            assert newest >= len(seen) >= last
            looks += len(seen) > last
            last = len(seen)
            await asyncio.sleep(0)
        return looks

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(each) for each in (store, peer) * 2))
    is_over.set()
    assert await reader > 0


async def test_the_range_tells_what_is_still_stored(store: Store, clock: VirtualClock) -> None:
    await append(store, make_record(), make_record())
    await clock.advance(60)
    await append(store, make_record())
    await store.prune(Cutoffs(events=after(30)))
    assert await store.event_range() == (3, 3)


async def test_the_newest_batch_is_never_pruned(store: Store, clock: VirtualClock) -> None:
    await append(store, make_record())
    await clock.advance(60)
    await append(store, make_record(), make_record())
    await clock.advance(60)
    assert (await store.prune(Cutoffs(events=after(90))))["events"] == 1
    assert (await store.prune(Cutoffs(events=after(90))))["events"] == 0
    assert await store.event_range() == (2, 3)
    assert numbers(await store.read_events(0, 9)) == [2, 3]
    assert await append(store, make_record()) == 4


async def test_events_bear_the_instant_of_their_transaction(
    store: Store, clock: VirtualClock
) -> None:
    async with store.begin() as tx:
        await clock.advance(5)
        await tx.append_events([make_record()])
    [batch] = await store.read_events(0, 9)
    assert batch.at == NOW
