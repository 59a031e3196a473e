"""A board with batch jobs, nodes in processes of their own, and what is seen of a run of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from acceptance.batch_flow_work import FLOW_JOBS
from acceptance.batch_work import JOBS, TABLES, BookParams, file_of
from acceptance.boards import real_board
from acceptance.nodes import Company, NodeProcess, company, until
from callboard import Callboard, Run
from callboard.domain.batch_instance import BatchHistory, BatchRun
from callboard.domain.batch_step import StepExecution, sum_of
from support.postgres import database, migrated
from support.postgres_store import connected

PROGRAM: Final = Path(__file__).with_name("batch_node.py")
END_LEASE: Final = "update callboard.node set lease_until = now() where name = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job, and the point at which its run is held."""

    job: str
    trap: str = ""
    note: str = ""
    """Tells two cases of one point apart."""

    @property
    def book(self) -> str:
        return "-".join(filter(None, (self.job, *self.trap.split(":"), self.note)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What is committed of a book; sorted."""

    lines: tuple[int, ...]
    postings: tuple[tuple[int, int], ...]
    reports: tuple[tuple[int, int], ...]
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A run and its instance at some time."""

    run: Run
    history: BatchHistory
    output: Output

    @property
    def batch(self) -> BatchRun:
        return next(batch for batch in self.history.runs if batch.run_id == self.run.id)

    def steps(self, name: str) -> list[StepExecution]:
        """All executions of the step, of all runs, oldest first."""
        return [step for step in self.history.steps if step.name == name]

    def states(self) -> dict[str, list[str]]:
        """Of all executions, by step."""
        names = dict.fromkeys(step.name for step in self.history.steps)
        return {name: [step.state.value for step in self.steps(name)] for name in names}

    def writes(self, name: str) -> int:
        """By all executions of the step."""
        return sum_of(step.counts for step in self.steps(name)).writes


class Scene:
    """One test's databases, nodes and snares; `desk` asks, and executes nothing."""

    def __init__(
        self, desk: Callboard, nodes: Company, snares: Path, board_dsn: str, shop_dsn: str
    ) -> None:
        self.desk = desk
        self.nodes = nodes
        self.snares = snares
        self.board_dsn = board_dsn
        self.shop_dsn = shop_dsn

    def params(self, case: Case) -> BookParams:
        return BookParams(book=case.book, trap=case.trap, snares=str(self.snares))

    async def start(self, case: Case) -> Run:
        """A run that will be held, if the case says so."""
        if case.trap:
            self.set_snare(case)
        return await self.desk.operator.start(case.job, self.params(case))

    def set_snare(self, case: Case) -> None:
        self._file(case, "set").touch()

    async def all_held(self, cases: Sequence[Case]) -> None:
        missing: list[str] = []

        async def are_held() -> bool:
            missing[:] = [each.book for each in cases if not self._file(each, "sprung").exists()]
            return not missing

        try:
            await until(are_held, "every run is held")
        except AssertionError as error:
            error.add_note(f"not held: {missing}")
            raise

    def let_go(self, case: Case) -> None:
        self._file(case, "go").touch()

    async def ended_chunk(self, case: Case) -> str:
        """Name of the exception by which the held chunk was left."""
        file = self._file(case, "ended")

        async def is_told() -> str:
            return file.read_text("utf-8") if file.exists() else ""

        return str(await until(is_told, f"the chunk of {case.book} was left"))

    async def end_lease(self, dead: NodeProcess) -> None:
        """Now, lest a lease that is short ends on a busy machine while its node lives."""
        async with connected(self.board_dsn) as connection:
            await connection.execute(END_LEASE, dead.name)

    async def over(self, run_id: int) -> Run:
        """The run when it has ended, or is parked."""
        run = await self.desk.operator.wait(run_id, timeout_s=60)
        assert run.has_ended or run.state == "parked", run
        return run

    async def seen(self, case: Case, run_id: int) -> Seen:
        run = await self.desk.get_run(run_id)
        assert run.instance_id is not None
        history = await self.desk.operator.history(run.instance_id)
        return Seen(run=run, history=history, output=await self.output(case))

    async def output(self, case: Case) -> Output:
        dsn = self.shop_dsn if case.job == "elsewhere" else self.board_dsn
        file = file_of(str(self.snares), case.book)
        async with connected(dsn) as connection:
            return Output(
                lines=tuple([row[0] for row in await _rows(connection, "n", "line", case)]),
                postings=tuple(map(tuple, await _rows(connection, "n, cents", "posting", case))),
                reports=tuple(map(tuple, await _rows(connection, "lines, cents", "report", case))),
                file=file.read_text("utf-8") if file.exists() else "",
            )

    def _file(self, case: Case, what: str) -> Path:
        return self.snares / f"{case.book}.{what}"


async def _rows(
    connection: asyncpg.Connection[asyncpg.Record], columns: str, table: str, case: Case
) -> list[asyncpg.Record]:
    query = f"select {columns} from shop.{table} where book = $1 order by 1"
    return list(await connection.fetch(query, case.book))


@asynccontextmanager
async def scene(server_dsn: str, snares: Path, **options: float | str) -> AsyncIterator[Scene]:
    """A desk and the jobs, no node yet."""
    async with migrated(server_dsn) as board_dsn, database(server_dsn) as shop_dsn:
        for dsn in (board_dsn, shop_dsn):
            async with connected(dsn) as connection:
                await connection.execute(TABLES)
        async with (
            real_board(
                board_dsn, node_name="desk", deadline_s=10.0, executes=False, fires=False
            ) as desk,
            company(board_dsn, program=PROGRAM, shop=shop_dsn, capacity=100, **options) as nodes,
        ):
            for job in (*JOBS, *FLOW_JOBS):
                await desk.define(job)
            yield Scene(desk, nodes, snares, board_dsn, shop_dsn)
