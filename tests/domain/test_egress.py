"""The egress guard's decisions (G40, A08)."""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.egress import Address, Egress, address_in, closed_as, is_open
from callboard.errors import InvalidInput

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
NETWORKS = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
PRIVATE_V4 = st.sampled_from(NETWORKS).flatmap(lambda network: st.ip_addresses(network=network))
NOTHING = Egress()


def refusal(host: str, port: int = 443, *allowed: str, address: str | None = None) -> str | None:
    found = address_in(host) if address is None else ipaddress.ip_address(address)
    assert found is not None
    return Egress.of(allowed).refusal(host, port, found)


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("127.0.0.1", "loopback"),
        ("127.1.2.3", "loopback"),
        ("[::1]", "loopback"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("[fd12::1]", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("169.254.1.1", "link-local"),
        ("[fe80::1%eth0]", "link-local"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("[::]", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("[ff02::1]", "multicast"),
        ("255.255.255.255", "reserved"),
        ("192.0.2.1", "reserved"),
        ("[2001:db8::1]", "reserved"),
        ("[64:ff9b:1::1]", "reserved"),
        ("169.254.169.254", "metadata"),
        ("[fd00:ec2::254]", "metadata"),
        ("168.63.129.16", "metadata"),
    ],
)
def test_what_is_not_the_public_internet_is_refused_by_its_name(host: str, what: str) -> None:
    assert what in (refusal(host) or "")


@pytest.mark.parametrize(
    "host",
    [
        "[::ffff:10.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::10.0.0.1]",
        "[2002:a00:1::]",
        "[64:ff9b::a00:1]",
        "[2001:0:a00:1::f5ff:fffe]",
    ],
)
def test_an_address_inside_of_another_one_is_seen(host: str) -> None:
    assert refusal(host) is not None


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7F.1",
        "127.0.0.1.",
        "0",
    ],
)
def test_every_spelling_of_an_address_is_read(host: str) -> None:
    assert refusal(host) is not None


@pytest.mark.parametrize("host", ["example.com", "1.2.3.4.5", "256.1.1.1", "0x", "1e3", "", "08.1"])
def test_a_name_is_no_address(host: str) -> None:
    assert address_in(host) is None


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "[2001:4860:4860::8888]", "[64:ff9b::808:808]", "[::ffff:8.8.8.8]"]
)
def test_the_public_internet_is_open(host: str) -> None:
    assert refusal(host) is None


def test_the_refusal_says_how_to_allow_it() -> None:
    said = refusal("intranet", 443, address="10.0.0.1") or ""
    assert "intranet (10.0.0.1) is a private address" in said
    assert "'10.0.0.1'" in said
    assert "--egress-allow" in said


@given(V4)
def test_no_address_that_python_calls_private_is_open(address: IPv4Address) -> None:
    """Python's own table knows of fewer."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert NOTHING.refusal(str(address), 443, address) is not None


@given(V6)
def test_no_v6_address_that_python_calls_private_is_open(address: IPv6Address) -> None:
    """But for those that carry a v4 one, which is judged instead: see below."""
    if int(address) >> 32 in (0xFFFF, 0x64FF9B << 64):
        return
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert NOTHING.refusal(str(address), 443, address) is not None


@given(V4)
def test_v4_inside_of_v6_is_as_open_as_it_is_itself(address: IPv4Address) -> None:
    plain = NOTHING.refusal("x", 443, address) is None
    number = int(address)
    mapped = IPv6Address((0xFFFF << 32) | number)
    nat64 = IPv6Address((0x64FF9B << 96) | number)
    sixtofour = IPv6Address((0x2002 << 112) | (number << 80))
    for carrier in (mapped, nat64, sixtofour):
        assert (NOTHING.refusal("x", 443, carrier) is None) == plain


@given(PRIVATE_V4, st.integers(0, 2))
def test_a_closed_address_is_closed_in_every_spelling(address: Address, form: int) -> None:
    number = int(address)
    text = (str(number), hex(number), f"0{number:o}")[form]
    read = address_in(text)
    assert read == address
    assert NOTHING.refusal(text, 80, read) is not None


@given(
    st.from_regex(
        r"(0x[0-9a-f]{1,8}|[0-9]{1,10})(\.(0x[0-9a-f]{1,3}|[0-9]{1,4})){0,3}", fullmatch=True
    )
)
def test_what_the_system_reads_as_an_address_is_read_likewise(text: str) -> None:
    try:
        expected = IPv4Address(socket.inet_aton(text))
    except OSError:
        return
    assert address_in(text) == expected


@given(V4 | V6)
def test_an_address_is_open_when_it_is_allowed(address: Address) -> None:
    """As it is written, whatever it carries inside."""
    assert Egress.of([str(address)]).refusal(str(address), 443, address) is None
    assert Egress.of([f"[{address}]:25"]).refusal(str(address), 25, address) is None


@pytest.mark.parametrize(
    ("allowed", "host", "port", "address", "is_refused"),
    [
        ("10.0.0.0/8", "x", 443, "10.1.2.3", False),
        ("10.0.0.0/8", "x", 443, "::ffff:10.1.2.3", False),
        ("10.0.0.0/8", "x", 443, "192.168.1.1", True),
        ("10.0.0.0/8", "x", 22, "10.1.2.3", True),
        ("10.0.0.1:22", "x", 22, "10.0.0.1", False),
        ("10.0.0.1:22", "x", 23, "10.0.0.1", True),
        ("10.0.0.1:22", "x", 443, "10.0.0.1", True),
        ("[::1]:8080", "localhost", 8080, "::1", False),
        ("::1", "localhost", 8080, "::1", False),
        ("intranet", "INTRANET.", 443, "10.0.0.1", False),
        ("intranet", "other", 443, "10.0.0.1", True),
        ("intranet:8080", "intranet", 8080, "10.0.0.1", False),
        ("intranet:8080", "intranet", 8081, "10.0.0.1", True),
        ("mail.example:25", "mail.example", 25, "8.8.8.8", False),
        ("mail.example:25", "mail.example", 587, "8.8.8.8", True),
        ("0.0.0.0/0", "x", 443, "127.0.0.1", False),
        ("127.1", "x", 443, "127.0.0.1", False),
    ],
)
def test_entries_allow_what_they_say(
    allowed: str, host: str, port: int, address: str, is_refused: bool
) -> None:
    assert (refusal(host, port, allowed, address=address) is not None) is is_refused


@pytest.mark.parametrize("allowed", ["169.254.0.0/16", "0.0.0.0/0", "intranet", "intranet:80"])
def test_a_metadata_service_is_opened_by_nothing_but_its_own_address(allowed: str) -> None:
    address = "169.254.169.254"
    assert refusal("intranet", 80, allowed, address=address) is not None
    assert refusal("intranet", 80, address, address=address) is None


def test_ports_of_other_services_are_closed() -> None:
    assert [port for port in range(1, 1025) if is_open(port)] == [80, 443, 1024]
    assert "port 25 of 8.8.8.8 is closed to jobs: allow it with '8.8.8.8:25'" in (
        refusal("8.8.8.8", 25) or ""
    )


@pytest.mark.parametrize(
    "entry", ["", "a b", "http://x", "x:0", "x:70000", "10.0.0.0/33", "-x", "x/y", "*"]
)
def test_an_entry_that_cannot_be_read_is_named(entry: str) -> None:
    with pytest.raises(InvalidInput, match="egress_allow") as caught:
        Egress.of(["8.8.8.8", entry])
    assert repr(entry) in str(caught.value)


def test_one_text_is_not_taken_for_many() -> None:
    with pytest.raises(InvalidInput, match="not several"):
        Egress.of("10.0.0.0/8")


@given(V6)
def test_outside_of_what_is_given_out_nothing_is_open(address: IPv6Address) -> None:
    assert closed_as(address) is not None or int(address) >> 125 == 1
