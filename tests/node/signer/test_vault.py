"""The keeper of a federation's shares, asked as its member asks it: what it signs and refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bystack.federation.messages import PartialSignature
from bystack.federation.module.actions import PAUSE, Pause, action_digest
from bystack.federation.signing import sign_partial
from bystack.federation.warrants import ORDER
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_operations import Create, Order, operation_digest, vault_id
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.params import REGTEST, chain_id
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import decode, encode
from tests.federation.charters import TRADE
from tests.ledger.people import outpoint
from tests.mainchain.builders import headers_after
from tests.node.signer.asked import (
    certificate_of,
    expected,
    genesis_of,
    order,
    record,
    shares_of,
    sign_order,
    warrants,
)
from tests.node.signer.homes import FEDERATION, Signer, bare, keyed, refusal, write_genesis

pytestmark = pytest.mark.processes


@pytest.fixture
def signer() -> Iterator[Signer]:
    with keyed() as signer:
        yield signer.start()


def restart(signer: Signer) -> None:
    signer.stop()
    signer.start()


def test_it_signs_recorded_orders_and_remembers_across_restarts(signer: Signer) -> None:
    genesis = genesis_of(signer)
    first, second = record(genesis, 0), record(genesis, 1)
    assert sign_order(signer, first) == expected(signer, first)
    assert sign_order(signer, second) == expected(signer, second)
    restart(signer)
    assert sign_order(signer, first) == expected(signer, first)
    rival = order(genesis, record(genesis, 1, 21, 9))
    assert refusal(signer, FEDERATION, "order", rival) == "SeqSigned"


def test_a_super_signs_the_very_order_its_shares_sign(signer: Signer) -> None:
    """Its key signs what its tier asks of it, after the same warrant, and nothing else."""
    genesis = genesis_of(signer)
    key = schnorr.public_key(signer.key("super-1.named.key", "named"))
    large, small = record(genesis, 0, tier=1), record(genesis, 1)
    _, named = signer.call(FEDERATION, "order", order(genesis, large))
    digest = operation_digest(chain_id(REGTEST), genesis.vault, 0, Order(0, 1, large.outputs))
    ((signed, signature),) = named
    assert signed == key and schnorr.verify(key, digest, signature)
    assert signer.call(FEDERATION, "order", order(genesis, small))[1] == []
    rival = order(genesis, record(genesis, 0, 21, 9, tier=1))
    assert refusal(signer, FEDERATION, "order", rival) == "SeqSigned"
    beyond = order(genesis, record(genesis, 2, tier=2))
    assert refusal(signer, FEDERATION, "order", beyond) == "TierUnknown"
    signer.stop()
    assert [line.seq for line in warrants(signer) if line.kind == ORDER] == [0, 1]
    assert digest in {line.digest for line in warrants(signer)}


def test_a_key_serves_one_sidechain(signer: Signer) -> None:
    """The genesis is exchanged for another over the same vault: refused, also after a restart."""
    sign_order(signer, record(genesis_of(signer), 0))
    write_genesis(signer.home, certificate_of(signer), name="shadow")
    restart(signer)
    shadow = genesis_of(signer)
    assert refusal(signer, FEDERATION, "order", order(shadow, record(shadow, 5))) == (
        "SidechainSecond"
    )
    assert refusal(signer, FEDERATION, "seen") == "SidechainSecond"
    assert refusal(signer, FEDERATION, "create", encode(outpoint(1)), 0) == "VaultTaken"
    signer.stop()
    assert len(warrants(signer)) == 2


def test_a_genesis_under_other_terms_is_refused(signer: Signer) -> None:
    """The charter says what may be signed; who changes it here changes nothing elsewhere."""
    charter = signer.home / "federations/trade.charter.toml"
    charter.write_bytes(TRADE.replace(b'BTM = "200"', b'BTM = "201"'))
    genesis = genesis_of(signer)
    answer = refusal(signer, FEDERATION, "order", order(genesis, record(genesis, 0)))
    assert answer == "GenesisForeign"


def test_without_a_genesis_or_key_there_is_nothing_to_sign() -> None:
    with bare() as signer:
        signer.start()
        assert refusal(signer, FEDERATION, "order", b"\x90") == "NoSidechain"
        assert refusal(signer, FEDERATION, "create", encode(outpoint(1)), 0) == "NoCeremony"
        assert signer.call(FEDERATION, "info")["shares"] == 0


def test_the_creation_is_signed_under_terms_compiled_here(signer: Signer) -> None:
    genesis, main = genesis_of(signer), chain_id(REGTEST)
    for number in (1, 2):  # a draft that failed hinders no other
        partials, named = signer.call(FEDERATION, "create", encode(outpoint(number)), 0)
        vault = vault_id(outpoint(number), 0, terms_hash(genesis.terms))
        digest = operation_digest(main, vault, 0, Create(genesis.terms))
        found = [decode(PartialSignature, partial, 1_000) for partial in partials]
        assert found == list(sign_partial(shares_of(signer), digest))
        key = schnorr.public_key(signer.key("super-1.named.key", "named"))
        assert list(named) == ["super-1"] and schnorr.verify(key, digest, named["super-1"])


def test_member_actions_are_signed_with_the_members_own_key(signer: Signer) -> None:
    genesis, body = genesis_of(signer), encode(Pause(0, 7, "alarm"))
    signature = signer.call(FEDERATION, "approve", PAUSE, body)
    key = signer.call(FEDERATION, "info")["governance"]
    assert schnorr.verify(key, action_digest(genesis.id, PAUSE, body), signature)
    for kind, data, rule in ((250, body, "ActionUnknown"), (PAUSE, b"\x01", "Malformed")):
        assert refusal(signer, FEDERATION, "approve", kind, data) == rule


def test_headers_and_touches_are_judged_here(signer: Signer) -> None:
    # Real time: the process has its own clock.
    headers = headers_after(genesis_entry(REGTEST), 3, REGTEST)
    assert headers[-1].time < time.time()
    data = [encode(header) for header in headers]
    assert signer.call(FEDERATION, "seen")[0] == 0
    assert refusal(signer, FEDERATION, "headers", data[1:]) == "RelayDetached"
    assert signer.call(FEDERATION, "headers", data) == [3, headers[-1].id, -1]
    assert refusal(signer, FEDERATION, "headers", data) == "RelayNotBetter"
    assert refusal(signer, FEDERATION, "touch", 0, 0) == "NotStuck"


def test_a_lost_share_is_named_and_nothing_is_journalled(signer: Signer) -> None:
    (signer.home / "keys/trade-epoch-0-share-2.key").unlink()
    genesis = genesis_of(signer)
    request = order(genesis, record(genesis, 0))
    assert refusal(signer, FEDERATION, "order", request) == "ShareMissing"
    signer.stop()
    assert [line.kind for line in warrants(signer)] == [3]
