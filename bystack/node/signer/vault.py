"""A federation's share keys at work: orders, touches and the vault's creation.

The signer compiles the terms itself, verifies headers, certificates and records itself, and
journals a warrant before any signature leaves, of a share or of a charter key (W04, W06, W08).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import trio

from bystack.federation.module import action_digest, decode_action
from bystack.federation.session import Session
from bystack.federation.signing import sign_partial
from bystack.federation.warrants import (
    OrderRequest,
    Warrant,
    Warrants,
    create_warrant,
    serve_warrant,
)
from bystack.federation.watch import Watch
from bystack.ledger.terms import keys_of, policies_of
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_state import tier_of
from bystack.mainchain.blocks import decode_header
from bystack.node import federation_files, genesis_files
from bystack.node.engines import engines_of
from bystack.node.signer.ceremonies import Ceremonies, NoCeremony
from bystack.node.signer.light import Following, light_path
from bystack.node.signer.votes import JournalRefused, MethodUnknown
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import Journal, JournalError
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import U8, U32, U63, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import EpochProof, FinalHeader, Verifier
from bystack.sidechain.engines import ConsensusError, verifier_of
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.params import Genesis
from bystack.sidechain.relay import locator

MAX_REQUEST = 3_000_000
MAX_PROOFS = 64

Epochs = Annotated[list[bytes], msgspec.Meta(max_length=MAX_PROOFS)]


class ParameterInvalid(Invalid):
    """A parameter of the call is of another type or out of range."""


class NoSidechain(Invalid):
    """The sidechain's genesis is not on this node yet."""


class EngineMissing(Invalid):
    """The sidechain's engine of consensus is not installed with this signer."""


class GenesisForeign(Invalid):
    """The sidechain's genesis does not carry the terms this federation's charter compiles to."""


class VaultKeeper:
    """One federation's keys. Calls enter one at a time.

    `named`: the node's Schnorr keys by their charter names; `governance`: the member's own key for
    actions on the sidechain.
    """

    def __init__(
        self,
        name: str,
        main: bytes,
        ceremonies: Ceremonies,
        journal: Journal,
        named: Mapping[str, bytes],
        governance: bytes,
        folder: str = "data/signer",
    ) -> None:
        self._name, self._main, self._ceremonies, self._folder = name, main, ceremonies, folder
        self._journal, self._named, self._governance = journal, dict(named), governance
        self._records = [decode(Warrant, line, MAX_REQUEST) for line in journal.records()]
        self._watch: Watch | None = None
        self._following: Following | None = None
        self._warrants: Warrants | None = None
        self._order = trio.Lock()

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """One call of the member's process; raises the rule that refuses."""
        async with self._order:
            return await trio.to_thread.run_sync(self._handle, method, list(params))

    def _handle(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "info", []:
                return self._info()
            case "begin", [attempt]:
                return self._ceremonies.begin(self._session(_taken(U32, attempt)))
            case "hear", [bytes() as data]:
                return self._ceremonies.hear(data)
            case "retry", []:
                return self._ceremonies.retry()
            case "give_up", []:
                return self._ceremonies.give_up()
            case "certificate", []:
                certificate = self._ceremonies.certificate
                return encode(certificate) if certificate else None
            case _:
                return self._work(method, params)

    def _work(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "headers", [headers]:
                decoded = [decode_header(header) for header in _taken(list[bytes], headers)]
                self._watching().headers(decoded, int(time.time()))
                return self._seen()
            case "anchor", [bytes() as inclusion]:
                self._watching().anchor(decode(Inclusion, inclusion, MAX_REQUEST))
                return self._seen()
            case "seen", []:
                return self._seen()
            case "locator", []:
                watch = self._watching()
                return list(locator(watch.view, watch.genesis))
            case "epoch", []:
                return self._followed().epoch
            case "epochs", [proofs]:
                found = [decode(EpochProof, one, MAX_REQUEST) for one in _taken(Epochs, proofs)]
                return self._followed().advance(found)
            case "compare", [bytes() as first, bytes() as second]:
                pair = [decode(FinalHeader, one, MAX_REQUEST) for one in (first, second)]
                return self._followed().compare(*pair)
            case "order", [bytes() as request]:
                return self._order_of(request)
            case "touch", [seq, tier]:
                warrant = self._judge().touch(_taken(U63, seq), _taken(U8, tier))
                return self._spend(warrant, tier)
            case "create", [bytes() as first, index]:
                return self._create(decode(Outpoint, first, 100), _taken(U32, index))
            case "approve", [kind, bytes() as body]:
                return self._approve(_taken(U8, kind), body)
            case _:
                raise MethodUnknown(method=method)

    def _info(self) -> dict[str, Any]:
        certificate = self._ceremonies.certificate
        return {
            "key": certificate.key if certificate else None,
            "shares": len(self._ceremonies.shares()) if certificate else 0,
            "attempt": self._ceremonies.attempt,
            "named": sorted(self._named),
            "governance": schnorr.public_key(self._governance),
            **self._told(),
        }

    def _told(self) -> dict[str, Any]:
        """How far the sidechain's validators are followed; whether it contradicted itself."""
        if self._following is None:
            return {"epoch": -1, "frozen": False}
        return {"epoch": self._following.epoch, "frozen": self._following.client.frozen}

    def _approve(self, kind: int, body: bytes) -> bytes:
        """The member's signature of its own action; raises `ActionUnknown` and codec errors."""
        decode_action(kind, body)
        digest = action_digest(self._genesis().id, kind, body)
        return schnorr.sign(self._governance, digest, os.urandom(32))

    def _session(self, attempt: int) -> Session:
        charter = federation_files.read_charter(federation_files.charter_path(self._name))
        roster = federation_files.read_roster(federation_files.roster_path(self._name))
        return federation_files.session_of(self._main, charter, roster, attempt)

    def _genesis(self) -> Genesis:
        """The sidechain this vault serves; its terms must be those compiled here."""
        path = genesis_files.genesis_path(self._name)
        if not os.path.exists(path):
            raise NoSidechain(name=self._name)
        genesis = genesis_files.read_genesis(path)
        if genesis.terms != self._terms():
            raise GenesisForeign(sidechain=genesis.id)
        serve_warrant(genesis, self._records)
        return genesis

    def _terms(self) -> Any:
        certificate = self._ceremonies.certificate
        if certificate is None:
            raise NoCeremony(federation=self._name)
        charter = federation_files.read_charter(federation_files.charter_path(self._name))
        roster = federation_files.read_roster(federation_files.roster_path(self._name))
        return federation_files.terms_of(charter, roster, certificate.key)

    def _watching(self) -> Watch:
        if self._watch is None:
            genesis = self._genesis()
            self._watch = Watch(genesis, engines_of(genesis.main))
        return self._watch

    def _followed(self) -> Following:
        if self._following is None:
            genesis, path = self._genesis(), light_path(self._folder, self._name)
            self._following = Following(path, genesis, _verifier_of(genesis))
        return self._following

    def _judge(self) -> Warrants:
        if self._warrants is None:
            client = self._followed().client
            self._warrants = Warrants(self._watching(), self._records, client)
        return self._warrants

    def _order_of(self, request: bytes) -> list[Any]:
        """Sign a recorded order; what its headers show is durable first, whatever it is."""
        judge, asked = self._judge(), decode(OrderRequest, request, MAX_REQUEST)
        try:
            warrant = judge.order(asked)
        finally:
            self._followed().keep()
        return self._spend(warrant, asked.record.tier)

    def _seen(self) -> list[Any]:
        """Height and id of the best verified header, seq of the vault as proved (-1: unproven)."""
        watch = self._watching()
        seq = watch.vault.seq if watch.vault else -1
        return [watch.tip.header.height, watch.tip.id, seq]

    def _spend(self, warrant: Warrant, tier: int) -> list[Any]:
        """Partials for a spend of the anchor, and (key, signature) of the named keys of its tier.

        The first spend binds this key to its sidechain. Raises `TierUnknown` for a tier that the
        terms in force, as proved to this signer, do not have.
        """
        policy = tier_of(self._watching().terms, tier).policy
        self._record(serve_warrant(self._watching().genesis, self._records))
        partials = self._sign(warrant)
        named = self._sign_named(set(keys_of(policy)), warrant.digest)
        return [partials, [[schnorr.public_key(self._named[n]), s] for n, s in named.items()]]

    def _sign(self, warrant: Warrant) -> list[bytes]:
        """Journal the warrant, then release this signer's partial signatures."""
        shares = self._ceremonies.shares()
        failpoint("signer.before_warrant")
        self._record(warrant)
        failpoint("signer.after_warrant")
        partials = sign_partial(shares, warrant.digest)
        failpoint("signer.before_partials")
        return [encode(partial) for partial in partials]

    def _record(self, warrant: Warrant) -> None:
        """Make a line durable, once."""
        if warrant in self._records:
            return
        try:
            self._journal.append(encode(warrant))
        except JournalError as error:
            raise JournalRefused(reason=str(error)) from None
        self._records.append(warrant)
        if self._warrants is not None:
            self._warrants.remember(warrant)

    def _create(self, first: Outpoint, index: int) -> list[Any]:
        """Partials for the creation, and signatures of the named keys the terms ask for."""
        terms = self._terms()
        warrant = create_warrant(self._main, terms, first, index, self._records)
        # Nothing later depends on which drafts were signed, and any member may ask for many.
        partials = sign_partial(self._ceremonies.shares(), warrant.digest)
        wanted = {key for policy in policies_of(terms) for key in keys_of(policy)}
        named = self._sign_named(wanted, warrant.digest)
        return [[encode(partial) for partial in partials], named]

    def _sign_named(self, wanted: set[bytes], digest: bytes) -> dict[str, bytes]:
        """The signatures of this node's wanted charter keys, by name: of what a warrant allows."""
        return {
            name: schnorr.sign(secret, digest, os.urandom(32))
            for name, secret in self._named.items()
            if schnorr.public_key(secret) in wanted
        }


def _verifier_of(genesis: Genesis) -> Verifier:
    try:
        return verifier_of(genesis)
    except ConsensusError as error:
        raise EngineMissing(reason=str(error)) from None


def _taken(kind: Any, value: object) -> Any:
    """A parameter of a call, of its type; raises `ParameterInvalid`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ParameterInvalid(reason=str(error)) from None
