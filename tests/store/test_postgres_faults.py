"""The database goes away, is slow, or refuses: what the store makes of it, and how it resumes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from asyncpg import exceptions as pg

from callboard.errors import LedgerConflict, SchemaMismatch, StoreError, StoreUnavailable
from callboard.store.contract import JobFilter, Store
from callboard.store.statements import TransactionConflict, translated
from support.factories import make_entry, make_job, stored_job, stored_trigger
from support.postgres_store import SHORT_S, connected, kill_backends, opened, seen, someone_waits
from support.relay import relay_to


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (pg.ConnectionDoesNotExistError("closed"), StoreUnavailable),
        (pg.CannotConnectNowError("starting up"), StoreUnavailable),
        (pg.AdminShutdownError("terminating"), StoreUnavailable),
        (pg.CrashShutdownError("crash"), StoreUnavailable),
        (pg.QueryCanceledError("statement timeout"), StoreUnavailable),
        (pg.TooManyConnectionsError("too many"), StoreUnavailable),
        (pg.DiskFullError("no space"), StoreUnavailable),
        (pg.ReadOnlySQLTransactionError("standby"), StoreUnavailable),
        (pg.IdleInTransactionSessionTimeoutError("idle"), StoreUnavailable),
        (pg.InterfaceError("connection is closed"), StoreUnavailable),
        (pg.InternalClientError("cannot switch to state 15"), StoreUnavailable),
        (AttributeError("'NoneType' object has no attribute 'bind_execute'"), StoreUnavailable),
        (ConnectionRefusedError(111, "refused"), StoreUnavailable),
        (TimeoutError(), StoreUnavailable),
        (pg.SerializationError("concurrent update"), TransactionConflict),
        (pg.DeadlockDetectedError("deadlock"), TransactionConflict),
        (pg.UndefinedTableError("no relation"), SchemaMismatch),
        (pg.UndefinedColumnError("no column"), SchemaMismatch),
        (pg.InvalidSchemaNameError("no schema"), SchemaMismatch),
        (pg.InvalidPasswordError("wrong"), StoreError),
        (pg.InvalidCatalogNameError("no database"), StoreError),
        (pg.UntranslatableCharacterError("a NUL"), StoreError),
        (pg.DataError("too large"), StoreError),
        (pg.CheckViolationError("out of range"), StoreError),
        (pg.InsufficientPrivilegeError("no right"), StoreError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_an_error_of_the_driver_becomes_ours(error: Exception, ours: type[StoreError]) -> None:
    assert type(translated(error)) is ours


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ConnectionRefusedError(111, "refused"), "no server listens where the DSN says"),
        (FileNotFoundError(2, "no socket"), "no server listens where the DSN says"),
        (socket.gaierror(-2, "not known"), "is the host in the DSN right?"),
        (pg.CannotConnectNowError("it shuts down"), "goes on by itself"),
    ],
)
def test_a_server_that_is_not_found_says_what_to_look_at(error: Exception, advice: str) -> None:
    assert advice in str(translated(error))


def test_what_may_succeed_later_says_so() -> None:
    assert translated(pg.DeadlockDetectedError("deadlock")).retryable
    assert translated(TimeoutError()).retryable
    assert not translated(pg.InvalidPasswordError("wrong")).retryable


async def test_a_slot_that_is_decided_twice_is_a_ledger_conflict(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        trigger = await stored_trigger(store)
        assert trigger.next_slot is not None
        entry = make_entry(trigger, trigger.next_slot)
        with pytest.raises(LedgerConflict, match="has an entry already"):
            async with store.begin() as tx:
                await tx.insert_ledger([entry, entry])


async def test_a_value_that_the_database_cannot_keep_is_a_store_error(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        with pytest.raises(StoreError, match="refused"):
            await stored_job(store, description="a NUL: \x00")
        assert await store.list_jobs(JobFilter()) == []


async def test_reads_and_writes_resume_after_their_connections_were_ended(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as store:
        await stored_job(store, "first")
        assert len(await store.list_jobs(JobFilter())) == 1
        assert await kill_backends(postgres_dsn) == 2
        await seen(lambda: _writes(store, "second"))
        await seen(lambda: _reads(store))
        assert len(await store.list_jobs(JobFilter())) == 2


async def _writes(store: Store, name: str) -> bool:
    try:
        await stored_job(store, name)
    except StoreUnavailable:
        return False
    return True


async def _reads(store: Store) -> bool:
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


async def test_a_connection_lost_within_a_transaction_undoes_it(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:

        async def work() -> None:
            async with store.begin() as tx:
                await tx.insert_job(make_job("lost"))
                await kill_backends(postgres_dsn)
                await tx.insert_job(make_job("never"))

        with pytest.raises(StoreUnavailable):
            await work()
        await seen(lambda: _writes(store, "kept"))
        assert [job.name for job in await store.list_jobs(JobFilter())] == ["kept"]


async def test_an_error_of_the_block_undoes_the_transaction_and_is_the_callers(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as store:

        async def work() -> None:
            async with store.begin() as tx:
                await tx.insert_job(make_job())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await work()
        assert await store.list_jobs(JobFilter()) == []
        await stored_job(store)


async def test_a_cancelled_block_undoes_the_transaction(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        entered = asyncio.Event()

        async def work() -> None:
            async with store.begin() as tx:
                await tx.insert_job(make_job())
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.list_jobs(JobFilter()) == []
        await stored_job(store)


async def test_a_statement_cancelled_while_it_waits_leaves_the_store_usable(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as other:
        job = await stored_job(store)
        transaction = other.transaction()
        await transaction.start()
        await other.execute("select from callboard.job for update")

        async def work() -> None:
            async with store.begin() as tx:
                await tx.lock_jobs([(job.group, job.name)])

        task = asyncio.ensure_future(work())
        await seen(lambda: someone_waits(postgres_dsn))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stored_job(store, "next")
        await transaction.rollback()


async def test_a_statement_that_waits_for_a_lock_has_a_deadline(postgres_dsn: str) -> None:
    async with (
        opened(postgres_dsn, deadline_s=SHORT_S) as store,
        connected(postgres_dsn) as other,
    ):
        job = await stored_job(store)
        transaction = other.transaction()
        await transaction.start()
        await other.execute("select from callboard.job for update")
        with pytest.raises(StoreUnavailable):
            async with store.begin() as tx:
                await tx.lock_jobs([(job.group, job.name)])
        await transaction.rollback()
        async with store.begin() as tx:
            assert len(await tx.lock_jobs([(job.group, job.name)])) == 1


async def test_an_error_that_the_block_passes_over_is_not_taken_for_a_commit(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as store:

        async def work() -> None:
            async with store.begin() as tx:
                await tx.insert_job(make_job())
                with pytest.raises(StoreError):
                    await tx.insert_job(make_job("nul", description="\x00"))

        with pytest.raises(StoreError, match="nothing was stored"):
            await work()
        assert await store.list_jobs(JobFilter()) == []


async def test_a_half_open_connection_hangs_nobody(postgres_dsn: str) -> None:
    async with relay_to(postgres_dsn) as relay, opened(relay.dsn, deadline_s=SHORT_S) as store:
        await stored_job(store)
        relay.is_silent.set()
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await stored_job(store, "unheard")
        with pytest.raises(StoreUnavailable):
            await store.list_jobs(JobFilter())
        relay.is_silent.clear()
        await seen(lambda: _writes(store, "heard"))


async def test_a_store_that_is_not_open_says_so(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        pass
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.ping()
    with pytest.raises(StoreUnavailable, match="not open"):
        async with store.begin():
            pass


async def test_opening_fails_while_the_server_is_away_and_succeeds_later(
    postgres_dsn: str,
) -> None:
    async with relay_to(postgres_dsn) as relay:
        relay.is_refusing.set()
        async with opened_later(relay.dsn) as store:
            with pytest.raises(StoreUnavailable):
                await store.open()
            relay.is_refusing.clear()
            await store.open()
            await store.ping()


@asynccontextmanager
async def opened_later(dsn: str) -> AsyncIterator[Store]:
    from callboard.store.dsn import open_store
    from callboard.testing import VirtualClock

    store = open_store(dsn, clock=VirtualClock(), deadline_s=SHORT_S)
    try:
        yield store
    finally:
        await store.close()


async def test_a_hosts_pool_is_borrowed_from_and_left_open(postgres_dsn: str) -> None:
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=3) as pool:
        async with opened("", pool=pool) as store:
            await stored_job(store)
            assert len(await store.list_jobs(JobFilter())) == 1
        assert await pool.fetchval("select count(*) from callboard.job") == 1


async def test_a_hosts_codecs_and_session_settings_do_not_matter(postgres_dsn: str) -> None:
    async def init(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=str, decoder=lambda text: ("mine", text)
        )

    settings = {"search_path": "pg_temp", "default_transaction_isolation": "serializable"}
    async with asyncpg.create_pool(
        postgres_dsn, min_size=0, max_size=3, init=init, server_settings=settings
    ) as pool:
        async with opened("", pool=pool) as store:
            job = await stored_job(store, arguments={"a": [1, None]}, labels={"b": "c"})
            assert await store.get_job(job.group, job.name) == job
            async with store.begin(), pool.acquire():
                pass


async def test_a_hosts_pool_without_room_is_refused(postgres_dsn: str) -> None:
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=2) as pool:
        with pytest.raises(Exception, match="pool: has a max_size of 2"):
            async with opened("", pool=pool):
                pass


async def test_a_lock_held_by_a_stalled_writer_is_let_go(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, deadline_s=0.5) as stalled, opened(postgres_dsn) as other:
        job = await stored_job(other)

        async def work() -> None:
            async with stalled.begin() as tx:
                await tx.lock_jobs([(job.group, job.name)], for_change=True)
                async with other.begin() as theirs:
                    assert await theirs.lock_jobs([(job.group, job.name)], for_change=True)
                await tx.delete_job(job.id)

        with pytest.raises(StoreUnavailable):
            await work()
        assert await other.get_job(job.group, job.name) is not None


async def test_transactions_work_without_prepared_statements(postgres_dsn: str) -> None:
    async with opened(f"{postgres_dsn}&statement_cache_size=0") as store:
        job = await stored_job(store)
        assert await store.get_job(job.group, job.name) == job
    async with connected(postgres_dsn) as connection:
        assert await connection.fetchval("select count(*) from callboard.job") == 1
