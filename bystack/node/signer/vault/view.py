"""What a signer goes by: its files, and what it verified of both chains itself.

Everything is read when it is first needed: a federation's files appear one after the other.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from bystack.federation.knowledge import Knowledge
from bystack.federation.module.records import CHANGE, KEY, KEY_NEXT, entry_key
from bystack.federation.policies.decrees import standing_keys
from bystack.federation.warrants import Warrant, Warrants, serve_warrant
from bystack.federation.watch import Watch
from bystack.ledger.terms import Terms
from bystack.node import federation_files, genesis_files
from bystack.node.engines import engines_of
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.epochs import NoCeremony
from bystack.node.signer.light import Following, light_path
from bystack.node.signer.watching import WatchFile
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import Verifier
from bystack.sidechain.engines import ConsensusError, verifier_of
from bystack.sidechain.params import Genesis

MAX_WANTED: Final = 512
KEY_ENTRIES: Final = (entry_key(KEY), entry_key(KEY_NEXT), entry_key(CHANGE))


class NoSidechain(Invalid):
    """The sidechain's genesis is not on this node yet."""


class EngineMissing(Invalid):
    """The sidechain's engine of consensus is not installed with this signer."""


class GenesisForeign(Invalid):
    """The sidechain's genesis does not carry the terms this federation's charter compiles to."""


class View:
    """One federation as its signer sees it.

    `identity`: the member's public identity; `records`: the warrants, a list that grows.
    """

    def __init__(
        self,
        name: str,
        main: bytes,
        identity: bytes,
        ceremonies: Ceremonies,
        records: Sequence[Warrant],
        folder: str,
        kept: WatchFile,
    ) -> None:
        self.name, self.main, self.identity, self.folder = name, main, identity, folder
        self._ceremonies, self._records, self._kept = ceremonies, records, kept
        self._watch: Watch | None = None
        self._following: Following | None = None
        self._knowledge: Knowledge | None = None
        self._warrants: Warrants | None = None
        self._wanted: OrderedDict[bytes, None] = OrderedDict()

    def terms(self) -> Terms:
        """The terms that charter, roster and certified key compile to; raises `NoCeremony`."""
        certificate = self._ceremonies.certificate
        if certificate is None:
            raise NoCeremony(federation=self.name)
        return self._compiled(certificate.key)

    def _compiled(self, key: bytes) -> Terms:
        charter = federation_files.read_charter(federation_files.charter_path(self.name))
        roster = federation_files.read_roster(federation_files.roster_path(self.name))
        return federation_files.terms_of(charter, roster, key)

    def genesis(self) -> Genesis:
        """The sidechain this vault serves; its terms must be those compiled here.

        Raises `NoSidechain`, `GenesisForeign`, `SidechainSecond`.
        """
        path = genesis_files.genesis_path(self.name)
        if not os.path.exists(path):
            raise NoSidechain(name=self.name)
        genesis = genesis_files.read_genesis(path)
        if genesis.terms != self._first_terms(genesis):
            raise GenesisForeign(sidechain=genesis.id)
        serve_warrant(genesis, self._records)
        return genesis

    def _first_terms(self, genesis: Genesis) -> Terms:
        """What this signer compiles for the key that the federation began with.

        Who joined later has no certificate of it, and takes the key from the genesis.
        """
        first = self._ceremonies.epochs.first
        key = first.key if first else federation_files.first_key(genesis)
        return self.terms() if key is None else self._compiled(key)

    @property
    def watch(self) -> Watch:
        """The main chain and the vault, as verified here."""
        if self._watch is None:
            genesis = self.genesis()
            self._watch = Watch(genesis, engines_of(genesis.main))
            self._kept.resume(self._watch)
        return self._watch

    def keep(self) -> None:
        """Have the disk follow what was verified of the main chain."""
        self._kept.follow(self.watch)

    @property
    def founded(self) -> bool:
        """Whether anything of the main chain is verified here yet."""
        return self._watch is not None

    @property
    def followed(self) -> Following:
        """The sidechain's validators and final headers, as verified here."""
        if self._following is None:
            genesis, path = self.genesis(), light_path(self.folder, self.name)
            self._following = Following(path, genesis, _verifier_of(genesis))
        return self._following

    @property
    def knowledge(self) -> Knowledge:
        """Entries of the sidechain's state, as proved here."""
        if self._knowledge is None:
            self._knowledge = Knowledge(self.followed.client)
        return self._knowledge

    @property
    def judge(self) -> Warrants:
        """The judge of what may be signed beside what was signed."""
        if self._warrants is None:
            self._warrants = Warrants(self.watch, self._records, self.followed.client)
        return self._warrants

    def want(self, keys: Iterable[bytes]) -> None:
        """Ask the member to show these entries of the state; the oldest wishes are forgotten."""
        for key in keys:
            self._wanted[key] = None
            self._wanted.move_to_end(key)
        while len(self._wanted) > MAX_WANTED:
            self._wanted.popitem(last=False)

    def wanted(self) -> tuple[bytes, ...]:
        """The entries that the member is to show, and to show anew as the sidechain goes on."""
        standing = standing_keys(self.watch.genesis, self.identity)
        if standing:
            standing += KEY_ENTRIES
        return tuple(dict.fromkeys((*standing, *self._wanted)))

    def remember(self, warrant: Warrant) -> None:
        """Tell the judge of a warrant that is durable now."""
        if self._warrants is not None:
            self._warrants.remember(warrant)

    @property
    def told(self) -> tuple[int, bool]:
        """The newest epoch known (-1: not followed yet), and whether the chain contradicted itself.

        Reads nothing that was not read before.
        """
        if self._following is None:
            return -1, False
        return self._following.epoch, self._following.client.frozen


def _verifier_of(genesis: Genesis) -> Verifier:
    try:
        return verifier_of(genesis)
    except ConsensusError as error:
        raise EngineMissing(reason=str(error)) from None
