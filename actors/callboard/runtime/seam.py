"""PykkaActor: pykka's base class, with the types under which its hooks may be coroutines.

pykka declares that its hooks return None, so a type checker would refuse every `async def on_start`
in a subclass. It sees this declaration instead; the program runs on pykka's own class.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pykka

from callboard.runtime.mailbox import Mailbox

if TYPE_CHECKING:

    class PykkaActor:
        """What `pykka.Actor` has, but for its hooks."""

        actor_urn: str
        actor_inbox: Mailbox
        actor_stopped: threading.Event
        _actor_ref: pykka.ActorRef[Any]

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        @property
        def actor_ref(self) -> pykka.ActorRef[Any]: ...

        def stop(self) -> None: ...

else:
    PykkaActor = pykka.Actor
