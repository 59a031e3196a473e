"""What the door needs of botocore, loaded at the first request: it takes time and memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from callboard_service.doors.glue.callers import Verify
from callboard_service.doors.glue.model import GlueModel, load_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The model, and the check of signatures where those are looked at."""

    model: GlueModel
    verify: Verify | None


def load(operations: Collection[str], *, verifies: bool) -> Loaded:
    """All of it. Blocks for some 50 to 200 ms, so it belongs in a thread.

    Raises:
        NoModel: there is no botocore.
    """
    model = load_model(operations)
    if not verifies:
        return Loaded(model=model, verify=None)
    from callboard_service.doors.glue.signature import verified_key_id

    return Loaded(model=model, verify=verified_key_id)
