"""Requests that write a definition (a job, a trigger, a queue ...): what becomes of their names and
of the fields that are only read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.trigger import Trigger
from callboard.errors import FieldProblem, InvalidInput, StaleVersion, invalid
from callboard_service.preconditions import Versioned, expected_version

V = TypeVar("V", bound=Versioned)

PATCH_ATTEMPTS: Final = 5
"""A merge patch without If-Match is laid over whatever is there; so often when others write too."""
_PASSING: Final = frozenset(
    {
        "created_at",
        "updated_at",
        "next_slot",
        "last_slot",
        "events",
        "firings",
        "generation",
        "reason",
        "resume_at",
    }
)
"""Read-only fields that a PUT may bring back as they were read; nobody looks at them."""


def created_body(raw: Any, group: str | None) -> Any:
    """The body of a POST in the group of its query.

    Raises:
        InvalidInput: body and query name different groups.
    """
    if not isinstance(raw, dict):
        return raw
    _check_same(raw, group=group)
    return {"group": group or DEFAULT_GROUP, **_without_null(raw, "group")}


def replaced_body(raw: Any, present: Versioned | None, name: str, group: str) -> Any:
    """The body of a PUT under the names of its path, without the fields that are only read.

    A thing that was read, edited and sent back is taken as it is: `version` then has to be the
    present one, and `state` is not changed this way.

    Raises:
        InvalidInput: on `name`, `group`, `state`.
        StaleVersion: the body was read at another version.
    """
    if not isinstance(raw, dict):
        return raw
    _check_same(raw, name=name, group=group)
    _check_state(raw, present)
    version = raw.get("version")
    if present is not None and version is not None and version != present.version:
        expected = version if type(version) is int else 0
        raise StaleVersion("definition", name, expected=expected, present=present.version)
    dropped = {*_PASSING, "version", "state", "name", "group"}
    return {
        "name": name,
        "group": group,
        **{key: value for key, value in raw.items() if key not in dropped},
    }


def check_patch(patch: Any, name: str, group: str) -> None:
    """Raise InvalidInput where a merge patch would rename a thing, or is none."""
    if not isinstance(patch, dict):
        raise invalid("", "is not an object", 'send the changes: {"disabled": true}')
    _check_same(patch, name=name, group=group)


async def store_patched(
    request: web.Request,
    kind: str,
    get: Callable[[], Awaitable[V]],
    store: Callable[[V], Awaitable[tuple[V, bool]]],
) -> V:
    """The thing after a merge patch, laid anew over whatever others wrote meanwhile.

    Args:
        get: the present thing.
        store: replaces it by its patched form, if it is still at its version.
    Raises:
        StaleVersion: If-Match demanded a version, or others were faster every time.
    """
    for attempt in range(PATCH_ATTEMPTS):
        present = await get()
        demanded = expected_version(request, kind, present)
        try:
            stored, _ = await store(present)
            return stored
        except StaleVersion:
            if demanded is not None or attempt == PATCH_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _check_same(raw: dict[str, Any], **wanted: str | None) -> None:
    problems = [
        FieldProblem(
            field,
            f"is not {value!r}, which the request is about",
            "names do not change; leave it out",
        )
        for field, value in wanted.items()
        if value is not None and field in raw and raw[field] not in (value, None)
    ]
    if problems:
        raise InvalidInput(*problems)


def _check_state(raw: dict[str, Any], present: Versioned | None) -> None:
    state = raw.get("state")
    if isinstance(present, Trigger) and state is not None and state != present.state.value:
        fix = (
            "use POST .../activate, .../deactivate, .../pause or .../resume, and leave it out here"
        )
        raise invalid("state", f"is not {present.state.value!r}, the present one", fix)


def _without_null(raw: dict[str, Any], field: str) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != field or value is not None}
