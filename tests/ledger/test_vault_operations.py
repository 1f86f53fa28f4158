"""Operations' bytes, and that each digest commits to all it should."""

import itertools

import pytest
from msgspec.structs import replace

from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import DepositLock, Outpoint, Output
from bystack.ledger.vault_operations import (
    CREATE_WEIGHT,
    MAX_ORDER_OUTPUTS,
    VAULT_KINDS,
    Adopt,
    Announce,
    Cancel,
    Complete,
    Consolidate,
    Create,
    Freeze,
    Operation,
    OperationUnknown,
    Order,
    Recover,
    Replace,
    Touch,
    Veto,
    accept_digest,
    counter_of,
    decode_operation,
    encode_operation,
    extra_weight,
    name_of,
    operation_digest,
    outputs_hash,
    vault_id,
)
from bystack.primitives.codec import Malformed, encode
from tests.ledger.vault_world import GOLD, new_terms, pay, usual_terms
from tests.wire import check_wire

CHAIN, VAULT = b"\x01" * 32, b"\x02" * 32
OUTPUTS = (pay(7), Output(GOLD, 10, DepositLock(VAULT, b"n" * 64)))
ALL: tuple[Operation, ...] = (
    Create(usual_terms()),
    Order(5, 1, OUTPUTS),
    Touch(5, 1),
    Complete(),
    Veto(Outpoint(b"\x03" * 32, 1)),
    Announce(5, b"\x04" * 32),
    Cancel(6, b"\x04" * 32),
    Adopt(usual_terms()),
    Freeze(6),
    Replace(6, usual_terms()),
    Recover(6, usual_terms()),
    Consolidate(),
)


def test_kinds_are_sixteen_to_twenty_seven() -> None:
    assert [encode_operation(operation).kind for operation in ALL] == list(range(16, 28))
    assert frozenset(range(16, 28)) == VAULT_KINDS


@pytest.mark.parametrize("operation", ALL, ids=name_of)
def test_bytes(operation: Operation) -> None:
    check_wire(f"vault_{name_of(operation)}", operation)
    action = encode_operation(operation)
    assert decode_operation(action.kind, action.body) == operation


def test_a_kind_never_holds_another() -> None:
    for kind, operation in itertools.product(range(16, 28), ALL):
        action = encode_operation(operation)
        if kind != action.kind:
            with pytest.raises(Malformed):
                decode_operation(kind, action.body)


@pytest.mark.parametrize("kind", [0, 1, 15, 28, 255, 65535])
def test_unknown_kinds(kind: int) -> None:
    with pytest.raises(OperationUnknown):
        decode_operation(kind, b"\x91\x10")


def test_orders_are_bounded() -> None:
    for count in (0, MAX_ORDER_OUTPUTS + 1):
        with pytest.raises(Malformed):
            decode_operation(17, encode(Order(0, 0, (pay(1),) * count)))
    decode_operation(17, encode(Order(0, 0, (pay(1),) * MAX_ORDER_OUTPUTS)))


def test_digests_commit_to_all_fields() -> None:
    order = Order(5, 1, OUTPUTS)
    variants = [
        (CHAIN, VAULT, 5, order),
        (VAULT, VAULT, 5, order),
        (CHAIN, CHAIN, 5, order),
        (CHAIN, VAULT, 6, replace(order, seq=6)),
        (CHAIN, VAULT, 5, replace(order, tier=0)),
        (CHAIN, VAULT, 5, replace(order, outputs=OUTPUTS[::-1])),
        (CHAIN, VAULT, 5, replace(order, outputs=OUTPUTS[:1])),
        *((CHAIN, VAULT, counter_of(other), other) for other in ALL if other != order),
    ]
    digests = {operation_digest(*variant) for variant in variants}
    old, new = terms_hash(usual_terms()), terms_hash(new_terms())
    accepted = [(CHAIN, VAULT, old), (CHAIN, VAULT, new), (VAULT, VAULT, new), (CHAIN, CHAIN, new)]
    accepts = {accept_digest(*one) for one in accepted}
    assert len(digests | accepts) == len(variants) + 4


def test_ids_commit_to_coin_place_and_terms() -> None:
    outpoint = Outpoint(b"\x03" * 32, 1)
    ids = {
        vault_id(outpoint, 0, b"\x04" * 32),
        vault_id(outpoint, 1, b"\x04" * 32),
        vault_id(outpoint, 0, b"\x05" * 32),
        vault_id(Outpoint(b"\x03" * 32, 0), 0, b"\x04" * 32),
    }
    assert len(ids) == 4


def test_outputs_hash_orders_and_counts() -> None:
    assert len({outputs_hash(o) for o in ((), OUTPUTS, OUTPUTS[::-1], OUTPUTS[:1])}) == 4


def test_only_creation_weighs_more() -> None:
    assert [extra_weight(o) for o in ALL] == [CREATE_WEIGHT] + [0] * 11
    assert CREATE_WEIGHT == 20_000
