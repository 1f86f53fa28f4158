"""A guard's key at work: freeze, cancel, veto, and replacements that recovery signed first.

It verifies the main chain's headers and the vault's spends itself, and journals a line before a
signature leaves. It holds no share and no key that moves value.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import trio

from bystack.federation.guarding.warrants import GuardForeign, GuardWarrant, GuardWarrants
from bystack.federation.watch import Watch
from bystack.ledger.terms import keys_of
from bystack.ledger.vault_operations import MAX_OPERATION, Replace
from bystack.mainchain.blocks import decode_header
from bystack.node import federation_files, genesis_files
from bystack.node.config.tables import Guard
from bystack.node.engines import engines_of
from bystack.node.signer.votes import JournalRefused, MethodUnknown
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import Journal, JournalError
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import U32, U63, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.params import Genesis
from bystack.sidechain.relay import locator

MAX_REQUEST = 3_000_000
MAX_WARRANT = 1_000
KIND = "guard"

Signatures = Annotated[list[tuple[bytes, bytes]], msgspec.Meta(max_length=64)]


class ParameterInvalid(Invalid):
    """A parameter of the call is of another type or out of range."""


class CharterForeign(Invalid):
    """The sidechain's vault is not under this charter."""


def guard_journal(folder: str, name: str) -> str:
    """Where a guard's signer keeps what it signed."""
    return f"{folder}/guard-{name}.journal"


def guarded_genesis(table: Guard) -> Genesis:
    """The genesis of the sidechain whose vault is guarded; its terms must be of the charter.

    Raises `CharterForeign`, `GenesisFileError`, `FederationFileError`.
    """
    genesis = genesis_files.read_genesis(genesis_files.genesis_path(table.name))
    charter = federation_files.read_charter(table.charter)
    if genesis.terms.note != charter.hash:
        raise CharterForeign(vault=genesis.terms.note, charter=charter.hash)
    return genesis


class GuardKeeper:
    """One guard key. Calls enter one at a time.

    Raises `GuardForeign` when the key is none of the guard's under the genesis' terms.
    """

    def __init__(self, secret: bytes, genesis: Genesis, journal: Journal) -> None:
        self._secret, self._journal = secret, journal
        self._key = schnorr.public_key(secret)
        if self._key not in keys_of(genesis.terms.guard.policy):
            raise GuardForeign(key=self._key)
        self._records = [decode(GuardWarrant, line, MAX_WARRANT) for line in journal.records()]
        self._watch = Watch(genesis, engines_of(genesis.main), 0)
        self._warrants = GuardWarrants(self._watch, self._key)
        self._order = trio.Lock()

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """One call of the guard's process; raises the rule that refuses."""
        async with self._order:
            return await trio.to_thread.run_sync(self._handle, method, list(params))

    def _handle(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "info", []:
                signed = len(self._records)
                return {"key": self._key, "signed": signed, "time": int(time.time())}
            case "headers", [headers]:
                decoded = [decode_header(header) for header in _taken(list[bytes], headers)]
                self._watch.headers(decoded, int(time.time()))
                return self._seen()
            case "anchor", [bytes() as inclusion]:
                self._watch.anchor(decode(Inclusion, inclusion, MAX_REQUEST))
                return self._seen()
            case "seen", []:
                return self._seen()
            case "locator", []:
                return list(locator(self._watch.view, self._watch.genesis))
            case _:
                return self._sign(self._judged(method, params))

    def _judged(self, method: str, params: list[Any]) -> GuardWarrant:
        match method, params:
            case "freeze", [turn]:
                return self._warrants.freeze(_taken(U63, turn))
            case "cancel", [turn, bytes() as terms]:
                return self._warrants.cancel(_taken(U63, turn), terms)
            case "veto", [bytes() as order, index]:
                inclusion = decode(Inclusion, order, MAX_REQUEST)
                return self._warrants.veto(inclusion, _taken(U32, index))
            case "replace", [bytes() as operation, given]:
                change = decode(Replace, operation, MAX_OPERATION)
                return self._warrants.replace(change, dict(_taken(Signatures, given)))
            case _:
                raise MethodUnknown(method=method)

    def _seen(self) -> list[Any]:
        """Height and id of the best verified header, seq of the vault as seen (-1: not yet)."""
        watch = self._watch
        return [watch.tip.header.height, watch.tip.id, watch.vault.seq if watch.vault else -1]

    def _sign(self, warrant: GuardWarrant) -> list[bytes]:
        """The key and its signature, once the warrant is durable."""
        failpoint("guard.before_warrant")
        if warrant not in self._records:
            try:
                self._journal.append(encode(warrant))
            except JournalError as error:
                raise JournalRefused(reason=str(error)) from None
            self._records.append(warrant)
        failpoint("guard.after_warrant")
        return [self._key, schnorr.sign(self._secret, warrant.digest, os.urandom(32))]


def _taken(kind: Any, value: object) -> Any:
    """A parameter of a call, of its type; raises `ParameterInvalid`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ParameterInvalid(reason=str(error)) from None
