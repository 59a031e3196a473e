"""From an outcome to the end that is told to the job store.

Made once for every run: the frozen values are written as open objects of the same slots, as
`make_run` does it, at a fifth of the cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from random import Random  # noqa: TID251 - the type only; the caller brings the generator
from typing import Any, Final

from callboard.commands import EndedRun
from callboard.domain.job import Job
from callboard.domain.limits import RateLimit
from callboard.domain.log import LogChunk
from callboard.domain.retry import is_worth_another, retry_delay_s
from callboard.domain.run import Run, RunError
from callboard.domain.run_end import RunEnd
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome


class _OpenEnd:
    __slots__ = tuple(field.name for field in fields(RunEnd))


class _OpenEnded:
    __slots__ = tuple(field.name for field in fields(EndedRun))


_new: Final[Callable[[type], Any]] = object.__new__


def ended_run(
    run: Run,
    outcome: Outcome,
    *,
    elapsed_s: float,
    retry_after_s: float | None = None,
    budget: RateLimit | None = None,
    log: tuple[LogChunk, ...] = (),
) -> EndedRun:
    """The end of a run that this node held; `log` is what of its log is not stored yet.

    By the store's clock, whatever this node's says: the claim's instant and a measured duration.
    """
    end = _new(_OpenEnd)
    end.run_id = run.id
    end.epoch = run.epoch
    end.started_at = run.started_at
    end.state = outcome.state
    end.result = outcome.result
    end.error = outcome.error
    # By position, in whole numbers: half of what timedelta(seconds=...) costs.
    end.ended_at = (run.started_at or run.created_at) + timedelta(0, 0, int(elapsed_s * 1e6))
    end.__class__ = RunEnd
    ended = _new(_OpenEnded)
    ended.run = run
    ended.end = end
    ended.retry_after_s = retry_after_s
    ended.budget = budget
    ended.log = log
    ended.__class__ = EndedRun
    told: EndedRun = ended
    return told


def failed_run(
    run: Run,
    job: Job,
    outcome: Outcome,
    *,
    elapsed_s: float,
    rng: Random,
    log: tuple[LogChunk, ...] = (),
) -> EndedRun:
    """The end of a run that failed or took too long, and after how long it is tried again.

    A handler that asked for a retry in vain is told why not.
    """
    after_s: float | None = None
    policy = job.retry
    if is_worth_another(policy, outcome.error, outcome.kinds, outcome.retry):
        after_s = retry_delay_s(policy, run.attempt, rng, after_s=outcome.after_s)
        if after_s is None and outcome.retry and outcome.error is not None:
            outcome = _refused(outcome, outcome.error, f"attempt {run.attempt} was its last one")
    return ended_run(
        run, outcome, elapsed_s=elapsed_s, retry_after_s=after_s, budget=policy.budget, log=log
    )


def gone_job_end(run: Run) -> EndedRun:
    """The end of a run whose job was deleted meanwhile."""
    error = RunError(type="JobGone", message=f"the job {run.job!r} was deleted")
    return ended_run(run, Outcome(state=RunState.FAILED, error=error), elapsed_s=0.0)


def _refused(outcome: Outcome, error: RunError, why: str) -> Outcome:
    return replace(outcome, error=replace(error, message=f"{error.message}; not retried: {why}"))


def waiting_end(run: Run) -> EndedRun:
    """The end of a run that was stopped before it had a place."""
    return ended_run(run, Outcome(state=RunState.STOPPED), elapsed_s=0.0)
