"""ARNs of jobs, triggers and workflows: `arn:aws:glue:<region>:<account>:job/<name>`.

Region and partition are the caller's and mean nothing here; the account must be the service's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from callboard.domain.names import wide_name_problem
from callboard_service.doors.glue.faults import invalid_input, not_found
from callboard_service.doors.glue.operation import GlueCall

_ARN: Final = re.compile(r"arn:[^:]*:glue:[^:]*:([^:]*):([A-Za-z]+)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What an ARN names."""

    kind: str
    """`job`, `trigger`, `workflow`, `crawler`, ..."""
    name: str
    """It may have slashes and colons."""


def resource_of(call: GlueCall, arn: str) -> Resource:
    """What an ARN names.

    Raises:
        GlueFault: InvalidInputException: it is no ARN of Glue;
            EntityNotFoundException: it is another account's, or nothing can have its name.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise invalid_input(
            f"{arn[:200]!r} is not an ARN such as arn:aws:glue:REGION:ACCOUNT:job/NAME"
        )
    account, kind, name = found.groups()
    if account != call.account:
        raise not_found(f"Entity not found: the account is {call.account}, not {account[:20]}")
    if wide_name_problem(name, "ResourceArn") is not None:
        raise not_found(f"Entity not found: nothing can have the name {name[:80]!a}")
    return Resource(kind=kind, name=name)
