"""Four operators of a sidechain `port`, their public parts, and complete choices."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from bystack.client.sidechain_new.choices import Choices, ChosenAsset
from bystack.client.sidechain_new.operators import Operator
from bystack.primitives import bls
from bystack.primitives.hashes import tagged

NAME = "port"
_dice = tagged("tests/founders")


def thrown(*words: object) -> str:
    """32 bytes in hex, always the same for the same words."""
    return _dice(repr(words).encode()).hex()


@lru_cache(maxsize=1)
def parts() -> tuple[dict[str, object], ...]:
    """What `bystackd key new` prints on each node, with name and recipient."""
    made: list[dict[str, object]] = []
    for seat in range(4):
        secret = bls.key_gen(bytes.fromhex(thrown("validator", seat)))
        voter = {"key": bls.sk_to_pk(secret).hex(), "proof": bls.pop_prove(secret).hex()}
        member = {name: thrown(name, seat) for name in ("identity", "node", "governance")}
        named = {f"super-{seat + 1}": {"key": thrown("super", seat)}} if seat < 2 else {}
        made.append(
            {
                "name": f"op{seat + 1}",
                "recipient": thrown("recipient", seat),
                "validator": {NAME: {**voter, "node": thrown("voting", seat)}},
                "member": {NAME: member},
                "named": named,
            }
        )
    return tuple(made)


def operators() -> tuple[Operator, ...]:
    """The operators as read from their files."""
    return msgspec.convert(parts(), tuple[Operator, ...])


KEYS = {name: thrown("named", name) for name in ("tower-1", "tower-2", "r1", "r2", "r3")}
BTM = ChosenAsset("BTM", "ff" * 32, 8, "100")
GOLD = ChosenAsset("GOLD", thrown("gold"), 2, "5000")


def complete() -> Choices:
    """Nothing lacks and nothing is wrong."""
    return Choices(NAME, "regtest", assets=(BTM, GOLD), operators=operators(), keys=KEYS)
