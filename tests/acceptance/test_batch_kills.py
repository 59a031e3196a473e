"""`kill -9` of the node at each point of a batch run (B06, rows of the crash matrix).

All cases share one blow: each is a run that is held at its point when its node is killed. What the
database has then is what the node leaves behind. Another node goes on when the lease is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from acceptance.batch_blow import Told, killed_while_it_creates, struck
from acceptance.batch_flow_work import PARTS
from acceptance.batch_scene import Case, Output, Seen, scene
from acceptance.batch_work import COMMITS, ITEMS, SIZE, SUM
from callboard.domain.batch_step import StepState
from callboard.domain.states import RunState

LEASE_S: Final = 60.0
STEPS: Final = ("load", "settle", "report")
ALL_DONE: Final = {name: ["succeeded"] for name in STEPS}
IN_CHUNK: Final = ("read", "process", "write", "save")
"""Points before the second chunk has committed."""
POINTS: Final = (
    "run:begin",
    *(f"load:{point}" for point in ("begin", *IN_CHUNK, "committed", "end")),
    *(f"settle:{point}" for point in ("begin", *IN_CHUNK, "committed", "end")),
    "report:begin",
    "report:end",
    "job:end",
)
"""In the order in which a run comes to them."""
FAILING: Final = (
    *("run:begin", "load:write", "load:committed", "load:end"),
    *("settle:begin", "settle:read", "settle:end", "report:end", "job:end"),
)
WHOLE: Final = Case(job="retried", note="whole")
"""The one that nobody interrupts."""
BORN, UNBORN = (Case(job="retried", note=note) for note in ("born", "unborn"))
HEALED: Final = tuple(Case(job="retried", trap=point) for point in POINTS)
FAILED: Final = tuple(Case(job="failed", trap=point) for point in FAILING)
STOPPED: Final = tuple(
    Case(job="retried", trap=trap, note="stopping") for trap in ("load:write", "job:end")
)
PARKED: Final = Case(job="parked", trap="load:write")
ELSEWHERE: Final = tuple(
    Case(job="elsewhere", trap=f"load:{point}") for point in ("write", "save", "copy", "end")
)
PARTED: Final = Case(job="parted", trap="load:north:write")
FILED: Final = Case(job="filed", trap="dump:written")
NESTED: Final = tuple(Case(job="nested", trap=trap) for trap in ("inner:started", "settle:write"))
DECIDED: Final = Case(job="branched", trap="left:begin")
SPLIT: Final = Case(job="branched", trap="upper:write")
OTHERS: Final = (*ELSEWHERE, PARTED, FILED, *NESTED, DECIDED, SPLIT)
CASES: Final = (UNBORN, WHOLE, *HEALED, *FAILED, *STOPPED, PARKED, *OTHERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    books: list[str]
    """Of the instances there were when a process that created one was killed."""
    born: Seen
    cases: Mapping[Case, Told]

    def __getitem__(self, case: Case) -> Told:
        return self.cases[case]


@pytest.fixture(scope="module")
def blow(postgres_servers: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Blow:
    async def strike() -> Blow:
        newest = postgres_servers[max(postgres_servers, key=int)]
        async with scene(newest, tmp_path_factory.mktemp("snares"), lease_s=LEASE_S) as one:
            books = await killed_while_it_creates(one, BORN, UNBORN)
            cases = await struck(one, CASES)
            (run_id,) = [
                instance.last_run_id
                for instance in await one.desk.operator.instances(BORN.job, limit=1000)
                if instance.parameters["book"] == BORN.book
            ]
            return Blow(books=books, born=await one.seen(BORN, run_id), cases=cases)

    return asyncio.run(strike())


@pytest.fixture(scope="module")
def whole(blow: Blow) -> Output:
    """What an uninterrupted run makes."""
    output = blow[WHOLE].over.output
    assert (len(output.lines), len(output.postings), output.reports) == (ITEMS, ITEMS, OF_ALL)
    return output


OF_ALL: Final = ((ITEMS, SUM * SUM),)


def by_id(case: Case) -> str:
    return case.book


# the run is created


def test_killed_before_the_create_commits_nothing_is_there_and_it_can_be_started_again(
    blow: Blow, whole: Output
) -> None:
    assert blow.books == [BORN.book]
    assert (blow[UNBORN].over.run.state, blow[UNBORN].over.output) == ("succeeded", whole)


def test_killed_after_the_create_the_run_is_for_any_worker(blow: Blow, whole: Output) -> None:
    assert (blow.born.run.state, blow.born.output) == (RunState.SUCCEEDED, whole)
    assert [batch.run_id for batch in blow.born.history.runs] == [blow.born.run.id]


# the run goes on by itself (on_crash retry)


@pytest.mark.parametrize("case", [*HEALED, *ELSEWHERE], ids=by_id)
def test_b06_the_same_run_goes_on_and_its_output_is_that_of_an_uninterrupted_one(
    blow: Blow, whole: Output, case: Case
) -> None:
    dead, over = blow[case].dead, blow[case].over
    assert (dead.run.state, over.run.id) == (RunState.RUNNING, dead.run.id)
    assert (over.run.state, over.run.crashes, over.run.node) == ("succeeded", 1, "healer")
    assert over.output == whole
    assert over.history.instance.state == "succeeded"
    assert over.batch.context == {"sum": SUM}
    assert_counted_once(over)


@pytest.mark.parametrize("step", ["load", "settle"])
@pytest.mark.parametrize("point", IN_CHUNK)
def test_killed_in_a_chunk_its_items_are_read_and_processed_again(
    blow: Blow, step: str, point: str
) -> None:
    """Mid-chunk; after the write and before the commit."""
    told = blow[Case(job="retried", trap=f"{step}:{point}")]
    assert committed(told.dead, step) == SIZE
    lost, again = told.over.steps(step)
    assert (lost.state, lost.exit_code, lost.counts.writes) == (StepState.FAILED, "LOST", SIZE)
    assert (again.first_id, again.counts.reads) == (lost.id, ITEMS - SIZE)


@pytest.mark.parametrize("step", ["load", "settle"])
def test_killed_between_a_commit_and_the_next_read_nothing_is_done_again(
    blow: Blow, step: str
) -> None:
    told = blow[Case(job="retried", trap=f"{step}:committed")]
    assert committed(told.dead, step) == 2 * SIZE
    lost, again = told.over.steps(step)
    assert lost.checkpoint.cursor in ({"numbers": 2 * SIZE}, {"lines": 2 * SIZE})
    assert (lost.counts.writes, again.counts.writes) == (2 * SIZE, ITEMS - 2 * SIZE)


@pytest.mark.parametrize("step", ["load", "settle"])
def test_killed_behind_the_last_chunk_the_step_reads_nothing_more(blow: Blow, step: str) -> None:
    told = blow[Case(job="retried", trap=f"{step}:end")]
    assert told.dead.states()[step] == ["running"]
    lost, again = told.over.steps(step)
    assert (lost.counts.commits, lost.counts.writes) == (COMMITS, ITEMS)
    assert (again.state, again.counts.reads, again.counts.commits) == ("succeeded", 0, 0)


def test_79_killed_between_two_steps_the_promoted_values_are_there(blow: Blow) -> None:
    """Step end and job context are one transaction: there is no hole between them."""
    told = blow[Case(job="retried", trap="settle:begin")]
    assert told.dead.states() == {"load": ["succeeded"]}
    assert told.dead.batch.context == {"sum": SUM}
    assert told.over.states() == ALL_DONE


def test_killed_behind_the_commit_of_a_tasklet_it_is_told_so_by_its_state(blow: Blow) -> None:
    told = blow[Case(job="retried", trap="report:end")]
    assert told.dead.output.reports == OF_ALL
    lost, again = told.over.steps("report")
    assert (lost.state, again.state) == (StepState.FAILED, StepState.SUCCEEDED)
    assert again.checkpoint.context == {"is_written": True}


def test_killed_behind_the_last_step_no_step_is_executed_again(blow: Blow) -> None:
    told = blow[Case(job="retried", trap="job:end")]
    assert told.dead.states() == told.over.states() == ALL_DONE
    assert told.dead.run.state is RunState.RUNNING


# the run fails (on_crash fail), and is restarted


@pytest.mark.parametrize("case", FAILED, ids=by_id)
def test_76_the_run_fails_with_a_reason_and_so_do_its_steps(blow: Blow, case: Case) -> None:
    over = blow[case].over
    assert (over.run.state, over.batch.exit_code) == (RunState.FAILED, "FAILED")
    assert over.run.error is not None
    assert over.run.error.type == "NodeLost"
    assert "the lease of node victim ended" in over.run.error.message
    assert over.run.ended_at is not None
    assert over.history.instance.state == "failed"
    cut = [step for step in over.history.steps if step.state is not StepState.SUCCEEDED]
    assert [(step.state, step.exit_code) for step in cut] in ([], [(StepState.FAILED, "LOST")])
    assert all(step.ended_at is not None for step in over.history.steps)


@pytest.mark.parametrize("case", FAILED, ids=by_id)
def test_77_a_restart_goes_on_at_the_same_point(blow: Blow, whole: Output, case: Case) -> None:
    told = blow[case]
    assert told.again is not None
    assert told.again.run.id != told.over.run.id
    assert told.again.run.instance_id == told.over.run.instance_id
    assert (told.again.run.state, told.again.output) == (RunState.SUCCEEDED, whole)
    assert told.again.batch.context == {"sum": SUM}
    assert_counted_once(told.again)
    done = {step.name for step in told.over.history.steps if step.state is StepState.SUCCEEDED}
    mine = {step.name for step in told.again.history.steps if step.run_id == told.again.run.id}
    assert mine == set(STEPS) - done


def test_a_restart_behind_the_last_step_has_nothing_to_do(blow: Blow) -> None:
    told = blow[Case(job="failed", trap="job:end")]
    assert (told.end.run.state, told.end.batch.exit_code) == (RunState.SUCCEEDED, "NOOP")


@pytest.mark.parametrize("case", STOPPED, ids=by_id)
def test_killed_while_it_stops_it_is_stopped_and_can_be_restarted(
    blow: Blow, whole: Output, case: Case
) -> None:
    told = blow[case]
    assert told.dead.run.state is RunState.STOPPING
    assert (told.over.run.state, told.over.batch.exit_code) == (RunState.STOPPED, "STOPPED")
    assert told.over.history.instance.state == "stopped"
    assert not [step for step in told.over.history.steps if step.state is StepState.RUNNING]
    assert (told.end.run.state, told.end.output) == (RunState.SUCCEEDED, whole)
    assert_counted_once(told.end)


def test_a_parked_run_is_recovered_without_force_and_restarted(blow: Blow, whole: Output) -> None:
    told = blow[PARKED]
    assert told.over.run.state is RunState.PARKED
    recovered, _ = told.end.history.runs
    assert (recovered.recovery, recovered.exit_code) == ("the node is gone", "FAILED")
    assert recovered.recovered_at is not None
    assert (told.end.run.state, told.end.output) == (RunState.SUCCEEDED, whole)


# partitions, flows, files, another database


def test_only_partitions_that_had_not_ended_are_executed_again(blow: Blow) -> None:
    told = blow[PARTED]
    east, north, south = (f"load:{part}" for part in PARTS)
    assert told.dead.states() == {"load": ["running"], east: ["succeeded"], north: ["running"]}
    assert told.over.run.state is RunState.SUCCEEDED
    assert told.over.states() == {
        "load": ["failed", "succeeded"],
        east: ["succeeded"],
        north: ["failed", "succeeded"],
        south: ["succeeded"],
    }
    assert [step.counts.writes for step in told.over.steps(north)] == [SIZE, ITEMS - SIZE]
    assert [told.over.writes(part) for part in (east, north, south)] == [ITEMS] * 3
    assert told.over.writes("load") == 3 * ITEMS, "the manager counts what its partitions do"
    assert told.over.output.lines == tuple(range(1, 3 * ITEMS + 1))


@pytest.mark.parametrize("case", NESTED, ids=by_id)
def test_a_job_step_goes_on_with_the_run_that_it_had_started(
    blow: Blow, whole: Output, case: Case
) -> None:
    over = blow[case].over
    assert (over.run.state, over.output) == (RunState.SUCCEEDED, whole)
    first, again = over.steps("inner")
    assert (first.exit_code, again.exit_code) == ("LOST", "COMPLETED")


def test_a_decision_is_taken_again_as_it_was_recorded(blow: Blow) -> None:
    over = blow[DECIDED].over
    assert over.run.state is RunState.SUCCEEDED
    assert over.states() == {name: ["succeeded"] for name in ("left", "upper", "lower")}
    assert over.output.lines == (1, 3, 4)


def test_of_a_split_only_what_had_not_ended_is_executed_again(blow: Blow) -> None:
    over = blow[SPLIT].over
    assert over.run.state is RunState.SUCCEEDED
    assert over.states()["upper"] == ["failed", "succeeded"]
    assert over.states()["lower"].count("succeeded") == 1
    assert over.output.lines == (1, 3, 4)


def test_a_file_is_cut_back_to_what_was_committed(blow: Blow) -> None:
    told = blow[FILED]
    lines = [f"{number}\n" for number in range(1, ITEMS + 1)]
    assert told.dead.output.file == "".join(lines[: 2 * SIZE]), "the second chunk is on the disk"
    assert told.dead.steps("dump")[0].counts.writes == SIZE
    assert (told.over.run.state, told.over.output.file) == (RunState.SUCCEEDED, "".join(lines))
    assert told.over.writes("dump") == ITEMS


def test_what_the_applications_database_has_is_gone_on_from_although_the_board_missed_it(
    blow: Blow,
) -> None:
    told = blow[Case(job="elsewhere", trap="load:copy")]
    assert len(told.dead.output.lines) == 2 * SIZE
    assert committed(told.dead, "load") == SIZE
    assert [step.counts.writes for step in told.over.steps("load")] == [SIZE, ITEMS - SIZE]


def committed(seen: Seen, step: str) -> int:
    """Items of the running step as the board has it."""
    return seen.steps(step)[-1].counts.writes


def assert_counted_once(seen: Seen) -> None:
    """By all executions together each item is counted once, and each step has succeeded once."""
    assert {name: states.count("succeeded") for name, states in seen.states().items()} == (
        dict.fromkeys(STEPS, 1)
    )
    assert (seen.writes("load"), seen.writes("settle")) == (ITEMS, ITEMS)
    commits = [sum(step.counts.commits for step in seen.steps(name)) for name in STEPS[:2]]
    assert commits == [COMMITS, COMMITS]
