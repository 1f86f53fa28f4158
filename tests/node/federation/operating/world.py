"""Members whose sidechain also has a state, proved entry by entry: what was decided on it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import tomli_w
from msgspec.structs import replace

from bystack.federation.charter import parse_charter
from bystack.federation.messages import KeyCertificate
from bystack.federation.module.records import (
    KEY,
    KEY_NEXT,
    TERMS,
    KeyEpoch,
    TermsDecision,
    entry_key,
)
from bystack.federation.shares import KeyShare
from bystack.ledger.amounts import BTM
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.vault_state import AnchorState, decode_state
from bystack.node.federation_files import roster_path, terms_of
from bystack.primitives.codec import Wire, encode
from bystack.primitives.curve import ORDER, g1_mul
from bystack.primitives.hashes import fixed
from bystack.primitives.trie import EMPTY_ROOT, prove, update
from bystack.sidechain.proofs import StateProof
from bystack.sidechain.records import MIRROR, Mirror
from bystack.sidechain.state import state_root
from tests.federation.peg import final, header_of
from tests.ledger.people import ALICE, BOB
from tests.node.federation.members import SLOPE, Line, Net, certificate, roster_file

CHARTER = b"""\
name = "trade"
[[tier]]
name = "ordinary"
policy = "bls(operations)"
window = 4
[tier.limit]
BTM = "0.000015"
[[tier]]
name = "large"
policy = "all(bls(operations), key(super))"
delay = 144
[guard]
policy = "key(guard)"
freeze = 20
[govern]
policy = "key(govern)"
delay = 50
[recover]
policy = "key(recover)"
idle = 500
"""
DIGEST = bytes(32)


class StateNet(Net):
    """`entries`: the sidechain's state by full key; `held`: seat 1's node has govern's key.

    `pool`: what was submitted and not mined, if nothing is to be mined by itself.
    """

    pool: list[Transaction] | None = None

    def _submit(self, tx: Transaction) -> bytes:
        if self.pool is None:
            return super()._submit(tx)
        self.pool.append(tx)
        return tx.id

    def __init__(self, folder: Path, **fields: Any) -> None:
        super().__init__(folder, held=(("super",), ("govern",), ()), **fields)
        file = folder / roster_path("trade")
        file.parent.mkdir(exist_ok=True)
        file.write_text(tomli_w.dumps(msgspec.to_builtins(roster_file(self.charter))))
        self.main.mine(self.main.transfer(ALICE, BOB.lock, 40_000_000))
        self.main.send(self.main.deposit(ALICE, 50_000, BTM, b"\x01" * 64))
        self.main.grow(30)
        epoch = certificate()
        for member in self.members:  # its keys are made here, by no ceremony
            cast(Line, member.links.signer).refused.add("key_epoch")
        self.entries: dict[bytes, Wire] = {}
        self.put(
            KEY,
            KeyEpoch(0, 0, epoch.session.id, epoch.key, epoch.polynomial, epoch.session.roster, 0),
        )

    def follow_key(self, secret: bytes) -> None:
        """A second key is certified, split like the first, and waits for terms that carry it."""
        first = certificate().session
        held = replace(first, epoch=first.epoch + 1)
        polynomial = (g1_mul(int.from_bytes(secret, "big")), g1_mul(SLOPE))
        made = KeyCertificate(held, bytes(32), polynomial, (bytes(64),) * 3, bytes(96))

        def shares(seat: int, _: KeyCertificate) -> tuple[KeyShare, ...]:
            scalar = (int.from_bytes(secret, "big") + SLOPE * (seat + 1)) % ORDER
            return (KeyShare(made.key_id, seat + 1, fixed(scalar, 32)),)

        for seat, signer in enumerate(self.signers):
            ceremonies: Any = signer._ceremonies
            ceremonies.epochs = SimpleNamespace(
                certificates={made.key_id: made}, shares_of=partial(shares, seat)
            )
        epoch = KeyEpoch(held.epoch, 0, made.key_id, made.key, polynomial, held.roster, 0)
        self.put(KEY_NEXT, epoch)

    def mirrored(self, terms: Terms) -> None:
        """The sidechain's mirror has followed the vault to these terms."""
        self.entries[MIRROR] = Mirror(Outpoint(bytes(32), 0), b"", encode(terms), 0, bytes(32))

    def put(self, part: bytes, value: Wire) -> None:
        self.entries[entry_key(part)] = value

    async def _side(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case (("prove_state" | "proved_entry"), [key]):
                return encode(self.prove(key))
            case "state", [key] if key in self.entries:
                return encode(self.entries[key])
            case _:
                return await super()._side(method, params)

    def prove(self, key: bytes) -> StateProof:
        """The entry, or its absence, under a final block of its own."""
        assert self.genesis is not None
        held = {at: encode(value) for at, value in self.entries.items()}
        made = update({}, EMPTY_ROOT, held)
        self.late += 2
        root = state_root(made.root, DIGEST)
        header = replace(header_of(self.genesis, self.late, self.outbox.root), state_root=root)
        value = (held[key],) if key in held else ()
        nodes = dict(made.added)
        return StateProof(
            final(header), made.root, DIGEST, key, value, prove(nodes, made.root, key)
        )

    def decide(self, charter: bytes = CHARTER, number: int = 0) -> Terms:
        """The federation decides the terms of a charter."""
        read = parse_charter(charter)
        terms = terms_of(read, roster_file(self.charter), certificate().key)
        self.put(TERMS, TermsDecision(number, read.hash, terms_hash(terms), 0))
        return terms

    @property
    def anchor(self) -> AnchorState:
        return next(decode_state(coin.state) for coin in self.main.coins.values() if coin.state)
