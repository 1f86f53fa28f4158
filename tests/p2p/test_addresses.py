import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.p2p.addresses import (
    Address,
    BadAddress,
    Target,
    group,
    is_hearsay,
    is_loopback,
    observed,
    parse,
    parse_target,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9735", "127.0.0.1", 9735),
        ("Node-1.example:0", "node-1.example", 0),
        ("[::1]:65535", "::1", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse(text) == Address(host, port)
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    ["", ":", "host", "host:", ":1", "host:65536", "host:-1", "host:1:2", "::1:1", "[::1:1"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["[a]:1", "[::ffff:127.0.0.1]:1", "a b:1", "a/b:1", "höst:1", "h:١", "x" * 300 + ":1", "a@b:1"],
)
def test_odd_text_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text)


def test_targets() -> None:
    assert parse_target("h:1") == Target(Address("h", 1), None)
    assert parse_target("ab" * 32 + "@h:1").node == b"\xab" * 32
    for text in ("ab@h:1", "zz" * 32 + "@h:1", "@h:1", "ab" * 33 + "@h:1"):
        with pytest.raises(BadAddress):
            parse_target(text)


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(BadAddress):
        assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("8.8.1.1:1", "8.8.2.2:2", True),
        ("8.8.1.1:1", "8.9.1.1:1", False),
        ("[2600:1::1]:1", "[2600:1:2::1]:1", True),
        ("[2600:1::1]:1", "[2600:2::1]:1", False),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("10.0.0.1:1", "10.0.0.2:1", False),
        ("a.example:1", "b.example:1", False),
    ],
)
def test_neighbourhoods(one: str, other: str, same: bool) -> None:
    assert (group(parse(one)) == group(parse(other))) is same


@pytest.mark.parametrize(
    ("text", "source", "taken"),
    [
        ("8.8.8.8:1", "9.9.9.9", True),
        ("127.0.0.1:1", "127.0.0.1", True),
        ("127.0.0.1:1", "9.9.9.9", False),
        ("10.0.0.1:1", "9.9.9.9", False),
        ("10.0.0.1:1", "10.0.0.2", True),
        ("0.0.0.0:1", "127.0.0.1", False),
        ("224.0.0.1:1", "9.9.9.9", False),
        ("8.8.8.8:0", "9.9.9.9", False),
        ("name.example:1", "9.9.9.9", False),
    ],
)
def test_hearsay(text: str, source: str, taken: bool) -> None:
    """A peer must not make us dial into our own machine or network, or look up names."""
    assert is_hearsay(parse(text), source) is taken


def test_ipv4_through_an_ipv6_socket_is_ipv4() -> None:
    """Else a banned host came back under its other name."""
    assert observed("::ffff:8.8.8.8", 1) == parse("8.8.8.8:1")
    assert observed("::1", 1) == parse("[::1]:1")
    assert not is_hearsay(observed("::ffff:127.0.0.1", 1), "9.9.9.9")


def test_loopback() -> None:
    assert is_loopback("127.0.0.9") and is_loopback("::1") and is_loopback("localhost")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("8.8.8.8") and not is_loopback("ab" * 32)
