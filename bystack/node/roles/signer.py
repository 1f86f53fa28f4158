"""The signer's process: one private socket per key it serves, found again as the node grows."""

from __future__ import annotations

import os

import structlog
import trio

from bystack.mainchain.params import chain_id
from bystack.node import genesis_files
from bystack.node.config import Config, ConfigErrors, load_config
from bystack.node.config.tables import Federation, Sidechain
from bystack.node.ipc import serve
from bystack.node.journal import Journal
from bystack.node.networks import params_of
from bystack.node.role_main import RoleContext, run_role
from bystack.node.signer import keys
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault import VaultKeeper
from bystack.node.signer.votes import Voter

log = structlog.get_logger("signer")

RELOAD_SECONDS = 0.5


def validator_socket(name: str) -> str:
    """The socket bound to the validator key of a sidechain."""
    return f"run/signer-validator-{name}.sock"


def federation_socket(name: str) -> str:
    """The socket bound to the shares of a federation."""
    return f"run/signer-federation-{name}.sock"


def _ready(sidechain: Sidechain) -> bool:
    return bool(sidechain.validator_key) and os.path.exists(sidechain.genesis)


class Keepers:
    """The keys this node's configuration names; new ones are served as they appear."""

    def __init__(self, context: RoleContext, nursery: trio.Nursery) -> None:
        self._context, self._nursery = context, nursery
        self._params = params_of(context.config.network)
        self._cheap = self._params.name == "regtest"
        self._served: set[str] = set()

    async def serve_all(self, config: Config) -> None:
        """Serve every key of the configuration that is not served yet."""
        for sidechain in config.sidechain:
            if _ready(sidechain) and validator_socket(sidechain.name) not in self._served:
                await self._serve_validator(sidechain)
        for federation in config.federation:
            if federation_socket(federation.name) not in self._served:
                await self._serve_federation(federation)

    async def _serve_validator(self, table: Sidechain) -> None:
        path = validator_socket(table.name)
        self._served.add(path)
        secret = keys.load(table.validator_key, keys.VALIDATOR, cheap=self._cheap)
        genesis = genesis_files.read_genesis(table.genesis)
        journal = self._journal(f"votes-{table.name}", "votes")
        await self._nursery.start(serve, path, Voter(secret, genesis, journal).handle)
        log.info("serving a validator key", sidechain=table.name)

    async def _serve_federation(self, table: Federation) -> None:
        path = federation_socket(table.name)
        self._served.add(path)
        identity = keys.load(table.member_key, keys.MEMBER, cheap=self._cheap)
        ceremonies = Ceremonies(table.name, identity, self._context.data, cheap=self._cheap)
        secrets = dict(keys.named_keys(cheap=self._cheap))
        governance = f"keys/{table.name}.governance.key"
        secrets["governance"] = keys.load(governance, keys.GOVERNANCE, cheap=self._cheap)
        journal = self._journal(f"warrants-{table.name}", "warrants")
        main = chain_id(self._params)
        keeper = VaultKeeper(table.name, main, ceremonies, journal, secrets)
        await self._nursery.start(serve, path, keeper.handle)
        log.info("serving federation shares", federation=table.name)

    def _journal(self, name: str, kind: str) -> Journal:
        path = f"{self._context.data}/{name}.journal"
        return Journal.open(path, kind=kind, magic=self._params.magic)


async def main(context: RoleContext) -> None:
    """Serve the keys, and those that are added while the node runs."""
    async with trio.open_nursery() as nursery:
        keepers = Keepers(context, nursery)
        await keepers.serve_all(context.config)
        context.announce()
        while True:
            await trio.sleep(RELOAD_SECONDS)
            try:
                await keepers.serve_all(load_config("."))
            except ConfigErrors as error:
                log.warning("configuration not taken over", error=str(error))


if __name__ == "__main__":
    run_role("signer", main)
