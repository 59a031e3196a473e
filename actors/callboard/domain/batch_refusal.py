"""Why a batch run cannot be started, restarted, given up, recovered or stopped.

Each refusal names the true cause, and its facts are the ids of what stands in the way.
"""

from __future__ import annotations

from collections.abc import Iterable

from callboard.domain.batch_arguments import canonical
from callboard.domain.batch_definition import differences
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_parameter import ParameterRule
from callboard.domain.batch_step import StepExecution, StepState
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.domain.secret_reference import is_reference
from callboard.domain.states import RunState
from callboard.errors import MOST_SAID, Conflict, InvalidInput

_UNKNOWN = frozenset({RunState.PARKED, RunState.LOST})
"""States of live runs of which nobody knows what becomes of them."""
_DECIDE = "retry it, stop it or recover it"


def start_refusal(present: BatchInstance, live: Run | None = None) -> Conflict:
    """Of a start with the identifying parameters of an instance that exists, whatever its state.

    Args:
        live: the run that the instance says is live.
    """
    fix = {
        InstanceState.LIVE: "wait for it, or stop it",
        InstanceState.SUCCEEDED: "start the job with other identifying parameters",
        InstanceState.ABANDONED: "start the job with other identifying parameters",
    }.get(present.state, f"restart run {present.last_run_id}")
    if live is not None and live.state in _UNKNOWN:
        fix = f"that is {live.state}: {_DECIDE}"
    return Conflict(
        "instance_already_exists",
        f"job {present.job!r} has been started with these identifying parameters: instance "
        f"{present.id} is {present.state}, its last run is {present.last_run_id}; {fix}",
        instance_id=present.id,
        last_run_id=present.last_run_id,
        state=present.state.value,
    )


def restart_refusal(
    instance: BatchInstance,
    live: Run | None,
    *,
    is_restartable: bool,
    running: Iterable[StepExecution] = (),
) -> Conflict | None:
    """Of a new run of the instance; None: there can be one.

    Args:
        live: the run that the instance says is live.
        is_restartable: what the job says of itself.
        running: steps that are said to be executed.
    """
    if instance.live_run_id is not None:
        return _live_refusal(instance, live)
    if instance.state.is_closed:
        return _closed(instance, "no run of it can follow")
    for step in running:
        return _unknown(
            instance, step.run_id, f"step {step.name!r} of run {step.run_id} has not ended"
        )
    if not is_restartable:
        return Conflict(
            "job_not_restartable",
            f"job {instance.job!r} is not restartable: start it with other identifying parameters",
            job=instance.job,
            instance_id=instance.id,
        )
    return None


def unbegun_refusal(run: Run) -> Conflict | None:
    """Of another attempt of a run that has no instance yet; None: there can be one."""
    if run.state in _UNKNOWN:
        return unknown_refusal(run)
    if not run.has_ended:
        return _running(run, "it has not ended")
    if run.state is RunState.ABANDONED:
        message = f"run {run.id} is abandoned: no run can follow"
        return Conflict("instance_already_complete", message, **_facts(run), state=run.state.value)
    return None


def definition_refusal(
    history: BatchHistory, before: JsonObject, now: JsonObject, names: JsonObject | None = None
) -> Conflict | None:
    """Of going on with steps and a flow that do not fit what the instance has done.

    Args:
        before, now: definitions: of the instance's last run, and by which it is to go on.
        names: present ones of what has others in the history.
    """
    found = differences(history, before, now, names)
    if not found:
        return None
    said = "; ".join(str(each) for each in found[:MOST_SAID])
    return Conflict(
        "definition_changed",
        f"the steps of job {history.instance.job!r} are not those that instance "
        f"{history.instance.id} has begun with: {said}",
        instance_id=history.instance.id,
        differences=[each.to_json() for each in found],
    )


def parameters_refusal(
    instance: BatchInstance, rules: tuple[ParameterRule, ...] | None, of: BatchRun
) -> Conflict | None:
    """Of going on with the parameters of a run that are none of the job's any more; None: they are.

    What has identified nothing, and is declared no more, keeps nobody from going on. Of secrets the
    node that executes it has the values.

    Args:
        rules: the job's as it is; None: it declares no parameters.
    """
    if rules is None:
        return None
    declared = {rule.name for rule in rules}
    secret = {rule.name for rule in rules if rule.is_secret and rule.name in of.arguments}
    hidden = secret | {name for name, value in of.arguments.items() if is_reference(value)}
    left_out = hidden | ({*of.references} - declared)
    kept = {name: value for name, value in of.arguments.items() if name not in left_out}
    try:
        canonical(tuple(rule for rule in rules if rule.name not in hidden), kept, prefix="")
    except InvalidInput as error:
        problems = error.problems
    else:
        return None
    said = "; ".join(f"{each.field} {each.reason}" for each in problems[:MOST_SAID])
    fix = "declare it as it was, and a new one with a default"
    return Conflict(
        "definition_changed",
        f"the parameters of job {instance.job!r} are not those that instance {instance.id} was "
        f"started with: {said} ({fix})",
        instance_id=instance.id,
        differences=[
            {"parameter": each.field, "problem": each.reason, "fix": fix} for each in problems
        ],
    )


def abandon_refusal(run: Run, instance: BatchInstance | None) -> Conflict | None:
    """Of giving up a run, and its instance with it; None: it can be given up.

    A run that was asked to stop can be: that is the way out when its node is dead.
    """
    if run.state in (RunState.QUEUED, RunState.RUNNING):
        return _running(run, "stop it first")
    if run.state in _UNKNOWN:
        return unknown_refusal(run)
    if run.state is RunState.SUCCEEDED and instance is None:
        message = f"run {run.id} has succeeded: there is nothing to give up"
        return Conflict("instance_already_complete", message, state=run.state.value)
    if instance is None:
        return None
    if instance.live_run_id not in (None, run.id):
        return _already_running(instance, instance.live_run_id, "a later run of it is live")
    if instance.state.is_closed:
        return _closed(instance, "there is nothing to give up")
    return None


def recover_refusal(run: Run, *, has_lease: bool, is_forced: bool) -> Conflict | None:
    """Of declaring a live run failed; None: it can be.

    Args:
        has_lease: whether the lease of the node that holds it runs.
    """
    if is_forced or run.state in _UNKNOWN:
        return None
    if run.state is RunState.QUEUED:
        return _running(run, "it waits for a node: stop it, or recover it by force")
    if has_lease:
        whose = f"the lease of its node {run.node!r} has not ended"
        return _running(run, f"{whose}: stop it, or recover it by force")
    return None


def stop_refusal(run: Run) -> Conflict | None:
    """Of asking a run to stop that has ended."""
    if not run.has_ended:
        return None
    message = f"run {run.id} is {run.state}: there is nothing to stop"
    return Conflict("run_not_running", message, **_facts(run), state=run.state.value)


def delete_refusal(instance: BatchInstance) -> Conflict | None:
    """Of forgetting an instance of which a run is live."""
    if instance.live_run_id is None:
        return None
    return _already_running(instance, instance.live_run_id, "end that first")


def not_batch(run_id: int, job: str) -> Conflict:
    """Of what can be asked of batch runs alone."""
    message = f"run {run_id} is none of a batch job: job {job!r} is of another kind"
    return Conflict("not_batch", message, run_id=run_id, job=job)


def job_not_batch(job: str) -> Conflict:
    """Likewise, of batch jobs."""
    return Conflict("not_batch", f"job {job!r} is no batch job", job=job)


def run_not_held(run_id: int) -> Conflict:
    """Of whatever a node writes of a run that is not its own any more."""
    message = f"run {run_id} is not held by this node any more: it was lost, recovered or ended"
    return Conflict("run_not_held", message, run_id=run_id)


def unknown_refusal(run: Run) -> Conflict:
    """Of a run of which nobody knows what becomes of it."""
    message = f"run {run.id} is {run.state}: {_DECIDE} first"
    return Conflict("run_state_unknown", message, **_facts(run), state=run.state.value)


def start_limit_exceeded(name: str, limit: int) -> Conflict:
    """Of one more execution of a step than its job allows."""
    return Conflict(
        "start_limit_exceeded",
        f"step {name!r} was started {limit} times in this instance, and its start limit is {limit}",
        step=name,
        start_limit=limit,
    )


def running_of(steps: Iterable[StepExecution]) -> list[StepExecution]:
    """Those that are said to be executed."""
    return [step for step in steps if step.state is StepState.RUNNING]


def _live_refusal(instance: BatchInstance, live: Run | None) -> Conflict:
    if live is not None and live.state in _UNKNOWN:
        return unknown_refusal(live)
    state = "live" if live is None else live.state.value
    return _already_running(instance, instance.live_run_id, f"that run is {state}")


def _already_running(instance: BatchInstance, run_id: int | None, why: str) -> Conflict:
    return Conflict(
        "run_already_running",
        f"instance {instance.id} of job {instance.job!r} has the live run {run_id}: {why}",
        instance_id=instance.id,
        run_id=run_id,
    )


def _running(run: Run, fix: str) -> Conflict:
    message = f"run {run.id} is {run.state}: {fix}"
    return Conflict("run_already_running", message, **_facts(run), state=run.state.value)


def _closed(instance: BatchInstance, why: str) -> Conflict:
    return Conflict(
        "instance_already_complete",
        f"instance {instance.id} of job {instance.job!r} is {instance.state}: {why}",
        instance_id=instance.id,
        last_run_id=instance.last_run_id,
        state=instance.state.value,
    )


def _unknown(instance: BatchInstance, run_id: int, why: str) -> Conflict:
    return Conflict(
        "run_state_unknown",
        f"instance {instance.id} of job {instance.job!r} cannot go on: {why}; recover that run",
        instance_id=instance.id,
        run_id=run_id,
    )


def _facts(run: Run) -> dict[str, int | None]:
    return {"instance_id": run.instance_id, "run_id": run.id}
