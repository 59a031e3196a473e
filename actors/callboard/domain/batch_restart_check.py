"""Whether a run of an instance can follow, and by which definition."""

from __future__ import annotations

from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_mapping import mapping_problems
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.batch_refusal import (
    definition_refusal,
    parameters_refusal,
    restart_refusal,
    running_of,
)
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run
from callboard.errors import Conflict, InvalidInput


def checked_definition(
    history: BatchHistory, job: Job, run_id: int, live: Run | None, names: JsonObject
) -> dict[str, Json]:
    """Steps and flow of the job as it is, by which a restart goes on.

    Args:
        run_id: which of its runs is restarted.
        live: the run that the instance says is live.
        names: present ones of what has others in the history.
    Raises:
        InvalidInput: of a name at `steps.NAME`.
        Conflict: as of RestartRun.
    """
    refusal = restart_refusal(
        history.instance,
        live,
        is_restartable=job.spec.get("restartable") is not False,
        running=running_of(history.steps),
    )
    if refusal is not None:
        raise refusal
    if job.disabled:
        raise Conflict("job_disabled", f"job {job.name!r} is disabled")
    runs = {batch.run_id: batch for batch in history.runs}
    before, now = runs[history.instance.last_run_id].definition, definition_of_spec(job.spec)
    if problems := tuple(mapping_problems(names, history, before, now)):
        raise InvalidInput(*problems)
    if refusal := definition_refusal(history, before, now, names):
        raise refusal
    rules = rules_from_spec(job.spec)
    if refusal := parameters_refusal(history.instance, rules, runs[run_id]):
        raise refusal
    return now
