"""The constants of a network: they live here or in a private network's genesis file, never in TOML.

The genesis header names the hash of the parameters as its predecessor, so its id, and with it every
later id, belongs to one network. The chain id, which enters every signed digest, commits to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bystack.mainchain.blocks import VERSION, Block, Header, transaction_root, witness_root
from bystack.mainchain.work import TargetInvalid, target_of
from bystack.primitives.codec import MAX_INT, U32, U63, Bit, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.primitives.mountain import EMPTY_PEAKS, mountain_root

MAX_PARAMS = 1024

_params_hash = tagged("mainchain/params")
_chain_id = tagged("mainchain/chain")

Name = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9-]*\Z")]
Prefix = Annotated[str, Meta(min_length=1, max_length=10, pattern=r"^[a-z]+\Z")]
Positive = Annotated[int, Meta(ge=1, le=2**32 - 1)]


class ParamsInvalid(Invalid):
    """The network's parameters are incomplete, ill-typed or out of range."""


class Params(Wire):
    """A network. Times in seconds, amounts in 10**-8 BTM, targets compact, weights as in `ledger`.

    `magic` opens every store and hello; `hrp` is the prefix of addresses; `work` names the engine;
    `retarget` is 0 where the target never moves; `tolerance` is how far ahead a header may be.
    """

    name: Name
    magic: Annotated[bytes, Meta(min_length=4, max_length=4)]
    hrp: Prefix
    work: Name
    spacing: Positive
    half_life: Positive
    retarget: Bit
    subsidy: U63
    halving: Positive
    maturity: U32
    max_weight: Annotated[int, Meta(ge=10_000, le=4_000_000)]
    max_bls_checks: U32
    tolerance: U32
    genesis_time: U63
    genesis_target: U32
    target_limit: U32


MAIN = Params(
    name="main",
    magic=b"BYm\x01",
    hrp="bm",
    work="sha256d",
    spacing=150,
    half_life=7_200,
    retarget=1,
    subsidy=41_250_000_000,
    halving=840_000,
    maturity=100,
    max_weight=4_000_000,
    max_bls_checks=200,
    tolerance=300,
    genesis_time=1_735_689_600,  # 2025-01-01
    genesis_target=0x1D00FFFF,
    target_limit=0x1E00FFFF,
)
TEST = msgspec.structs.replace(
    MAIN,
    name="test",
    magic=b"BYt\x01",
    hrp="tm",
    genesis_target=0x1E00FFFF,
    target_limit=0x1F00FFFF,
)
# A wider tolerance lets `generatetoaddress` mine thousands of blocks in a second.
REGTEST = msgspec.structs.replace(
    MAIN,
    name="regtest",
    magic=b"BYr\x01",
    hrp="rm",
    half_life=86_400,
    retarget=0,
    tolerance=7_200,
    genesis_target=0x207FFFFF,
    target_limit=0x207FFFFF,
)
NETWORKS: Mapping[str, Params] = {params.name: params for params in (MAIN, TEST, REGTEST)}


@lru_cache(maxsize=16)
def genesis(params: Params) -> Block:
    """The first block: no transaction, so that all value comes from work; it is not mined."""
    header = Header(
        version=VERSION,
        height=0,
        previous=_params_hash(encode(params)),
        transaction_root=transaction_root(()),
        witness_root=witness_root(()),
        transaction_count=0,
        history_root=mountain_root(EMPTY_PEAKS),
        time=params.genesis_time,
        target=params.genesis_target,
        nonce=bytes(8),
    )
    return Block(header, ())


@lru_cache(maxsize=16)
def chain_id(params: Params) -> bytes:
    """The 32 bytes that name this network in every signed digest."""
    return _chain_id(encode(params), genesis(params).id)


def subsidy_at(height: int, params: Params) -> int:
    """What a block at this height may create, in 10**-8 BTM."""
    return params.subsidy >> min(height // params.halving, 63) if height else 0


def check_params(params: Params) -> None:
    """Raise `ParamsInvalid` unless the targets are real and the supply stays within an amount."""
    try:
        start, limit = target_of(params.genesis_target), target_of(params.target_limit)
    except TargetInvalid as error:
        raise ParamsInvalid(reason=str(error)) from None
    if start > limit:
        raise ParamsInvalid(reason="the genesis target is easier than the limit")
    if 2 * params.subsidy * params.halving > MAX_INT:
        raise ParamsInvalid(reason="the supply exceeds the largest amount")


def params_from(table: Mapping[str, object]) -> Params:
    """The parameters of a genesis file, decoded from TOML; `magic` is 8 hexadecimal digits.

    Every field stands in it and nothing else. Raises `ParamsInvalid`, which names what is wrong.
    """
    fields = {field.name: field.type for field in msgspec.structs.fields(Params)}
    for key in sorted(set(table) ^ set(fields)):
        raise ParamsInvalid(key=key, reason="unknown" if key in table else "missing")
    params = Params(**{key: _value(key, kind, table[key]) for key, kind in fields.items()})
    check_params(params)
    return params


def _value(key: str, kind: Any, given: object) -> Any:
    try:
        return msgspec.convert(bytes.fromhex(str(given)) if key == "magic" else given, kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise ParamsInvalid(key=key, given=given, reason=str(error)) from None
