"""The door itself: from a POST of an AWS SDK to an operation, and its answer back.

1. The target names the operation (target.py); the body is read, at most 1 MiB.
2. The signature says who calls (callers.py, signature.py).
3. The body is JSON of the model's types (reading.py) within its constraints (checks.py).
4. What is repeated is done once (repetition.py).
5. The operation speaks to the board; what it raises becomes an AWS error (faults.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from callboard_service.body import read_body
from callboard_service.call import OPERATION, Service
from callboard_service.doors.glue import answer, loading
from callboard_service.doors.glue.callers import Callers
from callboard_service.doors.glue.checks import check_request
from callboard_service.doors.glue.faults import fault_of, not_supported, unknown_operation
from callboard_service.doors.glue.loading import Loaded
from callboard_service.doors.glue.model import GlueModel, NoModel
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.operations import OPERATIONS
from callboard_service.doors.glue.reading import read_request
from callboard_service.doors.glue.repetition import is_repeatable, key_of, start_key
from callboard_service.doors.glue.target import PREFIX, no_such_operation, operation_of
from callboard_service.idempotency import once_by
from callboard_service.wire.text import parse_json

PATHS: Final = ("/", "/glue", "/glue/", "/api/glue", "/api/glue/")
REQUEST_ID: Final = "x-amzn-RequestId"


class GlueDoor:
    """The door of one application.

    Args:
        operations: by name.

    Raises:
        InvalidInput: glue_credentials cannot be read.
    """

    def __init__(self, service: Service, operations: Mapping[str, Operation] = OPERATIONS) -> None:
        self._service = service
        self._operations = operations
        self._callers = Callers(service.settings)
        self._loading: asyncio.Future[Loaded] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer to a request; faults are raised, for `refuse`."""
        self._service.board.check_room()
        operation = operation_of(request)
        data = await read_body(request)
        loaded = await self._loaded()
        self._check_operation(loaded.model, operation, request)
        now = self._service.clock.now()
        group = self._callers.group_of(request, data, now, loaded.verify)
        given = read_request(loaded.model, operation, parse_json(data))
        check_request(loaded.model, operation, given)
        do = partial(self._do, operation, group, given)
        key = key_of(request, group, operation)
        if key is None:
            response: web.StreamResponse = await do(None)
        elif (found_by := start_key(key, operation, data)) is not None:
            response = await do(found_by)
        else:
            again, board = is_repeatable(operation), self._service.board
            response = await once_by(board, key, data, now, do, is_repeatable=again)
        response.headers[REQUEST_ID] = str(uuid4())
        return response

    @staticmethod
    def refuse(error: Exception) -> web.Response:
        """The answer for what was raised here or on the way here."""
        response = answer.failure(fault_of(error))
        response.headers[REQUEST_ID] = str(uuid4())
        return response

    async def _do(
        self, operation: str, group: str, given: Mapping[str, Any], key: str | None
    ) -> web.StreamResponse:
        call = GlueCall(
            board=self._service.board,
            group=group,
            request=given,
            clock=self._service.clock,
            account=self._service.settings.glue_account,
            operation=operation,
            key=key,
        )
        return answer.success(await self._operations[operation](call))

    def _check_operation(self, model: GlueModel, operation: str, request: web.Request) -> None:
        if operation not in model.names:
            raise unknown_operation(no_such_operation(operation))
        # Only of names that there are: figures must not grow by what clients send.
        request[OPERATION] = f"{PREFIX}{operation}"
        if operation not in self._operations:
            raise not_supported(f"Callboard does not have Glue's operation {operation}")

    async def _loaded(self) -> Loaded:
        if self._loading is None:
            load = partial(
                loading.load, self._operations.keys(), verifies=self._callers.are_verified
            )
            self._loading = asyncio.get_running_loop().run_in_executor(None, load)
        try:
            # Shielded: others wait for it, too.
            return await asyncio.shield(self._loading)
        except NoModel as error:
            raise not_supported(str(error)) from None
        except Exception:
            self._loading = None
            raise
