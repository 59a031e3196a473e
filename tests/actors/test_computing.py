"""Long work beside the event loop."""

from __future__ import annotations

import threading

from callboard.operations.computing import MUCH, computed


async def test_little_is_computed_at_once_and_much_in_a_thread():
    here = threading.get_ident()
    assert await computed(MUCH, threading.get_ident) == here
    assert await computed(MUCH + 1, threading.get_ident) != here
