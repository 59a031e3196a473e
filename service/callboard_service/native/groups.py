"""The queries that say whose things a request is about."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from callboard.domain.names import DEFAULT_GROUP

KnownName: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
"""A name to look for; imported things may have freer names than new ones."""


class InGroup(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The query of every path that names a thing."""

    group: Annotated[KnownName, msgspec.Meta(description="the owner of what the path names")] = (
        DEFAULT_GROUP
    )


class IntoGroup(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The query of what creates a thing."""

    group: Annotated[
        KnownName | None, msgspec.Meta(description="the owner, where the body names none")
    ] = None


class Waiting(InGroup, kw_only=True, forbid_unknown_fields=True):
    """The query of a request whose answer may wait."""

    wait_s: Annotated[
        float,
        msgspec.Meta(description="answer when the run has ended, or after so long", ge=0, le=300),
    ] = 0.0
