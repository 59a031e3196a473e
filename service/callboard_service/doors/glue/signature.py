"""Signature version 4, verified as botocore makes it.

| wrong | code |
| --- | --- |
| no Authorization header | MissingAuthenticationTokenException |
| it cannot be read, or leaves out what has to be signed | IncompleteSignatureException |
| nobody has the access key | UnrecognizedClientException |
| another service, day or instant; other secret, header, path or body | InvalidSignatureException |

The instant may be 5 minutes away from the service's. `X-Amz-Security-Token` means nothing here.
Needs botocore: to be imported where that is known to be there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders

from callboard_service.doors.glue.authorization import Authorization, read_authorization
from callboard_service.doors.glue.faults import (
    incomplete_signature,
    invalid_signature,
    unrecognized_client,
)

SERVICE: Final = "glue"
SKEW: Final = timedelta(minutes=5)
_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_MUST_BE_SIGNED: Final = ("host", "x-amz-date", "x-amz-target")
_CHECKSUM: Final = "x-amz-content-sha256"


@dataclass(frozen=True, slots=True)
class _Keys:
    """As botocore's signer reads them."""

    access_key: str
    secret_key: str = field(repr=False)
    token: None = None


class _Signer(SigV4Auth):  # type: ignore[misc] # botocore is not typed
    """Signs the headers that were signed, neither more nor fewer."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


def verified_key_id(
    keys: Mapping[str, str], request: web.Request, data: bytes, now: datetime
) -> str:
    """The access key id by whose secret a request was signed.

    Args:
        keys: secret access keys by access key id.

    Raises:
        GlueFault: the request was not signed, or not by it.
    """
    told = read_authorization(_single(request, "Authorization"))
    signed_at = _check_scope(told, request)
    secret = keys.get(told.key_id)
    if secret is None:
        raise unrecognized_client()
    _check_instant(signed_at, now)
    _check_checksum(request, data)
    wanted = _signature(told, secret, request, data)
    if not hmac.compare_digest(wanted.encode(), told.signature.encode("utf-8", "surrogatepass")):
        raise invalid_signature(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )
    return told.key_id


def _check_scope(told: Authorization, request: web.Request) -> datetime:
    """The instant that was signed."""
    for name in _MUST_BE_SIGNED:
        if name not in told.signed_headers:
            raise incomplete_signature(f"the header {name} must be among the SignedHeaders")
    text = _single(request, "X-Amz-Date") or ""
    try:
        signed_at = datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise incomplete_signature("X-Amz-Date is not an instant as 20260101T120000Z") from None
    if told.service != SERVICE:
        raise invalid_signature(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if told.date != text[:8]:
        raise invalid_signature("the day in Credential is not that of X-Amz-Date")
    return signed_at


def _check_instant(signed_at: datetime, now: datetime) -> None:
    given, present = f"{signed_at:{_FORMAT}}", f"{now:{_FORMAT}}"
    if signed_at < now - SKEW:
        edge = f"{now - SKEW:{_FORMAT}}"
        raise invalid_signature(
            f"Signature expired: {given} is now earlier than {edge} ({present} - 5 min.)"
        )
    if signed_at > now + SKEW:
        edge = f"{now + SKEW:{_FORMAT}}"
        raise invalid_signature(
            f"Signature not yet current: {given} is still later than {edge} ({present} + 5 min.)"
        )


def _check_checksum(request: web.Request, data: bytes) -> None:
    # botocore signs the header in place of the body where there is one.
    given = _single(request, _CHECKSUM)
    if given is not None and given != hashlib.sha256(data).hexdigest():
        raise invalid_signature(f"the header {_CHECKSUM} is not that of the body")


def _signature(told: Authorization, secret: str, request: web.Request, data: bytes) -> str:
    headers = HTTPHeaders()
    for name in told.signed_headers:
        for value in request.headers.getall(name, []):
            headers[name] = value
    signer = _Signer(_Keys(told.key_id, secret), told.service, told.region)
    # The URL's scheme and host are not signed, only the header.
    url = f"http://callboard{request.raw_path}"
    signed = AWSRequest(method=request.method, url=url, data=data)
    signed.headers = headers
    signed.context["timestamp"] = request.headers["X-Amz-Date"]
    try:
        text = signer.string_to_sign(signed, signer.canonical_request(signed))
    except ValueError:
        raise incomplete_signature("what was signed is not text of UTF-8") from None
    return str(signer.signature(text, signed))


def _single(request: web.Request, name: str) -> str | None:
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise incomplete_signature(f"the header {name} comes more than once")
    return values[0] if values else None
