"""What a wallet does with partially signed transactions: tell what it knows, see the coins, sign.

A draft comes from anybody. It is audited before anything is signed, the coins it claims are held
against the chain's, and an input is signed for the output beside it alone (`SINGLE_ANYONE`) only
when the owner asks for that: the rest of such a transaction is anyone's to change.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import trio

from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key, Policy
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.pst_auditing import asks, audit, leaves_of
from bystack.ledger.pst_finishing import finalize
from bystack.ledger.pst_signing import (
    Known,
    Turn,
    reveal,
    sign_draft,
    turns,
    update,
    with_nonce,
    with_partial,
)
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.signing import ALL
from bystack.ledger.transactions import NoWitness, Outpoint, PolicyLock, decode_transaction
from bystack.node.ipc import RemoteError
from bystack.node.wallet.approvals import approvals_on
from bystack.node.wallet.following import MAX_COIN, Follower
from bystack.node.wallet.keyring import KeyRing
from bystack.node.wallet.nonces import NonceElsewhere, Nonces, NonceUnknown, NonceUsed
from bystack.primitives import musig2
from bystack.primitives.bip32 import ExtendedKey
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

MAX_HINTS: Final = 500
MAX_ASKED: Final = 100
"""So many coins that no block has are looked for in the pool."""


class CoinDiffers(Invalid):
    """A coin of the draft is not as the chain has it: somebody lies about what is spent."""


class CoinGone(Invalid):
    """A coin of the draft is neither on the chain nor in the pool."""


class OnlyBeside(Invalid):
    """An input of ours would be signed for the output beside it alone; ask for that by name."""


class Processed(NamedTuple):
    """A draft after this wallet, and the keys of ours that have signed or given a nonce."""

    draft: PartiallySigned
    keys: tuple[bytes, ...]


class Drafting:
    """Drafts of one chain and the keys of one wallet."""

    def __init__(self, follower: Follower, ring: KeyRing, nonces: Nonces) -> None:
        self._follower, self._purse = follower, follower.purse
        self._ring, self._nonces = ring, nonces
        self.approvals = approvals_on(follower.purse.chain, follower.approved)

    @property
    def height(self) -> int:
        """The height of the next block."""
        return self._purse.wallet.height + 1

    async def check(self, draft: PartiallySigned) -> None:
        """Refuse a draft with anything untrue in it; in a thread, as there may be much to verify.

        Raises an error of `pst_auditing`.
        """
        await trio.to_thread.run_sync(partial(audit, draft, self.approvals))

    async def check_coins(self, draft: PartiallySigned) -> int:
        """Hold the draft's coins against chain and pool; how many could not be looked up.

        None, but on a light node, which knows our own coins only. Raises `CoinDiffers`, `CoinGone`.
        """
        try:
            found = await self.coins(draft.body.inputs)
        except RemoteError as error:
            if error.rule != "NeedsFullNode":
                raise
            return self._check_own(draft)
        asked = 0
        for place, claimed in zip(draft.body.inputs, draft.coins, strict=True):
            coin = found.get(place)
            if coin is None and asked < MAX_ASKED:
                coin, asked = await self._waiting(place), asked + 1
            if coin is None:
                raise CoinGone(transaction=place.transaction, index=place.index)
            _check_coin(place, coin, claimed)
        return 0

    def _check_own(self, draft: PartiallySigned) -> int:
        wallet, unseen = self._purse.wallet, 0
        for place, claimed in zip(draft.body.inputs, draft.coins, strict=True):
            coin = wallet.coins.get(place) or wallet.pending.get(place)
            if coin is not None:
                _check_coin(place, coin, claimed)
            unseen += coin is None
        return unseen

    async def coins(self, places: Sequence[Outpoint]) -> Mapping[Outpoint, Coin]:
        """Those of the coins that the chain has."""
        answer = await self._follower.client.call("coins", [encode(place) for place in places])
        pairs = zip(places, answer, strict=True)
        return {place: decode(Coin, data, MAX_COIN) for place, data in pairs if data}

    async def _waiting(self, place: Outpoint) -> Coin | None:
        """The coin that a transaction in the pool leaves."""
        call, id = self._follower.client.call, place.transaction.hex()
        try:
            await call("rpc", "getmempoolentry", [id], "read", "main")
            text = await call("rpc", "getrawtransaction", [id], "read", "main")
        except RemoteError:
            return None
        outputs = decode_transaction(bytes.fromhex(str(text))).body.outputs
        if place.index >= len(outputs):
            return None
        output = outputs[place.index]
        return Coin(output.asset, output.amount, output.lock, self.height, 0, 1, b"")

    def told(
        self, draft: PartiallySigned, more: Iterable[Sequence[Policy]] = (), branch: int = 0
    ) -> PartiallySigned:
        """The draft with every branch that we know; `more` are branches of locks beside ours."""
        known = dict(self._known(draft))
        for branches in more:
            known[policy_root(branches)] = self._describe(branches)
        return update(draft, known, self.approvals, branch)

    def _known(self, draft: PartiallySigned) -> Iterator[tuple[bytes, Known]]:
        for ask in asks(draft, self.approvals):
            if ask is None:
                continue
            if (branches := self.branches(ask.root)) is not None:
                yield ask.root, self._describe(branches)

    def branches(self, root: bytes) -> tuple[Policy, ...] | None:
        """The branches of a lock, if we know them: of an address of ours, or told to us."""
        record = self._purse.policies.get(root)
        if record is not None and record.branches:
            return record.branches
        book = self._purse.wallet.book
        place = book.place(PolicyLock(root))
        if place is not None and place.account in book.accounts:
            return (book.accounts[place.account].policy(place),)
        single = self._ring.single(root)
        return None if single is None else (single,)

    def _describe(self, branches: Sequence[Policy]) -> Known:
        keys = _keys_of(branches)
        shared = {key: signers for key in keys if (signers := self._ring.signers(key))}
        own = [*keys, *(point[1:] for signers in shared.values() for point in signers)]
        origins = [origin for key in own if (origin := self._ring.origin(key))]
        return Known(tuple(branches), tuple(shared.values()), tuple(dict.fromkeys(origins))[:128])

    async def process(
        self,
        draft: PartiallySigned,
        *,
        preimages: Sequence[bytes] = (),
        beside: bool = False,
        renew: bool = False,
    ) -> Processed:
        """Sign everything we have keys for, shared keys included; finish what is complete.

        `beside`: also inputs that sign for the output beside them alone. `renew`: give new nonces
        in place of ours that can no longer be used. Raises `OnlyBeside`, as `check`, and as
        `Nonces.take`.
        """
        await self.check(draft)
        draft = reveal(draft, preimages, self.approvals)
        own = self._own(draft)
        if not beside:
            _check_modes(draft, own)
        secret = {key: one.secret for key, one in own.items()}
        before = draft
        draft = sign_draft(draft, secret, secrets.token_bytes(32), self.approvals)
        signed = _signers(draft) - _signers(before)
        points = {one.point: one.secret for one in own.values()}
        while given := turns(draft, frozenset(points), self.approvals):
            signed |= {turn.key[1:] for turn in given}
            for turn in given:
                draft = self._take_turn(draft, turn, points[turn.key], renew=renew)
        return Processed(finalize(draft, self.height, self.approvals), tuple(sorted(signed)))

    def _take_turn(
        self, draft: PartiallySigned, turn: Turn, secret: bytes, *, renew: bool
    ) -> PartiallySigned:
        if turn.first_round:
            return self._new_nonce(draft, turn, secret)
        # From here on the nonce is used, whatever becomes of the signature.
        try:
            entropy = self._nonces.take(turn.nonces[turn.place])
        except (NonceUsed, NonceUnknown, NonceElsewhere):
            if not renew:
                raise
            return self._new_nonce(draft, turn, secret)
        args = turn.keys, turn.nonces, turn.place, secret, turn.digest, entropy
        return with_partial(draft, turn, musig2.partial_sign(*args))

    def _new_nonce(self, draft: PartiallySigned, turn: Turn, secret: bytes) -> PartiallySigned:
        make = partial(musig2.public_nonce, turn.keys, secret, turn.digest)
        return with_nonce(draft, turn, self._nonces.fresh(make))

    def _own(self, draft: PartiallySigned) -> dict[bytes, ExtendedKey]:
        found: dict[bytes, ExtendedKey] = {}
        hints = MAX_HINTS  # each costs a derivation or more, and the draft is a stranger's
        for part in draft.parts:
            keys = _keys_of(branch.policy for branch in part.branch)
            points = [signer.key[1:] for one in part.shared for signer in one.signers]
            for key in {*keys, *points} - found.keys():
                meant = [origin for origin in part.origins if origin.key == key][:hints]
                one = self._ring.key(key, meant)
                hints -= len(meant) if one is None else 0
                if one is not None and one.private:
                    found[key] = one
        return found


def _check_coin(place: Outpoint, coin: Coin, claimed: Coin) -> None:
    if coin.output != claimed.output:
        raise CoinDiffers(transaction=place.transaction, index=place.index)


def _keys_of(policies: Iterable[Policy]) -> list[bytes]:
    leaves = (leaf for policy in policies for leaf in leaves_of(policy))
    return list(dict.fromkeys(leaf.key for leaf in leaves if isinstance(leaf, Key)))


def _signers(draft: PartiallySigned) -> set[bytes]:
    return {one.key for part in draft.parts for one in part.signatures}


def _check_modes(draft: PartiallySigned, own: Mapping[bytes, ExtendedKey]) -> None:
    for slot, part in enumerate(draft.parts):
        waiting = part.mode != ALL and isinstance(draft.witnesses[slot], NoWitness)
        keys = set(_keys_of(branch.policy for branch in part.branch))
        points = {signer.key[1:] for one in part.shared for signer in one.signers}
        if waiting and (keys | points) & own.keys():
            raise OnlyBeside(input=slot)
