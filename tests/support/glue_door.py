"""Raw requests to a Glue door, for what boto3 would never send."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.service_calls import Client

TYPE: Final = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, in AWS's shape."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> str:
        """The error's code; empty for a success."""
        return str(self.body.get("__type", ""))

    @property
    def message(self) -> str:
        return str(self.body.get("Message", ""))


async def post(
    client: Client,
    operation: str = "GetJobs",
    body: Any = None,
    *,
    path: str = "/",
    headers: Mapping[str, str | None] | None = None,
) -> Answer:
    """The answer to one operation; it is one of AWS JSON, whatever it says.

    Args:
        body: a JSON value, or bytes to be sent as they are; nothing: `{}`.
        headers: laid over the usual ones; None leaves one out.
    """
    usual: dict[str, str | None] = {"Content-Type": TYPE, "X-Amz-Target": f"AWSGlue.{operation}"}
    sent = {name: text for name, text in {**usual, **(headers or {})}.items() if text is not None}
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    skipped = [] if "Content-Type" in sent else ["Content-Type"]
    # As a file: aiohttp warns of large bytes.
    async with client.post(
        path, data=io.BytesIO(data), headers=sent, skip_auto_headers=skipped
    ) as response:
        text = await response.text()
        assert response.headers["Content-Type"] == TYPE, text
        assert len(response.headers["x-amzn-RequestId"]) == 36
        answer = Answer(
            status=response.status, headers=dict(response.headers), body=json.loads(text)
        )
    if response.status != 200:
        assert set(answer.body) == {"__type", "Message"}
        assert answer.headers["x-amzn-ErrorType"] == answer.code
    return answer


async def refused(client: Client, code: str, *args: Any, **options: Any) -> str:
    """The text of an answer that is refused with the code and status 400."""
    answer = await post(client, *args, **options)
    assert (answer.status, answer.code) == (400, code), answer
    return answer.message


def signed(
    client: Client,
    operation: str,
    data: bytes,
    *,
    key: str,
    secret: str,
    at: datetime,
    path: str = "/",
    service: str = "glue",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request as botocore signs it at an instant."""
    url = str(client.make_url(path))
    told = {"Content-Type": TYPE, "X-Amz-Target": f"AWSGlue.{operation}", **(headers or {})}
    request = AWSRequest(method="POST", url=url, data=data, headers=told)
    stamp = f"{at:%Y%m%dT%H%M%SZ}"
    request.headers["X-Amz-Date"] = stamp
    request.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials(key, secret), service, "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return dict(request.headers.items())
