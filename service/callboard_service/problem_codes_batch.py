"""The codes of problems that only batch jobs have."""

from __future__ import annotations

from typing import Final

from callboard_service.problem_code import problem_code

BATCH_CODES: Final = (
    problem_code(
        409,
        "instance_already_exists",
        "There is such an instance",
        "A run of the batch job was started with these identifying parameters before; "
        "`instance_id`, `last_run_id` and `state` say which and what became of it.",
        "Restart its last run if it failed or was stopped; otherwise start with others.",
    ),
    problem_code(
        409,
        "run_already_running",
        "A run of the instance has not ended",
        "An instance has one live run at a time, and a live run cannot be abandoned; `run_id` "
        "names it.",
        "Wait for it, or stop it.",
    ),
    problem_code(
        409,
        "instance_already_complete",
        "The instance is closed",
        "A run of it has succeeded, or it was abandoned: nothing of it runs again.",
        "Start the job with other identifying parameters.",
    ),
    problem_code(
        409,
        "job_not_restartable",
        "The job does not restart",
        "It is defined as `restartable: false`.",
        "Start the job with other identifying parameters.",
    ),
    problem_code(
        409,
        "run_state_unknown",
        "Nobody knows yet how the run ended",
        "A run of the instance is parked, or its node was lost with it.",
        "Retry, stop or recover that run; then restart.",
    ),
    problem_code(
        409,
        "run_not_running",
        "The run has ended",
        "Only a run that has not ended can be stopped; `state` says how this one did.",
        "Nothing is left to stop.",
    ),
    problem_code(
        409,
        "definition_changed",
        "The job's steps, or its parameters, have changed",
        "Steps that have begun are gone, have other names, or another order; or the parameters of "
        "the run are none of the job's any more. `differences` lists them.",
        'Say what became of steps: restart with {"steps": {"old": "new", "dropped": null}}; or '
        "run the code of then.",
    ),
    problem_code(
        409,
        "no_incrementer",
        "The job has no next instance",
        "No parameter of the job says how its next value is found.",
        "Give a parameter a `next`, or start the job with parameters of your own.",
    ),
    problem_code(
        409,
        "not_batch",
        "The job is no batch job",
        "Only batch jobs have instances, steps and restarts.",
        "A run of another kind is tried again by `/retry`.",
    ),
)
