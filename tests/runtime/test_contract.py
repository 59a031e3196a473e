"""The helper that holds an actor file's *Receives* block against its `Inbox`."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from support.contract import assert_contract, messages_in_contract


@dataclass(frozen=True)
class CancelRun:
    run_id: int
    reason: str


@dataclass(frozen=True)
class Drain:
    pass


@dataclass(frozen=True)
class _RunEnded:
    run_id: int


RECEIVES = """Dispatcher: leases runs.

Receives
    CancelRun(run_id, reason)   from board     -> RunCancelled
                                               | RunNotRunning
    Drain()                     from root      no new leases
    dispatcher._RunEnded(...)   from self      piped back
Sends
    StartRun                    to runner
"""


def module(docstring: str, inbox: Any = CancelRun | Drain | _RunEnded, **names: Any) -> ModuleType:
    sample = ModuleType("sample", docstring)
    vars(sample).update(Inbox=inbox, **names)
    return sample


def test_a_contract_that_names_every_message_passes() -> None:
    assert_contract(module(RECEIVES))


def test_it_reads_names_and_fields() -> None:
    assert messages_in_contract(module(RECEIVES)) == {
        "CancelRun": ("run_id", "reason"),
        "Drain": (),
        "_RunEnded": ("...",),
    }


def test_a_forgotten_message_is_named() -> None:
    forgotten = RECEIVES.replace(
        "    Drain()                     from root      no new leases\n", ""
    )
    with pytest.raises(AssertionError, match="Drain is in Inbox but not in Receives"):
        assert_contract(module(forgotten))


def test_a_message_that_is_gone_is_named() -> None:
    with pytest.raises(AssertionError, match="Drain is in Receives but not in Inbox"):
        assert_contract(module(RECEIVES, CancelRun | _RunEnded))


def test_a_changed_field_is_named() -> None:
    changed = RECEIVES.replace("(run_id, reason)", "(run_id)")
    with pytest.raises(AssertionError, match=r"CancelRun has the fields \('run_id', 'reason'\)"):
        assert_contract(module(changed))


def test_a_union_of_the_module_stands_for_its_members() -> None:
    docstring = "Store.\n\nReceives\n    Change   from anyone\n    _RunEnded(run_id)   from self\n"
    assert_contract(module(docstring, Change=CancelRun | Drain))


def test_an_inbox_of_one_message_is_read_too() -> None:
    assert_contract(module("Drainer.\n\nReceives\n    Drain\n", Drain))


def test_a_docstring_without_the_block_fails() -> None:
    with pytest.raises(AssertionError, match="no Receives block"):
        assert_contract(module("Dispatcher."))
