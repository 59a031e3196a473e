"""Who calls: the access key that a request was signed by, and so the group that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP
from callboard_service.doors.glue.authorization import claimed_key_id
from callboard_service.doors.glue.credentials import read_credentials
from callboard_service.doors.glue.faults import unrecognized_client
from callboard_service.settings import Settings

Verify: TypeAlias = Callable[[Mapping[str, str], web.Request, bytes, datetime], str]


class Callers:
    """Those who may call, as the settings say.

    With a file of credentials everybody has to sign. Without one all may call, unverified, where
    the service is on loopback and has no token, and nobody otherwise.

    Raises:
        InvalidInput: glue_credentials cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        path = settings.glue_credentials
        self._keys = None if path is None else read_credentials(path)
        self._are_all_welcome = settings.token is None and settings.is_on_loopback

    @property
    def are_verified(self) -> bool:
        """Whether signatures are looked at."""
        return self._keys is not None

    def group_of(
        self, request: web.Request, data: bytes, now: datetime, verify: Verify | None
    ) -> str:
        """The caller's group: the access key id, or `default` where none is given.

        Raises:
            GlueFault: the caller may not call.
        """
        if self._keys is not None and verify is not None:
            return verify(self._keys, request, data, now)
        if self._keys is None and self._are_all_welcome:
            return claimed_key_id(request.headers.get("Authorization")) or DEFAULT_GROUP
        raise unrecognized_client(
            "The security token included in the request is invalid: the service has no access "
            "keys (start it with --glue-credentials FILE)."
        )
