"""Who signs what: the demands of each operation, in their order."""

from msgspec.structs import replace

from bystack.ledger.policies import Policy
from bystack.ledger.terms import Terms, policies_of, terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_approvals import Demand, create_demands, demands, veto_demands
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Create,
    Freeze,
    Order,
    Recover,
    Replace,
    Touch,
    Veto,
    accept_digest,
    counter_of,
    operation_digest,
)
from tests.ledger.vault_world import key, new_terms, pay, usual_terms

CHAIN, VAULT = b"\x01" * 32, b"\x02" * 32
T = usual_terms()
GUARD, GOVERN, RECOVER = T.guard.policy, T.govern.policy, T.recover.policy
ACCEPT = Demand(key("n1"), accept_digest(CHAIN, VAULT, terms_hash(new_terms())), accepts=True)


def signed(operation: AnchorOperation, *policies: Policy) -> tuple[Demand, ...]:
    digest = operation_digest(CHAIN, VAULT, counter_of(operation), operation)
    return tuple(Demand(policy, digest) for policy in policies)


def asked(operation: AnchorOperation, terms: Terms = T) -> tuple[Demand, ...]:
    return demands(CHAIN, VAULT, operation, terms)


def test_tiers_sign_order_and_touch() -> None:
    for number, tier in enumerate(T.tiers):
        for operation in (Order(4, number, (pay(1),)), Touch(4, number)):
            assert asked(operation) == signed(operation, tier.policy)


def test_guard_and_govern() -> None:
    announce, cancel, freeze = Announce(4, bytes(32)), Cancel(5, bytes(32)), Freeze(5)
    assert asked(announce) == signed(announce, GOVERN)
    assert asked(cancel) == signed(cancel, GUARD)
    assert asked(freeze) == signed(freeze, GUARD)


def test_new_terms_append_their_acceptances() -> None:
    adopt, change, takeover = Adopt(new_terms()), Replace(5, new_terms()), Recover(5, new_terms())
    assert asked(adopt) == (ACCEPT,)
    assert asked(change) == (*signed(change, RECOVER, GOVERN, GUARD), ACCEPT)
    assert asked(takeover) == (*signed(takeover, RECOVER), ACCEPT)
    assert asked(Adopt(T)) == ()


def test_a_policy_accepts_once_whatever_its_parts() -> None:
    twice = replace(new_terms(), govern=replace(T.govern, policy=key("n1")))
    (accept,) = asked(Adopt(twice))
    assert (accept.policy, accept.accepts) == (key("n1"), True)


def test_creation_is_signed_by_each_policy_once() -> None:
    create = Create(T)
    digest = operation_digest(CHAIN, VAULT, 0, create)
    assert create_demands(CHAIN, VAULT, create) == tuple(Demand(p, digest) for p in policies_of(T))
    twins = replace(T, tiers=(T.tiers[0], T.tiers[0], T.tiers[1]))
    assert len(create_demands(CHAIN, VAULT, Create(twins))) == 5


def test_veto_is_the_named_guards() -> None:
    veto = Veto(Outpoint(bytes(32), 1))
    digest = operation_digest(CHAIN, VAULT, 0, veto)
    assert veto_demands(CHAIN, VAULT, veto, GUARD) == (Demand(GUARD, digest),)
