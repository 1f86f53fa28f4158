"""The envelope of requests and answers, without HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.node import rpc
from bystack.node.ipc import RemoteError


def test_envelopes_of_both_versions() -> None:
    (new,), batch = rpc.parse(b'{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}}')
    assert isinstance(new, rpc.Request) and not batch
    assert rpc.success(new, 5) == {"jsonrpc": "2.0", "result": 5, "id": "a"}
    fault = rpc.failure(new, RemoteError(-5, "no", {"rule": "R"}))
    assert fault["error"] == {"code": -5, "message": "no", "data": {"rule": "R"}}
    (old,), _ = rpc.parse(b'{"id":1,"method":"m"}')
    assert isinstance(old, rpc.Request) and old.params == []
    assert rpc.success(old, 5) == {"result": 5, "error": None, "id": 1}
    assert rpc.failure(old, RemoteError(-5, "no"))["result"] is None
    (silent,), _ = rpc.parse(b'{"jsonrpc":"2.0","method":"m"}')
    assert isinstance(silent, rpc.Request) and silent.notification


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", rpc.BAD_JSON),
        (b"\xff\xfe", rpc.BAD_JSON),
        (b"{" * 100_000, rpc.BAD_JSON),
        (b"[" * 100_000, rpc.BAD_JSON),
        (b"[]", rpc.BAD_REQUEST),
        (b"[" + b"1," * 1000 + b"1]", rpc.BAD_REQUEST),
    ],
)
def test_bodies_refused_whole(body: bytes, code: int) -> None:
    with pytest.raises(RemoteError) as caught:
        rpc.parse(body)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        b"1",
        b'"m"',
        b'{"method":1}',
        b'{"params":[]}',
        b'{"method":"m","id":[1]}',
        b'{"method":"m","params":"x"}',
        b'{"method":"m","params":[' + b"1," * 100 + b"1]}",
    ],
)
def test_faulty_request_is_an_error_in_its_place(body: bytes) -> None:
    requests, batch = rpc.parse(b"[" + body + b',{"method":"m","id":1}]')
    assert batch
    assert isinstance(requests[0], RemoteError)
    assert isinstance(requests[1], rpc.Request)


@given(st.binary(max_size=100))
def test_any_bytes_are_requests_or_refused_by_name(body: bytes) -> None:
    try:
        requests, _ = rpc.parse(body)
    except RemoteError as error:
        assert error.code in (rpc.BAD_JSON, rpc.BAD_REQUEST)
    else:
        assert requests
