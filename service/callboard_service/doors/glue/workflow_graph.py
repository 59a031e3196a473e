"""The graph of a workflow, or of a run of it: its triggers, the jobs between them, and the edges.

A trigger leads to the job of each of its actions, and each job that it waits for leads to it. Ids
of nodes are the same in the workflow and in all of its runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from callboard.domain.trigger import Trigger
from callboard_service.doors.glue.ids import glue_node_id
from callboard_service.doors.glue.trigger_document import CRAWLER, glue_trigger

JOB: Final = "JOB"
TRIGGER: Final = "TRIGGER"
CRAWLER_NODE: Final = "CRAWLER"


def glue_graph(
    workflow_id: int,
    triggers: Sequence[Trigger],
    job_runs: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Glue's WorkflowGraph.

    Args:
        job_runs: JobRuns by the name of their job, as they are shown.
    """
    return {
        "Nodes": [
            *(_trigger_node(workflow_id, each) for each in triggers),
            *(_job_node(workflow_id, job, job_runs.get(job, ())) for job in jobs_of(triggers)),
        ],
        "Edges": [
            {"SourceId": source, "DestinationId": destination}
            for source, destination in dict.fromkeys(_edges(workflow_id, triggers))
        ],
    }


def jobs_of(triggers: Iterable[Trigger]) -> list[str]:
    """Names of the jobs that the triggers start or wait for, each once."""
    names = dict[str, None]()
    for trigger in triggers:
        names |= dict.fromkeys(trigger.watched)
        names |= dict.fromkeys(action.job for action in trigger.actions)
    return list(names)


def jobs_by_node(workflow_id: int, triggers: Iterable[Trigger]) -> dict[str, str]:
    """Names of the jobs by the ids of their nodes."""
    return {_job_id(workflow_id, job): job for job in jobs_of(triggers)}


def _trigger_node(workflow_id: int, trigger: Trigger) -> dict[str, Any]:
    return {
        "Type": TRIGGER,
        "Name": trigger.name,
        "UniqueId": _trigger_id(workflow_id, trigger),
        "TriggerDetails": {"Trigger": glue_trigger(trigger)},
    }


def _job_node(workflow_id: int, job: str, job_runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    node = {"Type": JOB, "Name": job, "UniqueId": _job_id(workflow_id, job)}
    if job.startswith(CRAWLER):
        name = job.removeprefix(CRAWLER)
        return {**node, "Type": CRAWLER_NODE, "Name": name, "CrawlerDetails": {}}
    # Glue says nothing of a node that has not run, rather than that its list is empty.
    return {**node, "JobDetails": {"JobRuns": list(job_runs)} if job_runs else {}}


def _edges(workflow_id: int, triggers: Iterable[Trigger]) -> Iterator[tuple[str, str]]:
    for trigger in triggers:
        here = _trigger_id(workflow_id, trigger)
        for job in trigger.watched:
            yield _job_id(workflow_id, job), here
        for action in trigger.actions:
            yield here, _job_id(workflow_id, action.job)


def _trigger_id(workflow_id: int, trigger: Trigger) -> str:
    return glue_node_id(workflow_id, TRIGGER, trigger.name)


def _job_id(workflow_id: int, job: str) -> str:
    if job.startswith(CRAWLER):
        return glue_node_id(workflow_id, CRAWLER_NODE, job.removeprefix(CRAWLER))
    return glue_node_id(workflow_id, JOB, job)
