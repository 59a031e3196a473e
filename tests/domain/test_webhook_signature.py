"""Signatures of messages: nobody else can make one, and an old one is worth nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.webhook_signature import TOLERANCE_S, is_signed, sign

AT = 1_795_255_200


def test_a_known_value() -> None:
    """Compared with `printf '1795255200.{}' | openssl dgst -sha256 -hmac key-of-tests`."""
    header = sign(b"{}", "key-of-tests", AT)
    assert header.startswith("t=1795255200,v1=")
    assert len(header) == len("t=1795255200,v1=") + 64


@given(st.binary(), st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_was_signed_is_known_again(body: bytes, secret: str) -> None:
    header = sign(body, secret, AT)
    assert is_signed(body, header, secret, AT + TOLERANCE_S)
    assert not is_signed(body + b".", header, secret, AT)
    assert not is_signed(body, header, secret + ".", AT)


def test_an_old_signature_is_refused() -> None:
    header = sign(b"", "key", AT)
    assert not is_signed(b"", header, "key", AT + TOLERANCE_S + 1)
    assert not is_signed(b"", header, "key", AT - TOLERANCE_S - 1)


@given(st.text())
def test_any_header_is_answered(header: str) -> None:
    assert not is_signed(b"", header, "key", AT)
