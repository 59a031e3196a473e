"""How the board asks its job store."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import pykka

from callboard.clock import Clock
from callboard.errors import NotFound, StoreUnavailable
from callboard.runtime import Command, ask

R = TypeVar("R")

ANSWER_S: Final = 30.0


class Asking:
    """What all operations stand on."""

    clock: Clock

    def _actor(self, name: str) -> pykka.ActorRef[Any]:
        """Raises StoreUnavailable while the board is not open."""
        raise NotImplementedError

    async def _ask(self, command: Command[R]) -> R:
        try:
            return await ask(self._actor("job_store"), command, timeout=ANSWER_S)
        except pykka.ActorDeadError as error:
            raise StoreUnavailable("the board is closing") from error


def found(thing: R | None, kind: str, key: object) -> R:
    """The thing that was looked for.

    Raises:
        NotFound
    """
    if thing is None:
        raise NotFound(kind, key)
    return thing
