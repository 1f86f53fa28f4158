"""A federation in session: what its members send to the module, and what stands then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from bystack.federation.certificates import attest, possession
from bystack.federation.identity import identity_public
from bystack.federation.members import Seat
from bystack.federation.messages import KeyCertificate
from bystack.federation.module.actions import (
    CERTIFY,
    NUMBERS,
    CastVote,
    Certify,
    Enact,
    MemberApproval,
    Propose,
    action_digest,
)
from bystack.federation.module.application import FederationModule
from bystack.federation.module.decisions import Decision, Proposal
from bystack.federation.module.membership import change_of, session_of_change
from bystack.federation.module.records import (
    DEFAULT_RULES,
    Newcomer,
    Rules,
    Standing,
    seated,
    standing_of,
)
from bystack.federation.module.voting import next_number, proposal_of
from bystack.federation.session import Session
from bystack.ledger.transactions import Action, Approval, NoWitness, Transaction, TransactionBody
from bystack.primitives import bls
from bystack.primitives.codec import Wire, encode
from bystack.primitives.keys import public_key, sign
from bystack.sidechain.modules.base import Modules, PrefixedState, read_only
from bystack.sidechain.params import Consensus
from tests.sidechain.federations import config_for
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, World, genesis_for, module_config

CHARTER = b"\x09" * 32
EPOCH = 12
SHORT = Consensus("bbft", "fixed", 500, 5000, 1500, 1, 0, EPOCH, 2, 1)
"""Consensus with epochs of few blocks."""

SUPERS = (2, 2, 1, 1, 1)
"""Weights of the usual federation: 5 of 7."""


def secret(number: int) -> bytes:
    """A member's governance secret."""
    return bytes([100 + number]) * 32


def newcomer(number: int, weight: int = 1) -> Newcomer:
    """Member `number`, as it was before it had a seat."""
    own = bytes([number + 1])
    held = Seat(f"m{number}".encode(), identity(number), b"n" * 31 + own, weight, b"r" * 31 + own)
    return Newcomer(held, public_key(secret(number)))


def identity(number: int) -> bytes:
    """The identity of member `number`."""
    return identity_public(secret(number))


def numbered(identity_key: bytes) -> int:
    """The number of the member with an identity."""
    return next(n for n in range(64) if identity(n) == identity_key)


def certificate_of(session: Session, seed: int = 7, group: bytes = b"") -> KeyCertificate:
    """A certificate as a ceremony ends with, made by one who knows every secret.

    `seed`: of the key, 7 for the first one; `group`: its secret instead.
    """
    count = session.roster.threshold
    scalars = [bls.key_gen(bytes([seed + (n and session.epoch) + n]) * 32) for n in range(count)]
    scalars[0] = group or scalars[0]
    polynomial = tuple(bls.sk_to_pk(scalar) for scalar in scalars)
    transcript = b"\x0b" * 32
    attestations = tuple(
        attest(session, transcript, polynomial, secret(numbered(member.identity)))
        for member in session.roster.members
    )
    proof = bls.sign(scalars[0], possession(session, polynomial[0]), tag=bls.POP_TAG)
    return KeyCertificate(session, transcript, polynomial, attestations, proof)


def standing(weights: Sequence[int] = SUPERS, threshold: int = 5) -> Standing:
    """Members 0, 1, … with these weights."""
    return seated(CHARTER, threshold, tuple(newcomer(n, w) for n, w in enumerate(weights)))


class Parliament:
    """A world whose sidechain has a federation of known members."""

    def __init__(
        self,
        members: Standing | None = None,
        rules: Rules = DEFAULT_RULES,
        proved: bool = True,
        group: bytes = b"",
        **fields: object,
    ) -> None:
        """`group`: the secret of the first key, else one that the vault does not have."""
        main = vault_chain()
        self.config = config_for(members or standing(), rules)
        if group:
            key = bls.sk_to_pk(group)
            first = replace(
                self.config.key, key=key, polynomial=(key, *self.config.key.polynomial[1:])
            )
            self.config = replace(self.config, key=first)
        modules = (module_config("federation", self.config),)
        genesis = genesis_for(main, modules=modules, **fields)
        self.world = World(main, genesis, Modules([FederationModule()]))
        self.world.relay(K)
        if proved:
            self.world.block(self.world.anchor_tx(main.created))

    @property
    def state(self) -> PrefixedState:
        """The module's state."""
        return read_only(self.world.side.state, "federation")

    @property
    def height(self) -> int:
        """The relayed height."""
        return self.world.relayed

    def action(
        self, action: Wire, members: Sequence[int], version: int = 1, chain: bytes = b""
    ) -> Transaction:
        """An action approved by members, given by their numbers, wherever they sit now."""
        kind, body = NUMBERS[type(action)], encode(action)
        digest = action_digest(chain or self.world.genesis.id, kind, body, version)
        now = standing_of(self.state)
        seats = [(now.position(identity(n)), n) for n in members]
        signed = tuple(
            MemberApproval(len(now.seats) if seat is None else seat, version, _sign(n, digest))
            for seat, n in seats
        )
        return alone(kind, body, Approval(encode(signed), ()))

    def propose(self, decision: Decision, by: int = 0, version: int = 1) -> Proposal:
        """A member opens a proposal; as it stands then."""
        number = next_number(self.state)
        self.world.block(self.action(Propose(number, decision, b"why"), (by,), version))
        return proposal_of(self.state, number)

    def vote_tx(
        self, proposal: Proposal, members: Sequence[int], yes: int = 1, version: int = 1
    ) -> Transaction:
        """Members vote alike."""
        place = (proposal.number, proposal.id)
        return self.action(CastVote(*place, yes, identity(members[0])), members, version)

    def vote(
        self, proposal: Proposal, members: Sequence[int], yes: int = 1, version: int = 1
    ) -> Proposal:
        """As `vote_tx`, and the proposal as it stands then."""
        self.world.block(self.vote_tx(proposal, members, yes, version))
        return proposal_of(self.state, proposal.number)

    def enact_tx(
        self, decision: Decision, members: Sequence[int] = (0, 1, 2), version: int = 1
    ) -> Transaction:
        """A quorum decides at once."""
        nonce = self.ask("listmembers")["nonce"]
        return self.action(Enact(nonce, decision), members, version)

    def enact(
        self, decision: Decision, members: Sequence[int] = (0, 1, 2), version: int = 1
    ) -> None:
        """As `enact_tx`, in a block."""
        self.world.block(self.enact_tx(decision, members, version))

    def session(self, attempt: int = 0) -> Session:
        """The ceremony's session of the change in flight."""
        change = change_of(self.state)
        assert change is not None
        return session_of_change(self.state, change, attempt)

    def certify(self, seed: int = 7, group: bytes = b"") -> None:
        """The change in flight has its certificate, in a block."""
        self.world.block(self.certify_tx(certificate_of(self.session(), seed, group)))

    def certify_tx(self, certificate: Any) -> Transaction:
        """Anybody shows a certificate."""
        return alone(CERTIFY, encode(Certify(certificate)), NoWitness())

    def ask(self, name: str, *params: Any) -> Any:
        """A query of the module."""
        (module,) = self.world.side.modules.modules
        return module.query(self.state, name, params)

    def turn(self) -> None:
        """The rest of this epoch's blocks, and the first of the next."""
        epoch = self.world.genesis.consensus.epoch
        self.world.idle(epoch - self.world.side.header.height % epoch)

    def told(self, name: str) -> list[dict[str, Any]]:
        """The facts of the last block's events of a name."""
        done = self.world.side.blocks[-1].executed
        return [one.facts for one in done.events if one.name == f"federation.{name}"]


def alone(kind: int, body: bytes, witness: Approval | NoWitness) -> Transaction:
    """A transaction of its own for an action of the module."""
    action = Action(256 + kind, body)
    return Transaction(TransactionBody(1, (), (), (action,), 0, 0, b""), (witness,))


def _sign(number: int, digest: bytes) -> bytes:
    return sign(secret(number), digest, bytes(32))
