"""P21: unknown versions of the vault's program. Refused, never taken for "anyone may spend".

The vault's part: no lock, no operation and no approval of an unknown kind is accepted anywhere.
"""

from itertools import product

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Lock, Output, Witness
from bystack.ledger.validation import VersionUnknown
from bystack.ledger.vault_operations import OperationUnknown, Touch, decode_operation
from bystack.primitives.codec import Malformed, decode_union, encode
from tests.ledger.vault_world import World, edited

KNOWN_LOCKS, KNOWN_WITNESSES, KNOWN_KINDS = range(7), range(3), range(16, 28)


def unknown(known: range, size: int = 256) -> list[int]:
    return [number for number in range(size) if number not in known]


def test_locks() -> None:
    vault = bytes(32)
    bodies = ((vault,), (vault, bytes(64)), (vault, vault, vault, 5), ())
    for tag, fields in product(unknown(KNOWN_LOCKS), bodies):
        with pytest.raises(Malformed):
            decode_union(Lock, encode((tag, *fields)), 1000)
        with pytest.raises(Malformed):
            decode_union(Output, encode((BTM, 1, (tag, *fields))), 1000)


def test_witnesses() -> None:
    for tag in unknown(KNOWN_WITNESSES):
        with pytest.raises(Malformed):
            decode_union(Witness, encode((tag,)), 1000)


def test_operations() -> None:
    for kind in (*unknown(KNOWN_KINDS), 65535):
        with pytest.raises(OperationUnknown):
            decode_operation(kind, encode(Touch(0, 0)))
        for known in KNOWN_KINDS:
            with pytest.raises(Malformed):
                decode_operation(known, encode((kind, 0, 0)))


def test_transactions() -> None:
    world = World()
    tx = world.touch()
    before = dict(world.coins)
    for version in (0, *range(2, 256), 65535):
        with pytest.raises(VersionUnknown):
            world.judge(edited(world, tx, version=version))
    assert world.coins == before
    assert world.judge(tx).checks
