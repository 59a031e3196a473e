"""BatchOperator: all that an operator asks of batch jobs, their instances, runs and steps."""

from __future__ import annotations

from collections.abc import Mapping

from callboard import commands as c
from callboard.batch.params import Params, arguments_of
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.run import NewRun, Run, StopMode
from callboard.errors import InvalidInput
from callboard.operations.batch_insight import BatchInsight
from callboard.operations.batch_next import start_next


class BatchOperator(BatchInsight):
    """Execution and run are one thing; a restart is a new run of the same instance.

    Every call may raise StoreUnavailable or Overloaded, besides what it names; every refusal is a
    Conflict whose `code` says which, and whose `facts` have the ids.
    """

    async def start(
        self,
        job: str,
        params: Params | Mapping[str, object] | None = None,
        *,
        group: str = DEFAULT_GROUP,
        idempotency_key: str | None = None,
    ) -> Run:
        """The first run of a new instance; it is committed when this returns.

        Nothing is incremented, and nothing is taken over from other runs. Raises NotFound job;
        InvalidInput at arguments.NAME; Conflict not_batch, instance_already_exists (instance_id,
        last_run_id, state), job_disabled, job_full.

        Args:
            idempotency_key: the same again is answered with the run of the first time.
        """
        await self._batch_job(group, job)
        new = NewRun(job=job, group=group, arguments=arguments_of(params))
        command = c.StartRuns(runs=(new,), idempotency_key=idempotency_key)
        try:
            (run,) = await self._board._ask(command)
        except InvalidInput as error:
            raise error.within("runs[0]") from None
        return run

    async def start_next(
        self,
        job: str,
        arguments: Params | Mapping[str, object] | None = None,
        *,
        group: str = DEFAULT_GROUP,
        idempotency_key: str | None = None,
    ) -> Run:
        """The first run of the next instance: the parameters of the last one's last run,
        incremented by their rules, whatever became of that run.

        Raises NotFound job; InvalidInput at arguments.NAME; Conflict not_batch, no_incrementer,
        job_disabled, job_full.

        Args:
            arguments: other values for parameters that do not identify.
        """
        command = c.StartNextInstance(
            group=group,
            job=job,
            arguments=arguments_of(arguments),
            idempotency_key=idempotency_key,
        )
        return await start_next(self._board, command)

    async def stop(
        self,
        run_id: int,
        *,
        grace_s: float | None = None,
        mode: StopMode = StopMode.COOPERATIVE,
    ) -> Run:
        """The run, stopping: it ends with its chunk, wherever it runs; a queued one is stopped.

        One that is stopping is asked again. Raises NotFound run; Conflict not_batch,
        run_not_running (run_id, state).

        Args:
            grace_s: seconds until it is killed; None: never.
        """
        await self._batch_run(run_id)
        return await self._board._ask(c.StopRun(run_id=run_id, mode=mode, grace_s=grace_s))

    async def restart(
        self,
        run_id: int,
        *,
        steps: Mapping[str, str | None] | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """A new run of the instance, which goes on where its last run got to, with the parameters
        of the run that is named.

        Raises NotFound run, job; InvalidInput at steps.NAME; Conflict not_batch,
        run_already_running (instance_id, run_id), instance_already_complete, job_not_restartable,
        run_state_unknown, definition_changed (differences), job_disabled, job_full.

        Args:
            steps: present names of steps that had others when they ran; None drops what one did.
        """
        command = c.RestartRun(
            run_id=run_id, steps=dict(steps or {}), idempotency_key=idempotency_key
        )
        return await self._board._ask(command)

    async def abandon(self, run_id: int) -> Run:
        """Give up a failed, stopped or stopping run, and its instance: no run of it can follow.

        Its steps stay as they are. One that is abandoned is answered as it is. Raises NotFound
        run; Conflict not_batch, run_already_running, instance_already_complete,
        run_state_unknown.
        """
        await self._batch_run(run_id)
        return await self._board._ask(c.AbandonRun(run_id=run_id))

    async def recover(self, run_id: int, *, reason: str = "", force: bool = False) -> Run:
        """Declare a run failed that nobody works on any more, so that it can be restarted.

        One that has ended is answered as it is. Raises NotFound run; Conflict not_batch,
        run_already_running: the lease of its node has not ended.

        Args:
            reason: kept with the run.
            force: although the lease has not ended; whoever works on it can write nothing more.
        """
        command = c.RecoverRun(run_id=run_id, reason=reason, force=force)
        return await self._board._ask(command)

    async def delete_instance(self, instance_id: int) -> None:
        """Forget an instance and what its runs have done; the runs stay in the history.

        Its parameters may be used again. Raises NotFound instance; Conflict run_already_running.
        """
        await self._board._ask(c.DeleteInstance(instance_id=instance_id))

    async def wait(self, run_id: int, *, timeout_s: float | None = None) -> Run:
        """The run when it has ended or is parked, or as it is when the time is over.

        Raises NotFound run.
        """
        return await self._board.wait_run(run_id, timeout_s=timeout_s)
