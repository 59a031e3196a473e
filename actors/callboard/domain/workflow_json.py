"""The triggers of a workflow run's snapshot as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callboard.domain.action_json import action_from_json, action_to_json
from callboard.domain.schedule import schedule_from_json, schedule_to_json
from callboard.domain.trigger import OnMissing, Trigger, TriggerState


def trigger_to_json(trigger: Trigger) -> dict[str, Any]:
    """What `workflow.snapshot_of` keeps of a trigger."""
    return {
        "name": trigger.name,
        "group": trigger.group,
        "schedule": schedule_to_json(trigger.schedule),
        "actions": [action_to_json(each) for each in trigger.actions],
        "description": trigger.description,
        "on_missing": trigger.on_missing.value,
        "workflow": trigger.workflow,
        "labels": trigger.labels,
        "annotations": trigger.annotations,
        "state": trigger.state.value,
        "generation": trigger.generation,
        "anchor_at": _text(trigger.anchor_at),
        "id": trigger.id,
        "version": trigger.version,
        "created_at": _text(trigger.created_at),
        "updated_at": _text(trigger.updated_at),
    }


def trigger_from_json(stored: Mapping[str, Any]) -> Trigger:
    """From what `trigger_to_json` made of it."""
    return Trigger(
        name=stored["name"],
        group=stored["group"],
        schedule=schedule_from_json(stored["schedule"], stored=True),
        actions=tuple(action_from_json(dict(each)) for each in stored["actions"]),
        description=stored["description"],
        on_missing=OnMissing(stored["on_missing"]),
        workflow=stored["workflow"],
        labels=stored["labels"],
        annotations=stored["annotations"],
        state=TriggerState(stored["state"]),
        generation=stored["generation"],
        anchor_at=_instant(stored["anchor_at"]),
        id=stored["id"],
        version=stored["version"],
        created_at=_instant(stored["created_at"]),
        updated_at=_instant(stored["updated_at"]),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
