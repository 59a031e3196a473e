"""How the board asks its job store."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import pykka

from callboard.clock import Clock
from callboard.errors import NotFound, StoreUnavailable
from callboard.operations.turnstile import Turnstile
from callboard.runtime import Command, ask

R = TypeVar("R")

ANSWER_S: Final = 30.0


class Asking:
    """What all operations stand on."""

    clock: Clock
    _turnstile: Turnstile

    def check_room(self) -> None:
        """Raise Overloaded where as many calls wait for their turn as may be under way.

        Calls beyond `BoardConfig.calls_limit` wait. This is for doors that refuse early instead.
        """
        self._turnstile.check_room()

    def _actor(self, name: str) -> pykka.ActorRef[Any]:
        """Raises StoreUnavailable while the board is not open."""
        raise NotImplementedError

    async def _ask(self, command: Command[R], *, weight: int = 1) -> R:
        """The answer; the call counts as `weight` while it is under way."""
        turnstile = self._turnstile
        if not turnstile.enters(weight):
            await turnstile.turn(weight)
        try:
            return await ask(self._actor("job_store"), command, timeout=ANSWER_S)
        except pykka.ActorDeadError as error:
            raise StoreUnavailable("the board is closing") from error
        finally:
            turnstile.leave(weight)


def found(thing: R | None, kind: str, key: object) -> R:
    """The thing that was looked for.

    Raises:
        NotFound
    """
    if thing is None:
        raise NotFound(kind, key)
    return thing
