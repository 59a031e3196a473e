"""What a command of the API works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callboard_service.cli.output import Output

if TYPE_CHECKING:
    from callboard.clock import Clock
    from callboard_service.cli.client import ApiClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One command's connection to the server, and its output."""

    api: ApiClient
    output: Output
    clock: Clock
