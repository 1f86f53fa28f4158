"""The registry of methods: parameters, scopes, help."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bystack.node import rpc
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.rpc.explaining import lines_of


def getblock(blockhash: rpc.Hash, verbosity: int = 1) -> list[Any]:
    """A block by its hash."""
    return [blockhash, verbosity]


async def send(address: str, amount: rpc.Amount) -> str:
    return f"{amount} to {address}"


@pytest.fixture
def methods() -> rpc.Methods:
    held = rpc.Methods()
    held.add("getblock", getblock)
    held.add("sendtoaddress", send, scope="wallet", help="Pay an address.")
    held.add("stop", lambda: rpc.calling_chain(), scope="admin")
    return held


HASH = "ab" * 32


def call(methods: rpc.Methods, name: str, params: Any = (), scope: str = "admin") -> Any:
    return trio.run(methods.call, name, params, scope)


def test_parameters_by_position_and_by_name(methods: rpc.Methods) -> None:
    assert call(methods, "getblock", [HASH]) == [HASH, 1]
    assert call(methods, "getblock", [HASH, 2]) == [HASH, 2]
    assert call(methods, "getblock", [HASH, None]) == [HASH, 1]
    assert call(methods, "getblock", {"verbosity": 0, "blockhash": HASH}) == [HASH, 0]
    assert call(methods, "sendtoaddress", ["a", "1.5"]) == "1.5 to a"
    assert call(methods, "getblock", {"args": [HASH], "verbosity": 2}) == [HASH, 2]


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ([], rpc.BAD_PARAMS, "blockhash is missing"),
        ([HASH, 1, 2], rpc.BAD_PARAMS, "3 parameters"),
        ({"hash": HASH}, rpc.BAD_PARAMS, "'hash'"),
        ({"args": [HASH], "blockhash": HASH}, rpc.BAD_PARAMS, "blockhash is given twice"),
        ({"args": [HASH, 1, 2]}, rpc.BAD_PARAMS, "3 parameters"),
        ({"args": "x"}, rpc.BAD_PARAMS, "'args'"),
        ("x", rpc.BAD_PARAMS, "list or an object"),
        (["zz"], rpc.WRONG_TYPE, "blockhash of getblock: expected a 32-byte id in hex"),
        ([HASH, "1"], rpc.WRONG_TYPE, "verbosity of getblock: expected integer"),
        ([HASH, True], rpc.WRONG_TYPE, "verbosity"),
        ([HASH, 1.5], rpc.WRONG_TYPE, "verbosity"),
        ([None], rpc.WRONG_TYPE, "blockhash"),
    ],
)
def test_bad_parameters_are_named(methods: rpc.Methods, params: Any, code: int, said: str) -> None:
    with pytest.raises(RemoteError) as caught:
        call(methods, "getblock", params)
    assert caught.value.code == code
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("method", "scope", "allowed"),
    [
        ("getblock", "read", True),
        ("sendtoaddress", "read", False),
        ("sendtoaddress", "wallet", True),
        ("stop", "wallet", False),
        ("stop", "admin", True),
        ("getblock", "root", False),
    ],
)
def test_scopes(methods: rpc.Methods, method: str, scope: str, allowed: bool) -> None:
    params = {"getblock": [HASH], "sendtoaddress": ["a", "1"], "stop": []}[method]
    if allowed:
        call(methods, method, params, scope)
    else:
        with pytest.raises(RemoteError) as caught:
            call(methods, method, params, scope)
        assert caught.value.code == rpc.FORBIDDEN_BY_SCOPE


def test_answer_defaults_to_the_least_scope_and_carries_the_chain(methods: rpc.Methods) -> None:
    assert trio.run(methods.answer, ["getblock", [HASH]]) == [HASH, 1]
    with pytest.raises(RemoteError):
        trio.run(methods.answer, ["sendtoaddress", ["a", "1"]])
    assert trio.run(methods.answer, ["stop", [], "admin", "trade"]) == "trade"
    assert rpc.calling_chain() == "main"


def test_help_lists_and_explains(methods: rpc.Methods) -> None:
    assert "getblock blockhash [verbosity]" in call(methods, "help").splitlines()
    text = call(methods, "help", ["getblock"])
    assert "A block by its hash." in text
    assert "blockhash (required): a 32-byte id in hex" in text
    assert "verbosity (default 1): integer" in text
    assert "bystack rpc getblock 1f1f" in text and "curl -u" in text
    for name in ("help", "nothing"):
        with pytest.raises(RemoteError) as caught:
            call(methods, *(("help", ["nothing"]) if name == "help" else ("nothing",)))
        assert caught.value.code == METHOD_UNKNOWN


def test_help_tells_which_fields_of_a_result_may_be_missing() -> None:
    fields = {"txid": {"type": "string"}, "vout": {"type": "integer"}}
    schema = {"type": "object", "properties": fields, "required": ["txid"]}
    assert list(lines_of(schema, {}, 0)) == [
        "object",
        "  txid: string",
        "  vout (not always): integer",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(json_values, json_values)
def test_any_json_parameters_give_a_result_or_a_named_error(params: Any, extra: Any) -> None:
    methods = rpc.Methods()
    methods.add("getblock", getblock)
    for given_params in (params, [params, extra], {"blockhash": params}):
        try:
            call(methods, "getblock", given_params)
        except RemoteError as error:
            assert error.code in (rpc.BAD_PARAMS, rpc.WRONG_TYPE)
            msgspec.json.encode(rpc.failure(None, error))
