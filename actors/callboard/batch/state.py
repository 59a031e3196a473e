"""State: what a step, or a job, remembers from one run of its instance to the next.

A dict of JSON values by name. Each value is checked when it is put, so that the error points to the
line that put it; those that were changed in place are checked when the state is saved. It is there
for everybody to read, so the value of a secret is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

import orjson

from callboard.domain.json import Json, JsonObject, check_json
from callboard.errors import invalid
from callboard.runners.result import to_plain

MAX_STATE_BYTES: Final = 65_536
"""Of one state, or one cursor, as JSON text."""
MAX_KEY: Final = 255
_SCALARS: Final = (int, float, bool, type(None))
Masked: TypeAlias = Callable[[str], str]
"""A text without the run's secrets."""


class State(MutableMapping[str, Any]):
    """Values are plain JSON: None, bool, int, float, str, lists, and dicts with string keys."""

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        name: str = "state",
        masked: Masked | None = None,
    ) -> None:
        """Args:
        values: as stored; they are copied.
        name: what errors call it.
        masked: None: the run has no secrets.
        """
        self._name = name
        self._masked = masked
        self._values: dict[str, Any] = {}
        if values:
            self._values = _copy(values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Raises InvalidInput for what is no JSON, too large together with the rest, or has the
        value of a secret in it."""
        field = f"{self._name}.{key}"
        if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY:
            reason = f"the key {key!r} is not a text of 1 to {MAX_KEY} characters"
            raise invalid(self._name, reason)
        check_json(key, self._name)
        check_json(value, field)
        check_secrets(value, field, self._masked)
        if not isinstance(value, _SCALARS):
            value = to_plain(value)
            self._check_room(key, value, field)
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"State({self._values!r})"

    def copy(self) -> State:
        """Another one, with copies of the values; those that are no JSON by now are the same."""
        other = State(name=self._name)
        other._values = {key: _copied(value) for key, value in self._values.items()}
        return other

    def replace(self, values: Mapping[str, Any]) -> None:
        """Take these values, as stored, in place of its own."""
        self._values = {key: _copied(value) for key, value in values.items()}

    def snapshot(self) -> JsonObject:
        """A copy that nobody else can change, as it may be stored.

        Raises:
            InvalidInput: a value that was changed in place is no JSON now, or all of it together
                is too large.
        """
        if not self._values:
            return {}
        for key, value in self._values.items():
            check_json(value, f"{self._name}.{key}")
        check_bytes(self._values, self._name)
        return _copy(self._values)

    def _check_room(self, key: str, value: Json, field: str) -> None:
        others = {name: kept for name, kept in self._values.items() if name != key}
        try:
            size = len(orjson.dumps(others)) + len(orjson.dumps(value))
        except TypeError:  # another value was changed in place; the save will name it
            size = len(orjson.dumps(value))
        if size > MAX_STATE_BYTES:
            reason = f"makes {size} bytes of JSON of {self._name}, more than {MAX_STATE_BYTES}"
            raise invalid(field, reason, "store it elsewhere, and keep where it is")


def check_secrets(value: Any, field: str, masked: Masked | None) -> None:
    """Raise InvalidInput for checked JSON with the value of a secret in it."""
    if masked is None or isinstance(value, _SCALARS):
        return
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if masked(text) != text:
        fix = "ctx.params has it again after a restart"
        raise invalid(field, "has the value of a secret in it, and would be shown", fix)


def check_bytes(value: Any, field: str) -> None:
    """Raise InvalidInput for checked JSON that is too long to be kept with a checkpoint."""
    size = len(orjson.dumps(value))
    if size > MAX_STATE_BYTES:
        reason = f"is {size} bytes of JSON, more than {MAX_STATE_BYTES}"
        raise invalid(field, reason, "store it elsewhere, and keep where it is")


def merge(into: State, before: JsonObject, after: JsonObject) -> None:
    """Lay what has changed between two snapshots over a state that others have changed meanwhile.

    Raises:
        InvalidInput: both together are too large.
    """
    for key in before:
        if key not in after:
            into.pop(key, None)
    for key, value in after.items():
        if key not in before or before[key] != value:
            into[key] = value


def _copied(value: Any) -> Any:
    try:
        return to_plain(value)
    except TypeError:
        return value


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: to_plain(value) for key, value in values.items()}
