"""The signature of a webhook's message: by it, a receiver knows who sent it, and when.

    Callboard-Signature: t=1795255200,v1=5257a869e7ece...

`v1` is the HMAC-SHA256, in hex, of the text "<t>.<body>" with the webhook's secret; `t` is when it
was sent, in seconds since 1970. Who takes no old `t` cannot be sent a message again by others.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

HEADER: Final = "Callboard-Signature"
TOLERANCE_S: Final = 300


def sign(body: bytes, secret: str, at: int) -> str:
    """The header's value for a message that is sent at this second."""
    return f"t={at},v1={_digest(body, secret, at)}"


def is_signed(
    body: bytes, header: str, secret: str, now: int, *, tolerance_s: int = TOLERANCE_S
) -> bool:
    """Whether the header is the secret's holder's for this body, and not older than allowed."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at, given = parts.get("t", ""), parts.get("v1", "")
    if not (at.isascii() and at.isdecimal() and len(at) < 15 and given.isascii()):
        return False
    if abs(now - int(at)) > tolerance_s:
        return False
    return hmac.compare_digest(_digest(body, secret, int(at)), given)


def _digest(body: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
