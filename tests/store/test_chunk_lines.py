"""Chunks: output, checkpoint and counters commit together, and only by whoever holds the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from callboard import transactional
from callboard.clock import SystemClock
from callboard.domain.batch_step import (
    Checkpoint,
    SkippedItem,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.states import RunState
from callboard.errors import InvalidInput, StoreUnavailable, UsageError
from callboard.store.contract import Store
from callboard.store.contract_chunks import ChunkLine, StepNotHeld
from callboard.store.dsn import open_foreign_line, open_store
from callboard.store.pool import OwnPool
from callboard.store.postgres import PostgresStore
from callboard.store.statements import TransactionConflict
from callboard.testing import VirtualClock
from store.conftest import EMPTIED
from support.batch import (
    Held,
    changed_step,
    chunk_line,
    held_run,
    make_checkpoint,
    make_skipped,
    save_chunk,
    stored_step,
    the_step,
)
from support.factories import NOW, changed_run
from support.postgres_store import connected, kill_backends, opened, seen, someone_waits
from support.relay import relay_to

SERVER_KINDS = ("own", "pooler", "host")
FOREIGN_KINDS = ("foreign", "foreign pool")
ON_SQL = (*SERVER_KINDS, "foreign")
ALL_COUNTS = StepCounts(
    reads=1,
    writes=2,
    filters=3,
    commits=4,
    rollbacks=5,
    read_skips=6,
    process_skips=7,
    write_skips=8,
    retries=9,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lined:
    """A store, its line, and a step that a node may execute."""

    store: Store
    line: ChunkLine
    held: Held
    step: StepExecution
    dsn: str

    async def found(self) -> Checkpoint | None:
        return await self.line.find(self.step)

    async def output(self) -> list[int]:
        """What the steps have written."""
        async with connected(self.dsn) as connection:
            return [row[0] for row in await connection.fetch("select n from output order by n")]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Of connections that chunks commit on."""
    return str(getattr(request, "param", "own"))


@pytest.fixture
def server(request: pytest.FixtureRequest) -> str:
    """Major version of the server."""
    return str(getattr(request, "param", "18"))


@pytest.fixture
def dsn(kind: str, server: str, request: pytest.FixtureRequest) -> str:
    if kind == "memory":
        return "memory:"
    databases: Mapping[str, str] = request.getfixturevalue("contract_databases")
    return databases[server]


@pytest.fixture
async def lined(kind: str, dsn: str, clock: VirtualClock) -> AsyncIterator[Lined]:
    async with AsyncExitStack() as stack:
        if kind != "memory":
            await _empty(dsn)
        store = await stack.enter_async_context(_store(kind, dsn, clock))
        line = await stack.enter_async_context(chunk_line(store))
        held = await held_run(store)
        step = await stored_step(store, held)
        if kind in FOREIGN_KINDS:
            line = await stack.enter_async_context(_foreign(kind, dsn, store, clock))
            await line.open_step(step)
        yield Lined(store=store, line=line, held=held, step=step, dsn=dsn)


async def _empty(dsn: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute(EMPTIED)
        await connection.execute(
            "drop table if exists output, callboard_checkpoint, callboard_skip;"
            "create table output (n int8 not null, unique (n) deferrable initially deferred)"
        )


@asynccontextmanager
async def _store(kind: str, dsn: str, clock: VirtualClock) -> AsyncIterator[Store]:
    if kind == "host":
        async with (
            asyncpg.create_pool(dsn, min_size=0, max_size=6) as pool,
            opened("", pool=pool, clock=clock) as store,
        ):
            yield store
    else:
        options = "&statement_cache_size=0" if kind == "pooler" else ""
        async with opened(dsn + options, clock=clock) as store:
            yield store


@asynccontextmanager
async def _foreign(
    kind: str, dsn: str, store: Store, clock: VirtualClock
) -> AsyncIterator[ChunkLine]:
    origin = await store.batch_origin()
    if kind == "foreign":
        line = open_foreign_line(dsn, origin=origin, clock=clock)
        try:
            yield line
        finally:
            await line.close()
    else:
        async with asyncpg.create_pool(dsn, min_size=0, max_size=3) as pool:
            yield open_foreign_line(pool, origin=origin, clock=clock)


async def write(
    lined: Lined,
    text: str | None,
    checkpoint: Checkpoint,
    *,
    skipped: Sequence[SkippedItem] = (),
    error: Exception | None = None,
) -> None:
    """A chunk that executes the statement, whether it fails or not, saves, and may raise then."""
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        if text is not None:
            with suppress(asyncpg.NotNullViolationError):
                await tx.connection.execute(text)
        await tx.save(checkpoint, skipped)
        if error is not None:
            raise error


everywhere = pytest.mark.parametrize("kind", ["memory", *ON_SQL], indirect=True)
on_sql = pytest.mark.parametrize("kind", ON_SQL, indirect=True)
on_boards = pytest.mark.parametrize("kind", ["memory", *SERVER_KINDS], indirect=True)
on_foreign = pytest.mark.parametrize("kind", FOREIGN_KINDS, indirect=True)
on_servers = pytest.mark.parametrize(
    ("kind", "server"),
    [("own", "18"), ("foreign", "18"), ("host", "15"), ("foreign pool", "15")],
    indirect=True,
)


@everywhere
async def test_a_checkpoint_is_found_as_it_was_saved(lined: Lined) -> None:
    assert await lined.found() == Checkpoint()
    saved = Checkpoint(cursor={"a": [1]}, context={"ä": None}, counts=ALL_COUNTS)
    assert await save_chunk(lined.line, lined.held, lined.step, saved) is RunState.RUNNING
    assert await lined.found() == saved
    assert await lined.line.open_step(lined.step) == saved


@on_boards
async def test_the_boards_own_row_is_the_checkpoint(lined: Lined) -> None:
    await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3, reads=3))
    step = await the_step(lined.store, lined.step.id)
    assert step == replace(lined.step, checkpoint=make_checkpoint(3, reads=3), committed_at=NOW)


@everywhere
async def test_a_chunk_that_raises_leaves_nothing(lined: Lined) -> None:
    with pytest.raises(ZeroDivisionError):
        await write(
            lined, None, make_checkpoint(3), skipped=[make_skipped()], error=ZeroDivisionError()
        )
    assert await lined.found() == Checkpoint()
    skipped = await lined.store.list_skipped_items(step_id=lined.step.id, limit=9)
    assert skipped == []


@everywhere
async def test_what_the_code_does_to_its_state_later_is_not_stored(lined: Lined) -> None:
    context: dict[str, Any] = {"list": [1]}
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(Checkpoint(cursor=1, context=context))
        context["list"].append(2)
    assert await lined.found() == Checkpoint(cursor=1, context={"list": [1]})


@everywhere
async def test_the_last_of_two_saves_counts(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(make_checkpoint(1))
        await tx.save(make_checkpoint(2))
    assert await lined.found() == make_checkpoint(2)


@on_sql
async def test_output_and_checkpoint_commit_together_or_not_at_all(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.connection.executemany("insert into output values ($1)", [(1,), (2,)])
        await tx.save(make_checkpoint(2))
    with pytest.raises(ZeroDivisionError):
        await write(
            lined, "insert into output values (3)", make_checkpoint(3), error=ZeroDivisionError()
        )
    assert await lined.output() == [1, 2]
    assert await lined.found() == make_checkpoint(2)


@on_sql
async def test_transactions_of_the_steps_code_nest_in_the_chunk(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.connection.execute("insert into output values (1)")
        with pytest.raises(asyncpg.NotNullViolationError):
            async with tx.connection.transaction():
                await tx.connection.execute("insert into output values (2), (null)")
        await tx.save(make_checkpoint(1))
    assert await lined.output() == [1]


@on_sql
async def test_an_error_of_the_steps_statement_is_asyncpgs(lined: Lined) -> None:
    with pytest.raises(asyncpg.NotNullViolationError):
        async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
            await tx.connection.execute("insert into output values (null)")
    assert await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(1))


@on_sql
async def test_b08_a_commit_that_the_database_refuses_is_a_chunk_that_was_not_written(
    lined: Lined,
) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await write(lined, "insert into output values (1), (1)", make_checkpoint(2))
    assert await lined.output() == []
    assert await lined.found() == Checkpoint()
    assert await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(1))


@pytest.mark.parametrize("kind", ["own", "foreign"], indirect=True)
async def test_an_error_that_the_step_passed_over_stores_nothing(lined: Lined) -> None:
    with pytest.raises(UsageError, match="savepoint"):
        await write(lined, "insert into output values (null)", make_checkpoint(1))
    assert await lined.found() == Checkpoint()


@pytest.mark.parametrize("kind", ["own", "foreign"], indirect=True)
async def test_a_step_that_ends_the_chunks_transaction_itself_stores_no_checkpoint(
    lined: Lined,
) -> None:
    with pytest.raises(UsageError, match="leave commit and rollback"):
        await write(lined, "commit", make_checkpoint(1))
    assert await lined.found() == Checkpoint()
    assert await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(1))


@on_servers
@pytest.mark.parametrize("text", ["rollback; begin", "commit; begin", "rollback and chain"])
async def test_a_step_that_puts_another_transaction_in_the_chunks_place_stores_no_checkpoint(
    lined: Lined, text: str
) -> None:
    """What was written before is not in that one; to commit the checkpoint would lose it."""

    async def work() -> None:
        async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
            for statement in text.split("; "):
                await tx.connection.execute(statement)
            await tx.connection.execute("insert into output values (2)")
            await tx.save(make_checkpoint(2))

    with pytest.raises(UsageError, match=r"another was begun: .* leave commit and rollback"):
        await work()
    assert await lined.output() == []
    assert await lined.found() == Checkpoint()
    await write(lined, "insert into output values (1)", make_checkpoint(1))
    assert await lined.output() == [1]


@on_servers
async def test_savepoints_of_the_steps_own_sql_are_its_business(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        for text in (
            "insert into output values (1)",
            "savepoint mine",
            "insert into output values (2)",
            "rollback to savepoint mine",
            "insert into output values (3)",
            "release savepoint mine",
        ):
            await tx.connection.execute(text)
        await tx.save(make_checkpoint(3))
    assert await lined.output() == [1, 3]
    assert await lined.found() == make_checkpoint(3)


@pytest.mark.parametrize("kind", ["own"], indirect=True)
async def test_a_savepoint_is_begun_and_ended_as_asyncpgs_transactions_are(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        kept, undone = tx.connection.transaction(), tx.connection.transaction()
        await kept.start()
        await tx.connection.execute("insert into output values (1)")
        await undone.start()
        await tx.connection.execute("insert into output values (2)")
        await undone.rollback()
        await kept.commit()
        async with tx.connection.transaction(isolation="read_committed"):
            await tx.connection.execute("insert into output values (3)")
        await tx.save(make_checkpoint(3))
    assert await lined.output() == [1, 3]


@pytest.mark.parametrize("kind", ["own", "host"], indirect=True)
async def test_a_generator_that_is_closed_behind_the_chunk_leaves_its_savepoint(
    lined: Lined,
) -> None:
    async def numbers(connection: Any) -> AsyncIterator[int]:
        async with connection.transaction():
            async for row in connection.cursor("select generate_series(1, 9)"):
                yield row[0]

    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        half_read = numbers(tx.connection)
        assert await anext(half_read) == 1
        await tx.save(make_checkpoint(1))
    await half_read.aclose()  # type: ignore[attr-defined]
    assert await lined.found() == make_checkpoint(1)


@pytest.mark.parametrize("kind", ["own", "host"], indirect=True)
async def test_a_savepoint_that_is_cancelled_or_timed_out_is_undone_alone(lined: Lined) -> None:
    async def write(connection: Any, n: int, *, timeout_s: float | None = None) -> None:
        async with connection.transaction():
            await connection.execute("insert into output values ($1)", n)
            await connection.execute("select pg_sleep(60)", timeout=timeout_s)

    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.connection.execute("insert into output values (1)")
        with pytest.raises(TimeoutError):
            await write(tx.connection, 2, timeout_s=0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(write(tx.connection, 3), 0.05)
        await tx.save(make_checkpoint(1))
    assert await lined.output() == [1]


@pytest.mark.parametrize("kind", ["own"], indirect=True)
async def test_a_savepoint_has_the_chunks_isolation_and_one_life(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        with pytest.raises(asyncpg.InterfaceError, match=r"'serializable'.* read committed"):
            tx.connection.transaction(isolation="serializable")
        savepoint = tx.connection.transaction()
        with pytest.raises(asyncpg.InterfaceError, match="was not begun"):
            await savepoint.commit()
        await savepoint.start()
        with pytest.raises(asyncpg.InterfaceError, match="begun before"):
            await savepoint.start()
        await savepoint.commit()
        with pytest.raises(asyncpg.InterfaceError, match="has ended"):
            await savepoint.rollback()


@on_servers
async def test_a_chunk_that_made_itself_read_only_is_told_so(lined: Lined) -> None:
    with pytest.raises(UsageError, match="made read only by a statement of the step"):
        await write(lined, "set transaction read only", make_checkpoint(1))
    assert await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(1))


@on_boards
async def test_a_stop_is_seen_by_the_next_chunk(lined: Lined) -> None:
    await changed_run(lined.store, lined.held.run, state=RunState.STOPPING)
    state = await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3))
    assert state is RunState.STOPPING
    assert await lined.found() == make_checkpoint(3)


@on_boards
@pytest.mark.parametrize(
    "changes",
    [
        {"state": RunState.QUEUED, "epoch": None, "node": None, "started_at": None},
        {"state": RunState.LOST},
        {"epoch": 99},
    ],
    ids=str,
)
async def test_a_run_that_is_not_held_any_more_cannot_commit(
    lined: Lined, changes: dict[str, Any]
) -> None:
    await changed_run(lined.store, lined.held.run, **changes)
    with pytest.raises(StepNotHeld):
        await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3))
    assert (await the_step(lined.store, lined.step.id)).checkpoint == Checkpoint()


@on_boards
async def test_a_step_that_was_ended_cannot_commit(lined: Lined) -> None:
    await changed_step(lined.store, lined.step, state=StepState.FAILED, ended_at=NOW)
    with pytest.raises(StepNotHeld):
        await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3))
    assert await lined.found() is None
    with pytest.raises(StepNotHeld):
        await lined.line.open_step(lined.step)


async def test_nothing_of_the_code_of_a_step_that_was_ended_is_kept(lined: Lined) -> None:
    async def work() -> None:
        async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
            await tx.connection.execute("insert into output values (1)")
            await changed_step(lined.store, lined.step, state=StepState.FAILED, ended_at=NOW)
            await tx.save(make_checkpoint(1))

    with pytest.raises(StepNotHeld):
        await work()
    assert await lined.output() == []


async def test_who_takes_over_waits_for_a_chunk_that_commits_and_reads_behind_it(
    lined: Lined,
) -> None:
    async def take_over() -> list[StepExecution]:
        async with lined.store.begin() as tx:
            return await tx.lock_running_steps([lined.held.instance.id])

    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(make_checkpoint(3))
        taking = asyncio.ensure_future(take_over())
        await seen(lambda: someone_waits(lined.dsn))
    [step] = await taking
    assert step.checkpoint == make_checkpoint(3)


async def test_an_instance_whose_chunk_is_about_to_commit_is_told_apart_at_once(
    lined: Lined,
) -> None:
    ids = [lined.held.instance.id, 99]

    async def committing() -> set[int]:
        async with lined.store.begin() as tx:
            return await tx.committing_instances(ids)

    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        assert await committing() == set()
        await tx.save(make_checkpoint(3))
        assert await committing() == {lined.held.instance.id}
    assert await committing() == set()


async def test_who_takes_over_from_a_frozen_node_is_told_to_try_again(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(make_checkpoint(3))
        with pytest.raises(TransactionConflict):
            async with lined.store.begin() as theirs:
                await theirs.lock_step(lined.step.id)


async def test_a_frozen_nodes_transaction_is_ended_by_the_server(
    dsn: str,
) -> None:
    """Its locks, and those of its own statements, keep nobody for ever."""
    await _empty(dsn)
    pool = OwnPool(_At(dsn), deadline_s=10.0, chunk_idle_s=0.2)
    store = PostgresStore(pool=pool, clock=SystemClock())
    await store.open()
    held = await held_run(store)
    step = await stored_step(store, held)

    async def freeze(line: ChunkLine) -> None:
        async with line.begin(step, epoch=held.epoch) as tx:
            await tx.save(make_checkpoint(3))
            async with store.begin() as theirs:  # waits for the end of the frozen one
                locked = await theirs.lock_step(step.id)
            assert locked is not None
            assert locked.checkpoint == Checkpoint()

    async with chunk_line(store) as line:
        with pytest.raises(StoreUnavailable):
            await freeze(line)
        assert await save_chunk(line, held, step, make_checkpoint(1)) is RunState.RUNNING
    await store.close()


@dataclass(frozen=True, slots=True)
class _At:
    """A server's address."""

    text: str

    async def start(self) -> None: ...
    async def dsn(self) -> str:
        return self.text

    def known_dsn(self) -> str:
        return self.text

    async def close(self) -> None: ...


async def test_a_chunk_reads_no_table_from_end_to_end_however_empty_it_was(lined: Lined) -> None:
    scans = (
        "select coalesce(sum(seq_scan), 0), sum(idx_scan) from pg_stat_xact_user_tables"
        " where relname in ('batch_step', 'live_run')"
    )
    async with connected(lined.dsn) as connection:
        await connection.execute("vacuum analyze callboard.batch_step, callboard.live_run")
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(make_checkpoint(1))
        assert tuple(await tx.connection.fetchrow(scans)) == (0, 2)


@on_sql
async def test_a_long_statement_is_let_be_and_a_long_pause_is_not(lined: Lined) -> None:
    names = "statement_timeout", "idle_in_transaction_session_timeout", "transaction_isolation"
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        settings = [await tx.connection.fetchval(f"show {name}") for name in names]
    assert settings == ["0", "1min", "read committed"]
    async with lined.line.reading() as reading:
        settings = [await reading.fetchval(f"show {name}") for name in names]
    assert settings == ["0", "0", "read committed"]


@pytest.mark.parametrize("kind", ["own", "foreign"], indirect=True)
async def test_a_lost_connection_undoes_the_chunk_and_the_next_one_has_another(
    lined: Lined,
) -> None:
    async def work() -> None:
        async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
            await tx.connection.execute("insert into output values (1)")
            await kill_backends(lined.dsn)
            await tx.save(make_checkpoint(1))

    with pytest.raises(StoreUnavailable):
        await work()
    assert await lined.output() == []
    assert await lined.found() == Checkpoint()
    assert await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(1))


async def end_backend(dsn: str, pid: int) -> None:
    async with connected(dsn) as connection:
        await connection.execute("select pg_terminate_backend($1, 5000)", pid)


@on_servers
async def test_a_connection_that_was_lost_says_so_whoever_lent_it(lined: Lined) -> None:
    """A pool takes a lost one from whoever has it; the error is that of the savepoint's end."""

    async def lose(connection: Any) -> None:
        async with connection.transaction():
            await end_backend(lined.dsn, connection.get_server_pid())
            await connection.execute("select 1")

    async def work() -> None:
        async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
            assert not tx.connection.is_closed()
            with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresConnectionError)):
                await lose(tx.connection)
            assert tx.connection.is_closed()
            await tx.save(make_checkpoint(1))

    with pytest.raises(StoreUnavailable):
        await work()
    assert await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(1))


@pytest.mark.parametrize("kind", ["own", "host"], indirect=True)
async def test_all_that_asyncpg_does_in_a_transaction_is_done_in_a_chunks(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        records = [(n,) for n in range(3)]
        await tx.connection.copy_records_to_table("output", records=records, columns=["n"])
        async with tx.connection.transaction():
            cursor = tx.connection.cursor("select n from output order by n", prefetch=1)
            assert [row[0] async for row in cursor] == [0, 1, 2]
        insert = await tx.connection.prepare("insert into output values ($1) returning n")
        assert await insert.fetchval(3) == 3
        await transactional.start(tx.connection, lined.held.run.job)
        await tx.save(make_checkpoint(1))
    assert await lined.output() == [0, 1, 2, 3]


@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize("is_foreign", [True, False])
async def test_b09_after_a_commit_without_an_answer_the_checkpoint_tells(
    dsn: str, clock: VirtualClock, is_stored: bool, is_foreign: bool
) -> None:
    await _empty(dsn)
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(relay_to(dsn))
        store = await stack.enter_async_context(opened(dsn, clock=clock))
        far = await stack.enter_async_context(opened(relay.dsn, clock=clock))
        line = await stack.enter_async_context(chunk_line(far))
        held = await held_run(store)
        step = await stored_step(store, held)
        if is_foreign:
            line = open_foreign_line(relay.dsn, origin="b", clock=clock)
            stack.push_async_callback(line.close)
        await line.open_step(step)
        relay.lose(b"COMMIT", before=not is_stored)
        with pytest.raises(StoreUnavailable):
            await save_chunk(line, held, step, make_checkpoint(3, reads=3))
        expected = make_checkpoint(3, reads=3) if is_stored else Checkpoint()
        assert await line.find(step) == expected


async def test_a_commit_that_is_in_doubt_is_waited_for(lined: Lined) -> None:
    """The connection is gone, the server has not noticed yet: its transaction ends first."""
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(make_checkpoint(3))
        finding = asyncio.ensure_future(lined.found())
        await seen(lambda: someone_waits(lined.dsn))
        assert not finding.done()
    assert await finding == make_checkpoint(3)


async def test_a_cancelled_chunk_is_undone(lined: Lined) -> None:
    saved = asyncio.Event()

    async def work() -> None:
        async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
            await tx.save(make_checkpoint(3))
            saved.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await saved.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await lined.found() == Checkpoint()


async def test_chunks_of_partitions_commit_side_by_side(lined: Lined) -> None:
    async def partition(n: int) -> None:
        step = await stored_step(lined.store, lined.held, name=f"load:{n}")
        for cursor in range(5):
            async with lined.line.begin(step, epoch=lined.held.epoch) as tx:
                value = 100 * n + cursor
                await tx.connection.execute("insert into output values ($1)", value)
                await tx.save(make_checkpoint(cursor))

    await asyncio.gather(*(partition(n) for n in range(25)))
    assert len(await lined.output()) == 125


@on_sql
async def test_readers_take_no_connection_from_chunks(lined: Lined) -> None:
    async with lined.line.reading() as reading, reading.transaction():
        rows = reading.cursor("select generate_series(1, 3)")
        n = 0
        async for row in rows:
            n = row[0]
            async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
                await tx.connection.execute("insert into output values ($1)", n)
                await tx.save(make_checkpoint(n))
    assert n == 3
    assert await lined.found() == make_checkpoint(3)


@pytest.mark.parametrize("kind", ["memory"], indirect=True)
async def test_memory_has_no_sql(lined: Lined) -> None:
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        assert tx.connection is None
    with pytest.raises(UsageError, match="PostgreSQL"):
        lined.line.reading()
    assert await lined.found() == Checkpoint()


async def test_a_hosts_pool_has_to_have_room_for_chunks(dsn: str, clock: VirtualClock) -> None:
    async with asyncpg.create_pool(dsn, min_size=0, max_size=4) as pool:
        store = open_store("", pool=pool, clock=clock)
        with pytest.raises(InvalidInput, match="make it at least 5"):
            store.chunk_line()


async def test_a_closed_line_says_so(lined: Lined) -> None:
    await lined.line.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await lined.found()


# an application's own database


@on_foreign
async def test_a_newer_execution_fences_off_the_older_one(lined: Lined) -> None:
    await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3, reads=3))
    newer = await _next_execution(lined)
    assert await lined.line.open_step(newer) == replace(make_checkpoint(3), counts=StepCounts())
    with pytest.raises(StepNotHeld):
        await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(4))
    with pytest.raises(StepNotHeld):
        await lined.line.open_step(lined.step)
    assert await lined.found() is None
    assert await save_chunk(lined.line, lined.held, newer, make_checkpoint(6)) is RunState.RUNNING
    assert await lined.line.find(newer) == make_checkpoint(6)


async def _next_execution(lined: Lined, **changes: Any) -> StepExecution:
    """After the present one was lost."""
    await changed_step(lined.store, lined.step, state=StepState.FAILED, ended_at=NOW)
    changes = {"first_id": lined.step.first_id, **changes}
    return await stored_step(lined.store, lined.held, **changes)


@pytest.mark.parametrize("kind", ["foreign"], indirect=True)
async def test_a_newer_execution_counts_what_the_board_has_missed_of_the_one_before(
    lined: Lined,
) -> None:
    """Whose node died between its commit here and the copy of it on the board; also when the newer
    one dies before it has done anything."""
    seen_there = StepCounts(reads=3, writes=2, commits=1, rollbacks=1)
    committed = StepCounts(reads=6, writes=5, commits=2)
    saved = replace(make_checkpoint(6), counts=committed)
    await save_chunk(lined.line, lined.held, lined.step, saved)
    known = {lined.step.id: seen_there}
    missed = StepCounts(reads=3, writes=3, commits=1)
    newer = await _next_execution(lined)
    for _ in range(2):  # the first answer may be lost
        opened = await lined.line.open_step(newer, known)
        assert opened == replace(saved, counts=missed)
    await changed_step(lined.store, newer, state=StepState.FAILED, ended_at=NOW)
    third = await stored_step(lined.store, lined.held, first_id=lined.step.first_id)
    opened = await lined.line.open_step(third, {**known, newer.id: StepCounts()})
    assert opened == replace(saved, counts=missed)


@pytest.mark.parametrize("kind", ["foreign"], indirect=True)
async def test_a_newer_execution_waits_for_a_chunk_that_commits(lined: Lined) -> None:
    newer = await _next_execution(lined)
    async with lined.line.begin(lined.step, epoch=lined.held.epoch) as tx:
        await tx.save(make_checkpoint(3))
        opening = asyncio.ensure_future(lined.line.open_step(newer))
        await seen(lambda: someone_waits(lined.dsn))
    assert (await opening).cursor == 3


@pytest.mark.parametrize("kind", ["foreign"], indirect=True)
async def test_a_step_that_begins_afresh_finds_nothing_there(lined: Lined) -> None:
    """B17: a step that runs again although it is complete."""
    await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3))
    again = await _next_execution(lined, first_id=0)
    assert await lined.line.open_step(again) == Checkpoint()


@pytest.mark.parametrize("kind", ["foreign"], indirect=True)
async def test_a_step_with_another_name_goes_on_from_its_checkpoint(lined: Lined) -> None:
    await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3))
    renamed = await _next_execution(lined, name="read")
    assert (await lined.line.open_step(renamed)).cursor == 3


@pytest.mark.parametrize("kind", ["foreign"], indirect=True)
async def test_boards_that_share_a_database_do_not_meet(lined: Lined, clock: VirtualClock) -> None:
    await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3))
    other = open_foreign_line(lined.dsn, origin="another board", clock=clock)
    assert await other.open_step(lined.step) == Checkpoint()
    await other.close()
    assert await lined.found() == make_checkpoint(3)


@pytest.mark.parametrize("kind", ["foreign"], indirect=True)
async def test_skipped_items_stay_with_their_chunk(lined: Lined) -> None:
    items = [make_skipped("1"), make_skipped("2")]
    await save_chunk(lined.line, lined.held, lined.step, make_checkpoint(3), items)
    more = [make_skipped("3")]
    with pytest.raises(ZeroDivisionError):
        await write(lined, None, make_checkpoint(4), skipped=more, error=ZeroDivisionError())
    async with connected(lined.dsn) as connection:
        rows = await connection.fetch("select item, step_id from callboard_skip order by id")
    assert [tuple(row) for row in rows] == [("1", lined.step.id), ("2", lined.step.id)]


async def test_lines_that_open_at_once_make_the_tables_once(
    lined: Lined, clock: VirtualClock
) -> None:
    lines = [open_foreign_line(lined.dsn, origin=f"{n}", clock=clock) for n in range(6)]
    found = await asyncio.gather(*(line.open_step(lined.step) for line in lines))
    await asyncio.gather(*(line.close() for line in lines))
    assert found == [Checkpoint()] * 6


async def test_the_tables_are_made_in_the_schema_that_is_named(
    lined: Lined, clock: VirtualClock
) -> None:
    async with connected(lined.dsn) as connection:
        await connection.execute('drop schema if exists "order" cascade; create schema "order"')
        line = open_foreign_line(lined.dsn, origin="b", clock=clock, schema="order")
        await line.open_step(lined.step)
        await save_chunk(line, lined.held, lined.step, make_checkpoint(3))
        await line.close()
        cursor = await connection.fetchval(
            'select cursor_value::text from "order".callboard_checkpoint'
        )
    assert cursor == "3"


async def test_a_schema_that_is_not_there_is_named(lined: Lined, clock: VirtualClock) -> None:
    line = open_foreign_line(lined.dsn, origin="b", clock=clock, schema="nowhere")
    with pytest.raises(InvalidInput, match="schema: 'nowhere' is not in the application's"):
        await line.open_step(lined.step)
    await line.close()


async def test_a_user_who_may_not_make_the_tables_is_told_what_to_grant(
    lined: Lined, clock: VirtualClock
) -> None:
    async with connected(lined.dsn) as connection:
        await connection.execute("drop role if exists clerk; create role clerk login")
        line = open_foreign_line(lined.dsn.replace("callboard@", "clerk@"), origin="b", clock=clock)
        with pytest.raises(InvalidInput, match="grant create on schema public to it"):
            await line.open_step(lined.step)
        await line.close()
        await connection.execute("drop role clerk")


@pytest.mark.parametrize("schema", ["", "a.b", 'a"b', "a; drop", "Ä", "a" * 64, "a\n"])
def test_a_schema_is_a_plain_name(schema: str, clock: VirtualClock) -> None:
    with pytest.raises(InvalidInput, match="schema: "):
        open_foreign_line("postgresql://x/y", origin="b", clock=clock, schema=schema)


@pytest.mark.parametrize("database", ["memory:", "mysql://secret@host/x", ""])
def test_an_applications_database_is_a_postgresql(database: str, clock: VirtualClock) -> None:
    with pytest.raises(InvalidInput, match="database: ") as caught:
        open_foreign_line(database, origin="b", clock=clock)
    assert "secret" not in str(caught.value)
