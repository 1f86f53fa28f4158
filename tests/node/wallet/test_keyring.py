"""Which of our secrets a public key belongs to."""

from pathlib import Path

import pytest

from bystack.ledger.policies import Key
from bystack.ledger.pst import Origin
from bystack.ledger.satisfaction import policy_root
from bystack.node.store.storage import Store
from bystack.node.wallet.keyring import SHARED, KeyRing, KeysHandedOut, SignersRecord
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from bystack.primitives import bip39
from bystack.primitives.bip32 import HARDENED, ExtendedKey, master
from bystack.primitives.keys import public_key
from bystack.primitives.musig2 import SignerKeyInvalid, aggregate, plain_key
from tests.node.wallet.people import HERE
from tests.wire import check_wire

MASTER = master(bip39.seed("abandon " * 11 + "about"))
STRANGER = public_key(b"\x09" * 32)


def opened(path: Path, key: ExtendedKey | None = MASTER) -> tuple[Store, Purse, KeyRing]:
    store = Store.open(str(path), kind=KIND, magic=b"test", version=FORMAT)
    purse = Purse(HERE, key, store)
    return store, purse, KeyRing(purse, store)


def test_records_on_the_wire() -> None:
    check_wire("node_wallet_keys_handed_out", KeysHandedOut(70_000))
    check_wire("node_wallet_signers_record", SignersRecord((b"\x02" * 33, b"\x03" * 33)))


def test_keys_are_handed_out_once_and_found_again(tmp_path: Path) -> None:
    store, _, ring = opened(tmp_path / "a")
    one, two = ring.fresh(), ring.fresh()
    assert one.public != two.public
    store.close()
    store, purse, ring = opened(tmp_path / "a")
    assert ring.fresh().public not in (one.public, two.public)
    found = ring.key(one.public)
    assert found is not None
    assert (found.secret, found.point) == (one.secret, one.point)
    assert ring.origin(two.public) == Origin(two.public, 0, SHARED, 1)
    assert ring.single(policy_root([Key(one.public)])) == Key(one.public)
    assert ring.key(STRANGER) is None
    # None of this takes an address away.
    assert purse.wallet.book.place(purse.wallet.new_lock()) is not None
    store.close()


def test_a_wallet_restored_from_its_phrase_finds_them(tmp_path: Path) -> None:
    store, _, ring = opened(tmp_path / "a")
    key = [ring.fresh() for _ in range(7)][-1]
    store.close()
    store, _, restored = opened(tmp_path / "b")
    assert restored.key(key.public) is not None
    store.close()


def test_the_key_of_an_address_is_ours_too(tmp_path: Path) -> None:
    store, purse, ring = opened(tmp_path / "a")
    lock = purse.wallet.new_lock()
    place = purse.wallet.place(lock)
    assert place is not None
    policy = purse.wallet.account.policy(place)
    found = ring.key(policy.key)
    assert found is not None
    assert found.secret == purse.wallet.account.secret(place)
    store.close()


def test_hints_are_tried_and_not_believed(tmp_path: Path) -> None:
    store, purse, ring = opened(tmp_path / "a")
    far = purse.wallet.account.key.child(SHARED).child(9_000)
    assert ring.key(far.public) is None
    wrong = [
        Origin(far.public, 0, SHARED, 8_999),
        Origin(far.public, 77, SHARED, 9_001),
        Origin(STRANGER, 0, SHARED, 9_000),
        Origin(far.public, 0, HARDENED + 2, HARDENED),
    ]
    assert ring.key(far.public, wrong) is None
    found = ring.key(far.public, [*wrong, Origin(far.public, 0, SHARED, 9_000)])
    assert found is not None
    assert found.secret == far.secret
    store.close()


def test_whose_keys_a_shared_key_is_made_of(tmp_path: Path) -> None:
    store, _, ring = opened(tmp_path / "a")
    points = [plain_key(bytes([n]) * 32) for n in (3, 1, 2)]
    ordered = ring.remember(points)
    assert ordered == tuple(sorted(points))
    assert ring.signers(aggregate(ordered)) == ordered
    assert ring.signers(STRANGER) == ()
    with pytest.raises(SignerKeyInvalid):
        ring.remember([b"\x02" * 33, b"\x05" + bytes(32)])
    store.close()


def test_a_locked_wallet_knows_its_keys_and_has_no_secrets(tmp_path: Path) -> None:
    store, purse, ring = opened(tmp_path / "a")
    key = ring.fresh()
    purse.lock()
    ring = KeyRing(purse, store)
    found = ring.key(key.public)
    assert found is not None
    assert not found.private
    store.close()
