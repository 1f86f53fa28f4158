"""The signer's process: one private socket per key it serves, while the configuration names it.

Tables come and go while it runs: a new key is served as it appears, one whose table left or changed
is put away (socket, journal, the name in the kernel) and no other key notices.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
import trio

from bystack.federation.identity import identity_public
from bystack.federation.upstreams import Upstreams
from bystack.mainchain.params import chain_id
from bystack.node import genesis_files
from bystack.node.config import Config, ConfigErrors
from bystack.node.config.tables import Federation, Guard, Sidechain
from bystack.node.config.watching import Watched
from bystack.node.federation_files import FederationFileError
from bystack.node.genesis_files import GenesisFileError
from bystack.node.ipc import Handler, serve
from bystack.node.keyfiles import KeyFileError
from bystack.node.metrics.figures import SignerFigures
from bystack.node.networks import params_of
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.signer import keys
from bystack.node.signer.audit_log import open_audit
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.guarding import KIND as GUARD
from bystack.node.signer.guarding import GuardKeeper, guard_journal, guarded_genesis
from bystack.node.signer.holding import KeyHeld, hold_key
from bystack.node.signer.journals import open_votes, open_warrants
from bystack.node.signer.marks import Mark
from bystack.node.signer.vault.keeper import Held, VaultKeeper
from bystack.node.signer.votes import Voter
from bystack.node.store.journal import Journal, JournalError
from bystack.primitives import bls
from bystack.primitives.errors import Invalid
from bystack.sidechain.engines import ConsensusError, verifier_of

log = structlog.get_logger("signer")

RELOAD_SECONDS = 0.5


def validator_socket(name: str) -> str:
    """The socket bound to the validator key of a sidechain."""
    return f"run/signer-validator-{name}.sock"


def federation_socket(name: str) -> str:
    """The socket bound to the shares of a federation."""
    return f"run/signer-federation-{name}.sock"


def operator_socket(name: str) -> str:
    """The socket of a member's operator: what waits for his word."""
    return f"run/signer-operator-{name}.sock"


def guard_socket(name: str) -> str:
    """The socket bound to the key of a guard."""
    return f"run/signer-guard-{name}.sock"


def _ready(sidechain: Sidechain) -> bool:
    return bool(sidechain.validator_key) and os.path.exists(sidechain.genesis)


def _founded(guard: Guard) -> bool:
    """There is a vault to guard: its sidechain's genesis is on this node."""
    return os.path.exists(genesis_files.genesis_path(guard.name))


class KeyTwice(Exception):
    """Two tables of the configuration would vote with one key on one chain, from two journals."""


FAULTS = (
    KeyFileError,
    JournalError,
    GenesisFileError,
    FederationFileError,
    KeyTwice,
    KeyHeld,
    ConsensusError,
    Invalid,
    OSError,
)
"""Why one key cannot be served; each text is a sentence and a next step, or (a disk that is full or
refuses) what the system says: it is tried again, and the other keys are served."""


@dataclass
class Served:
    """One socket that is served: for which table, what is open for it, how it ends."""

    table: object
    handler: Handler
    open: ExitStack
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    gone: trio.Event = field(default_factory=trio.Event)

    async def run(
        self, path: str, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Answer on the socket until the scope is cancelled; then everything is put away."""
        try:
            with self.open, self.scope:
                await serve(path, self.handler, task_status=task_status)
        finally:
            self.gone.set()


class Keepers:
    """The keys this node's configuration names; they come and go with its tables."""

    def __init__(self, context: RoleContext, nursery: trio.Nursery) -> None:
        self._context, self._nursery = context, nursery
        self._params = params_of(context.config.network)
        self._cheap = self._params.name == "regtest"
        self._served: dict[str, Served] = {}
        self._voting: set[tuple[bytes, bytes]] = set()
        self._faults: dict[str, str] = {}
        self._told: SignerFigures | None = None

    async def serve_all(self, config: Config) -> None:
        """Put away what the configuration names no more, serve every key not served yet."""
        await self._put_away(config)
        for sidechain in config.sidechain:
            if _ready(sidechain):
                serve_it = partial(self._serve_validator, sidechain)
                await self._try(validator_socket(sidechain.name), serve_it)
        for federation in config.federation:
            serve_it = partial(self._serve_federation, federation)
            await self._try(federation_socket(federation.name), serve_it)
        for guard in config.guard:
            if _founded(guard):
                await self._try(guard_socket(guard.name), partial(self._serve_guard, guard))

    def announce(self) -> None:
        """Tell the daemon how many keys are served and how many cannot be, when that changed."""
        wanted = self._faults.keys() - self._served.keys()
        told = SignerFigures(keys_served=len(self._served), keys_refused=len(wanted))
        if told != self._told:
            self._told = told
            self._context.announce(figures=told.told())

    async def _put_away(self, config: Config) -> None:
        tables: dict[str, object] = {validator_socket(one.name): one for one in config.sidechain}
        tables |= {federation_socket(one.name): one for one in config.federation}
        tables |= {operator_socket(one.name): one for one in config.federation}
        tables |= {guard_socket(one.name): one for one in config.guard}
        for path, served in list(self._served.items()):
            if served.table != tables.get(path):
                served.scope.cancel()
                await served.gone.wait()
                del self._served[path]
                log.info("key put away", socket=path)
        self._faults = {path: fault for path, fault in self._faults.items() if path in tables}

    async def _keep(self, path: str, table: object, handler: Handler, stack: ExitStack) -> None:
        """Answer on a socket; what `stack` holds is put away when that ends."""
        served = Served(table, handler, stack.pop_all())
        await self._nursery.start(served.run, path)
        self._served[path] = served

    async def _try(self, path: str, serve_it: Callable[[str], Awaitable[None]]) -> None:
        """A key that cannot be used is named once and tried again; the others are served."""
        if path in self._served:
            return
        try:
            await serve_it(path)
        except FAULTS as error:
            if self._faults.get(path) != str(error):
                rule = type(error).__name__
                log.error("key not served", socket=path, rule=rule, error=str(error))
            self._faults[path] = str(error)
            return
        self._faults.pop(path, None)
        log.info("key served", socket=path)

    async def _serve_validator(self, table: Sidechain, path: str) -> None:
        secret = keys.load(table.validator_key, keys.VALIDATOR, cheap=self._cheap)
        genesis = genesis_files.read_genesis(table.genesis)
        voting = (bls.sk_to_pk(secret), genesis.id)
        if voting in self._voting:
            raise KeyTwice(f"{table.name}: this key votes already on this chain; drop one table")
        with ExitStack() as stack:
            stack.enter_context(hold_key(*voting))
            order = verifier_of(genesis).order
            magic = self._params.magic
            votes = open_votes(self._context.data, table.name, Mark(*voting), magic, order)
            stack.callback(votes.journal.close)
            voter = Voter(secret, genesis, votes)
            # At an orderly end the key's mark follows its journal: no old copy passes then.
            stack.callback(voter.mark)
            self._voting.add(voting)
            stack.callback(self._voting.discard, voting)
            await self._keep(path, table, voter.handle, stack)

    async def _serve_federation(self, table: Federation, path: str) -> None:
        with ExitStack() as stack:
            # First of all the lock: a second signer must not even go on with a key generation.
            journal = stack.enter_context(
                open_warrants(self._context.data, table.name, self._params.magic)
            )
            audit = stack.enter_context(
                open_audit(
                    self._context.data, table.name, self._params.magic, must_exist=bool(journal)
                )
            )
            keeper = self._vault_keeper(table, journal, audit)
            await self._keep(path, table, keeper.handle, stack)
            await self._keep(operator_socket(table.name), table, keeper.operate, ExitStack())

    async def _serve_guard(self, table: Guard, path: str) -> None:
        secret = keys.load(table.key, keys.NAMED, cheap=self._cheap)
        with ExitStack() as stack:
            own, magic = guard_journal(self._context.data, table.name), self._params.magic
            journal = stack.enter_context(Journal.open(own, kind=GUARD, magic=magic))
            keeper = GuardKeeper(secret, guarded_genesis(table), journal)
            await self._keep(path, table, keeper.handle, stack)

    def _vault_keeper(self, table: Federation, journal: Journal, audit: Journal) -> VaultKeeper:
        cheap, folder = self._cheap, self._context.data
        identity = keys.load(table.member_key, keys.MEMBER, cheap=cheap)
        own = f"keys/{table.name}.governance.key"
        held = Held(
            name=table.name,
            main=chain_id(self._params),
            hrp=self._params.hrp,
            identity=identity_public(identity),
            named=dict(keys.named_keys(cheap=cheap)),
            governance=keys.load(own, keys.GOVERNANCE, cheap=cheap),
            folder=folder,
        )
        ceremonies = Ceremonies(table.name, identity, folder, cheap=cheap)
        upstreams = Upstreams(table.upstreams, frozenset(table.upstream_peers))
        return VaultKeeper(held, ceremonies, journal, audit, upstreams)


async def main(context: RoleContext) -> None:
    """Serve the keys, and those that are added while the node runs."""
    async with trio.open_nursery() as nursery:
        keepers = Keepers(context, nursery)
        await keepers.serve_all(context.config)
        keepers.announce()
        await _follow_configuration(keepers, Watched(".", context.config))


async def _follow_configuration(keepers: Keepers, config: Watched) -> None:
    while True:
        await trio.sleep(RELOAD_SECONDS)
        try:
            await keepers.serve_all(config.look())
            keepers.announce()
        except ConfigErrors as error:
            step = "correct it; a file that replaced the one at the start is read after a SIGHUP"
            log.warning("configuration not taken over", error=str(error), step=step)


if __name__ == "__main__":
    run_role("signer", main)
