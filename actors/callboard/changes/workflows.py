"""Changes of workflows."""

from __future__ import annotations

from callboard.changes.settle import settle
from callboard.changes.triggers import remove_trigger
from callboard.changes.versions import as_successor, check_version
from callboard.changes.work import Work
from callboard.commands import CreateWorkflow, DeleteWorkflow, ReplaceWorkflow
from callboard.domain.workflow import Workflow
from callboard.errors import AlreadyExists, NotFound, TransactionConflict


async def create_workflow(work: Work, command: CreateWorkflow) -> Workflow:
    workflow = await work.tx.insert_workflow(command.workflow)
    if workflow is None:
        raise AlreadyExists("workflow", command.workflow.name)
    work.workflow_changed(workflow)
    return workflow


async def replace_workflow(work: Work, command: ReplaceWorkflow) -> tuple[Workflow, bool]:
    wanted = command.workflow
    name = wanted.group, wanted.name
    present = (await work.tx.lock_workflows([name])).get(name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("workflow", wanted.name)
        return await create_workflow(work, CreateWorkflow(workflow=wanted)), True
    check_version("workflow", present, command.expected_version)
    edited = as_successor(wanted, present)
    if edited == present:
        return present, False
    stored = await work.tx.update_workflow(edited)
    if stored is None:
        raise NotFound("workflow", wanted.name)
    work.workflow_changed(stored)
    return stored, False


async def delete_workflow(work: Work, command: DeleteWorkflow) -> None:
    name = command.group, command.name
    seen = await work.tx.triggers_of_workflow(*name)
    # Jobs first, then triggers, then the workflow: due slots are decided before all of it goes.
    jobs = {(each.group, action.job) for each in seen for action in each.actions}
    await work.tx.lock_jobs(sorted(jobs))
    triggers = await work.tx.lock_triggers_by_id(sorted(each.id for each in seen))
    workflow = (await work.tx.lock_workflows([name])).get(name)
    if workflow is None:
        raise NotFound("workflow", command.name)
    check_version("workflow", workflow, command.expected_version)
    if {each.id for each in await work.tx.triggers_of_workflow(*name)} != set(triggers):
        raise TransactionConflict(f"workflow {workflow.name!r} has just got another trigger")
    for trigger in await settle(work, list(triggers.values())):
        await remove_trigger(work, trigger)
    await work.tx.delete_workflow(workflow.id)
    work.workflow_deleted(workflow)
