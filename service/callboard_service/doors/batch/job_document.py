"""A batch job as the door shows it, and its instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_parameter import ParameterRule, rules_from_spec
from callboard.domain.job import Job
from callboard_service.doors.batch.parameter_document import job_parameters, parameters_json
from callboard_service.doors.batch.words import CLASSES, INSTANCE_STATUSES


def job_document(job: Job) -> dict[str, Any]:
    """The document of a job; `parameters` are null where it declares none."""
    rules = rules_from_spec(job.spec)
    steps = cast("list[Mapping[str, Any]]", definition_of_spec(job.spec)["steps"])
    return {
        "name": job.name,
        "description": job.description,
        "restartable": job.spec.get("restartable") is not False,
        "hasIncrementer": has_incrementer(rules),
        "parameters": None if rules is None else [_rule_document(rule) for rule in rules],
        "steps": [_step_document(step) for step in steps],
    }


def has_incrementer(rules: tuple[ParameterRule, ...] | None) -> bool:
    """Whether the job knows how its next instance's parameters follow from the last one's."""
    return any(rule.next is not None for rule in rules or ())


def instance_document(
    instance: BatchInstance, rules: tuple[ParameterRule, ...] | None
) -> dict[str, Any]:
    """The document of an instance; `status` is that of its last execution."""
    return {
        "id": instance.id,
        "version": 0,
        "jobName": instance.job,
        "jobKey": instance.key,
        "jobParameters": parameters_json(job_parameters(instance.parameters, rules, ())),
        "status": INSTANCE_STATUSES[instance.state],
        "lastJobExecutionId": instance.last_run_id or None,
        "runningJobExecutionId": instance.live_run_id,
        "createTime": instance.created_at,
        "endTime": instance.ended_at,
    }


def _rule_document(rule: ParameterRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "type": CLASSES[rule.type],
        "identifying": rule.is_identifying,
        "required": rule.is_required,
        "defaultValue": rule.default,
        "choices": list(rule.choices) or None,
        "incremented": rule.next is not None,
        "secret": rule.is_secret,
        "description": rule.description,
    }


def _step_document(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": step["name"],
        "kind": step.get("kind"),
        "chunkSize": step.get("size"),
        "startLimit": step.get("start_limit"),
        "allowStartIfComplete": step.get("allow_start_if_complete") is True,
    }
