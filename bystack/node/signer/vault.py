"""A federation's share keys at work: orders, touches and the vault's creation.

The signer compiles the terms itself, verifies headers, certificates and records itself, and
journals a warrant before any partial signature leaves (W04, W06, W08).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import trio

from bystack.federation.module import action_digest
from bystack.federation.session import Session
from bystack.federation.signing import sign_partial
from bystack.federation.warrants import OrderRequest, Warrant, Warrants, create_warrant
from bystack.federation.watch import Watch
from bystack.ledger.transactions import Outpoint
from bystack.mainchain.blocks import decode_header
from bystack.node import federation_files, genesis_files
from bystack.node.failpoints import failpoint
from bystack.node.journal import Journal
from bystack.node.signer.ceremonies import Ceremonies, NoCeremony
from bystack.node.signer.votes import MethodUnknown
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.params import Genesis

MAX_REQUEST = 3_000_000


class NoSidechain(Invalid):
    """The sidechain's genesis is not on this node yet."""


class GenesisForeign(Invalid):
    """The sidechain's genesis does not carry the terms this federation's charter compiles to."""


class VaultKeeper:
    """One federation's keys. Calls enter one at a time."""

    def __init__(
        self,
        name: str,
        main: bytes,
        ceremonies: Ceremonies,
        journal: Journal,
        secrets: dict[str, bytes],
    ) -> None:
        self._name, self._main, self._ceremonies = name, main, ceremonies
        self._journal, self._secrets = journal, secrets
        self._records = [decode(Warrant, line, MAX_REQUEST) for line in journal.records()]
        self._watch: Watch | None = None
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
            case "begin", [int() as attempt]:
                return self._ceremonies.begin(self._session(attempt))
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
            case "headers", [list() as headers]:
                decoded = [decode_header(header) for header in headers]
                self._watching().headers(decoded, int(time.time()))
                return self._seen()
            case "anchor", [bytes() as inclusion]:
                self._watching().anchor(decode(Inclusion, inclusion, MAX_REQUEST))
                return self._seen()
            case "seen", []:
                return self._seen()
            case "order", [bytes() as request]:
                return self._sign(self._judge().order(decode(OrderRequest, request, MAX_REQUEST)))
            case "touch", [int() as seq, int() as tier]:
                return self._sign(self._judge().touch(seq, tier))
            case "create", [bytes() as first, int() as index]:
                return self._create(decode(Outpoint, first, 100), index)
            case "approve", [int() as kind, bytes() as body]:
                digest = action_digest(self._genesis().id, kind, body)
                return schnorr.sign(self._secrets["governance"], digest, os.urandom(32))
            case _:
                raise MethodUnknown(method=method)

    def _info(self) -> dict[str, Any]:
        certificate = self._ceremonies.certificate
        return {
            "key": certificate.key if certificate else None,
            "shares": len(self._ceremonies.shares()) if certificate else 0,
            "named": sorted(name for name in self._secrets if name != "governance"),
            "governance": schnorr.public_key(self._secrets["governance"]),
        }

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
            self._watch = Watch(self._genesis())
        return self._watch

    def _judge(self) -> Warrants:
        if self._warrants is None:
            self._warrants = Warrants(self._watching(), self._records, BlsScheme())
        return self._warrants

    def _seen(self) -> list[Any]:
        """Height and id of the best verified header, seq of the vault as proved (-1: unproven)."""
        watch = self._watching()
        seq = watch.vault.seq if watch.vault else -1
        return [watch.tip.header.height, watch.tip.id, seq]

    def _sign(self, warrant: Warrant) -> list[bytes]:
        """Journal the warrant, then release this signer's partial signatures."""
        failpoint("signer.before_warrant")
        if warrant not in self._records:
            self._journal.append(encode(warrant))
            self._records.append(warrant)
            if self._warrants is not None:
                self._warrants.remember(warrant)
        failpoint("signer.after_warrant")
        partials = sign_partial(self._ceremonies.shares(), warrant.digest)
        failpoint("signer.before_partials")
        return [encode(partial) for partial in partials]

    def _create(self, first: Outpoint, index: int) -> list[Any]:
        """Partials for the creation, and signatures of the named keys the terms ask for."""
        terms = self._terms()
        warrant = create_warrant(self._main, terms, first, index, self._records)
        partials = self._sign(warrant)
        named = {
            name: schnorr.sign(secret, warrant.digest, os.urandom(32))
            for name, secret in self._secrets.items()
            if name != "governance"
        }
        return [partials, named]
