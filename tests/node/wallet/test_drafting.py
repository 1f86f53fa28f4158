"""What is looked at before a wallet signs, on nodes that see everything, little, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import trio

from bystack.ledger.coins import Coin
from bystack.ledger.pst import Origin, PartiallySigned
from bystack.ledger.transactions import Outpoint
from bystack.node.ipc import RemoteError
from bystack.node.store.storage import Store
from bystack.node.wallet.drafting import MAX_HINTS, CoinDiffers, CoinGone, Drafting
from bystack.node.wallet.following import Follower
from bystack.node.wallet.keyring import KeyRing
from bystack.node.wallet.nonces import Nonces
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from bystack.primitives import bip39
from bystack.primitives.bip32 import master
from bystack.primitives.codec import decode, encode
from tests.ledger.drafts import TWO_OF_THREE, coins_of, draft_over, knowing, locked
from tests.ledger.people import ALICE, BOB, CAROL
from tests.node.wallet.people import HERE

DRAFT = draft_over(locked([TWO_OF_THREE]), locked([TWO_OF_THREE], amount=5))


class Chain:
    """A node that has these coins; without any it is a light one, or one that is down."""

    def __init__(self, coins: Mapping[Outpoint, Coin] | None, rule: str = "NeedsFullNode") -> None:
        self.known, self.rule = coins, rule

    async def call(self, method: str, *params: Any) -> Any:
        if self.known is None or method != "coins":
            raise RemoteError(-1, "not here", {"rule": self.rule})
        found = [self.known.get(decode(Outpoint, place, 64)) for place in params[0]]
        return [coin and encode(coin) for coin in found]


def drafting(folder: Path, chain: Chain) -> tuple[Drafting, Purse]:
    store = Store.open(str(folder / "store"), kind=KIND, magic=b"test", version=FORMAT)
    purse = Purse(HERE, master(bip39.seed("abandon " * 11 + "about")), store)
    follower = Follower(purse)
    follower.client = cast(Any, chain)
    return Drafting(follower, KeyRing(purse, store), Nonces(store, str(folder))), purse


def checked(made: Drafting, draft: PartiallySigned) -> int:
    return trio.run(made.check_coins, draft)


def lied(draft: PartiallySigned) -> PartiallySigned:
    coin = msgspec.structs.replace(draft.coins[0], amount=7)
    return msgspec.structs.replace(draft, coins=(coin, *draft.coins[1:]))


def test_a_full_node_vouches_for_every_coin(tmp_path: Path) -> None:
    made, _ = drafting(tmp_path, Chain(coins_of(DRAFT)))
    assert checked(made, DRAFT) == 0
    with pytest.raises(CoinDiffers):
        checked(made, lied(DRAFT))
    # Where a coin stands is the chain's to say: a claim about it is no lie about what is spent.
    aged = tuple(msgspec.structs.replace(coin, height=77) for coin in DRAFT.coins)
    assert checked(made, msgspec.structs.replace(DRAFT, coins=aged)) == 0


def test_a_coin_that_is_nowhere_is_gone(tmp_path: Path) -> None:
    first = dict(list(coins_of(DRAFT).items())[:1])
    made, _ = drafting(tmp_path, Chain(first))
    with pytest.raises(CoinGone) as caught:
        checked(made, DRAFT)
    assert caught.value.facts["transaction"] == DRAFT.body.inputs[1].transaction


def test_a_light_node_vouches_for_our_own_coins_and_says_how_many_others(tmp_path: Path) -> None:
    made, purse = drafting(tmp_path, Chain(None))
    assert checked(made, DRAFT) == 2
    purse.wallet.coins[DRAFT.body.inputs[0]] = DRAFT.coins[0]
    assert checked(made, DRAFT) == 1
    with pytest.raises(CoinDiffers):
        checked(made, lied(DRAFT))


def test_a_node_that_fails_otherwise_is_no_light_node(tmp_path: Path) -> None:
    made, _ = drafting(tmp_path, Chain(None, rule=""))
    with pytest.raises(RemoteError):
        checked(made, DRAFT)


def test_a_strangers_hints_cost_a_bounded_number_of_derivations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty inputs with 128 false hints each: 500 keys are derived and not 2,560."""
    many = draft_over(*[locked([TWO_OF_THREE])] * 20, told=knowing(TWO_OF_THREE))
    keys = [one.policy.key for one in (ALICE, BOB, CAROL)]
    origins = tuple(Origin(keys[n % 3], 0, 2, n) for n in range(128))
    for slot in range(20):
        many = many.with_part(slot, origins=origins)
    made, _ = drafting(tmp_path, Chain(coins_of(many)))
    tried: list[Origin] = []

    def counted(ring: KeyRing, key: bytes, hint: Origin) -> None:
        tried.append(hint)

    monkeypatch.setattr(KeyRing, "_hinted", counted)
    done = trio.run(made.process, many)
    assert done.keys == () and len(tried) == MAX_HINTS
