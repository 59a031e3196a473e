"""A node as `node.py` makes one, that can be held within the engine, too; see `batch_work`.

Points of the engine, by the step where there is one:

    run:begin       the run is claimed, and nothing of it is stored yet
    STEP:begin      the step before has ended, this one has not begun
    STEP:started    the run of a job step is started, and the step has not kept its id
    STEP:save       the checkpoint of the held chunk is written, COMMIT is not sent
    STEP:copy       the chunk has committed in the application's database, and the board does not
                    know of it yet

`--zombie 1` makes a node that goes on with what it has lost: only the database can refuse it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from acceptance import batch_work, node
from callboard.batch.checkpoints import Checkpoints
from callboard.batch.mirror import Mirror
from callboard.batch.patient_journal import PatientJournal
from callboard.domain.batch_step import Checkpoint, StepExecution
from callboard.domain.run import Run
from callboard.runners.attempt import Attempt

ARGUMENTS: dict[int, Mapping[str, Any]] = {}
"""Of the runs that were claimed here, by id."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--zombie", type=node.is_one, default=False)
    given, rest = parser.parse_known_args()
    hold_journal()
    hold_chunks()
    if given.zombie:
        setattr(Attempt, "abandon", carry_on)  # noqa: B010
    sys.argv[1:] = rest
    node.main()


def carry_on(attempt: Attempt) -> asyncio.Future[None]:
    """Instead of ending the work by force; nobody waits for it any more."""
    if attempt._gone is None:
        attempt._gone = asyncio.get_running_loop().create_future()
    return attempt._gone


def hold_journal() -> None:
    begin_run, begin_step = PatientJournal.begin_run, PatientJournal.begin_step
    start_child = PatientJournal.start_child

    async def held_begin_run(self: PatientJournal, run: Run, definition: Any) -> Any:
        ARGUMENTS[run.id] = run.arguments
        await batch_work.hold(run.arguments, "run:begin")
        return await begin_run(self, run, definition)

    async def held_begin_step(
        self: PatientJournal, run: Run, name: str, visit: int, **how: Any
    ) -> StepExecution:
        await batch_work.hold(run.arguments, f"{name}:begin")
        return await begin_step(self, run, name, visit, **how)

    async def held_start_child(
        self: PatientJournal, run: Run, step: StepExecution, job: str, arguments: Any, **how: Any
    ) -> int:
        run_id = await start_child(self, run, step, job, arguments, **how)
        await batch_work.hold(run.arguments, f"{step.name}:started")
        return run_id

    setattr(PatientJournal, "start_child", held_start_child)  # noqa: B010
    setattr(PatientJournal, "begin_run", held_begin_run)  # noqa: B010
    setattr(PatientJournal, "begin_step", held_begin_step)  # noqa: B010


def hold_chunks() -> None:
    finish, repeat = Checkpoints._finish, Mirror.repeat

    async def held_finish(self: Checkpoints, opened: Any, checkpoint: Checkpoint) -> None:
        await hold_at_commit(self.execution, checkpoint, "save")
        await finish(self, opened, checkpoint)

    async def held_repeat(self: Mirror, checkpoint: Checkpoint, skipped: Any) -> Any:
        await hold_at_commit(self._step, checkpoint, "copy")
        return await repeat(self, checkpoint, skipped)

    setattr(Checkpoints, "_finish", held_finish)  # noqa: B010
    setattr(Mirror, "repeat", held_repeat)  # noqa: B010


async def hold_at_commit(step: StepExecution, checkpoint: Checkpoint, point: str) -> None:
    if checkpoint.counts.writes == 2 * batch_work.SIZE:
        await batch_work.hold(ARGUMENTS[step.run_id], f"{step.name}:{point}")


if __name__ == "__main__":
    main()
