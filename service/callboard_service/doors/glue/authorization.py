"""The Authorization header of AWS's signature version 4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from callboard_service.doors.glue.faults import GlueFault, incomplete_signature, missing_token

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_REQUIRED: Final = ("Credential", "Signature", "SignedHeaders")
_CREDENTIAL: Final = re.compile(
    r"(?P<key_id>[^/\s]{1,128})/(?P<date>[0-9]{8})/(?P<region>[^/\s]{1,64})"
    r"/(?P<service>[^/\s]{1,64})/aws4_request"
)
_LOOSE: Final = re.compile(r"AWS4-[A-Z0-9-]+ .*?Credential=([A-Za-z0-9_.\-+=@]{1,128})/")
_HEADERS: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+(;[a-z0-9!#$%&'*+.^_`|~-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Who says to have signed, what, and how it is proved."""

    key_id: str
    date: str
    """`yyyymmdd`."""
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def read_authorization(text: str | None) -> Authorization:
    """The header, understood.

    Raises:
        GlueFault: MissingAuthenticationTokenException, IncompleteSignatureException.
    """
    if text is None or not text.strip():
        raise missing_token()
    algorithm, _, rest = text.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise incomplete_signature(f"the signature is not of {ALGORITHM}")
    fields = _fields(rest)
    if missing := [name for name in _REQUIRED if not fields.get(name)]:
        said = (f"Authorization header requires '{name}' parameter." for name in missing)
        raise incomplete_signature(" ".join(said))
    return _understood(fields)


def claimed_key_id(text: str | None) -> str | None:
    """The access key id that a header names, unverified; None without one."""
    found = _LOOSE.match(text or "")
    return found[1] if found else None


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in found:
            raise incomplete_signature(
                f"{part.strip()[:80]!a} is not one key=value pair of the Authorization header"
            )
        found[name] = value
    return found


def _understood(fields: dict[str, str]) -> Authorization:
    credential = _CREDENTIAL.fullmatch(fields["Credential"])
    if credential is None:
        raise _malformed("Credential", "KEY/YYYYMMDD/REGION/SERVICE/aws4_request")
    headers = fields["SignedHeaders"].lower()
    if _HEADERS.fullmatch(headers) is None:
        raise _malformed("SignedHeaders", "names of headers, with semicolons between them")
    return Authorization(
        **credential.groupdict(),
        signed_headers=tuple(headers.split(";")),
        signature=fields["Signature"],
    )


def _malformed(name: str, wanted: str) -> GlueFault:
    return incomplete_signature(f"the Authorization header's {name} is not {wanted}")
