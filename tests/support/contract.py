"""The contract at the head of an actor file, held against the messages that it takes.

    def test_the_contract_names_every_message() -> None:
        assert_contract(scheduler)

A line of the *Receives* block names one message and its fields, `DispatchDue(now)`; `(...)` stands
for any fields. A name without parentheses is a message without fields, or a union of messages in
the module (`Change`), which stands for all of them. Deeper lines go on with the one before.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from types import ModuleType
from typing import Any

ANY_FIELDS = ("...",)

_ENTRY = re.compile(r"(?P<name>[\w.]+)(?:\((?P<fields>[^)]*)\))?(?:\s|$)")


def assert_contract(module: ModuleType) -> None:
    """Fail when the docstring's *Receives* block and the module's `Inbox` differ, saying where."""
    written, taken = messages_in_contract(module), messages_in_inbox(module)
    problems = [
        *(f"{name} is in Inbox but not in Receives" for name in sorted(taken.keys() - written)),
        *(f"{name} is in Receives but not in Inbox" for name in sorted(written.keys() - taken)),
        *(
            f"{name} has the fields {taken[name]}, Receives says {written[name]}"
            for name in sorted(written.keys() & taken)
            if written[name] not in (ANY_FIELDS, taken[name])
        ),
    ]
    assert not problems, f"{module.__name__}: " + "; ".join(problems)


def messages_in_contract(module: ModuleType) -> dict[str, tuple[str, ...]]:
    """Fields by message name, as the docstring's *Receives* block has them."""
    messages: dict[str, tuple[str, ...]] = {}
    for line in _receives_block(module.__doc__ or ""):
        match = _ENTRY.match(line)
        assert match is not None, f"{module.__name__}: no message in the line {line!r}"
        messages |= _messages_of(module, match["name"], match["fields"])
    return messages


def messages_in_inbox(module: ModuleType) -> dict[str, tuple[str, ...]]:
    """Fields by message name, as the module's `Inbox` union has them."""
    return {message.__name__: _fields_of(message) for message in _members_of(module.Inbox)}


def _receives_block(docstring: str) -> list[str]:
    lines = docstring.splitlines()
    assert "Receives" in lines, "the docstring has no Receives block"
    block = []
    for line in lines[lines.index("Receives") + 1 :]:
        if not line.startswith(" "):
            break
        block.append(line)
    margin = min((len(line) - len(line.lstrip()) for line in block), default=0)
    return [line[margin:] for line in block if not line[margin:].startswith(" ")]


def _messages_of(module: ModuleType, name: str, fields: str | None) -> dict[str, tuple[str, ...]]:
    if fields is not None:
        written = tuple(field.strip() for field in fields.split(",") if field.strip())
        return {name.rpartition(".")[2]: written}
    members = _members_of(getattr(module, name, None))
    if len(members) > 1:
        return {message.__name__: _fields_of(message) for message in members}
    return {name.rpartition(".")[2]: ()}


def _members_of(alias: Any) -> tuple[Any, ...]:
    return typing.get_args(alias) or (alias,)


def _fields_of(message: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(message))
