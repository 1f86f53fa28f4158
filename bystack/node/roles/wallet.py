"""The wallet's process: users' keys, followers of every chain of this node, the wallet's RPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
import trio

from bystack.node.config import Config, ConfigErrors
from bystack.node.config.watching import Watched, stamp_of
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError, serve
from bystack.node.metrics.figures import WalletFigures
from bystack.node.networks import params_of
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.wallet.chains import Chain, configured
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.registry import wallet_methods

RELOAD_SECONDS = 1.0

log = structlog.get_logger("wallet")


class Chains:
    """The chains of the configuration as it is on disk now; a faulty one changes nothing."""

    def __init__(self, config: Config) -> None:
        self._config, self._watched = config, Watched(".", config)
        self._chains: tuple[Chain, ...] = ()
        self._read: object = None
        self.look()

    def __call__(self) -> Iterator[Chain]:
        """The chains found last."""
        return iter(self._chains)

    def look(self) -> bool:
        """Read again what changed of configuration and geneses; whether the chains changed."""
        try:
            self._config = self._watched.look()
        except ConfigErrors as error:
            log.debug("configuration not read again", error=str(error))
        read = self._config, [stamp_of(Path(one.genesis)) for one in self._config.sidechain]
        if read == self._read:
            return False
        self._read, found = read, tuple(configured(self._config))
        changed, self._chains = found != self._chains, found
        return changed


async def watch(chains: Chains, keeper: Keeper) -> None:
    """Follow sidechains that are added or removed while the process runs."""
    while True:
        await trio.sleep(RELOAD_SECONDS)
        if await trio.to_thread.run_sync(chains.look):
            keeper.arrange()


async def main(context: RoleContext) -> None:
    """Run the wallet until cancelled."""
    chains = Chains(context.config)
    async with trio.open_nursery() as nursery:
        keeper = Keeper(context.data, params_of(context.network), chains, nursery)
        methods = wallet_methods(keeper)

        async def handle(method: str, params: list[Any]) -> Any:
            match method, params:
                case "rpc", _:
                    return await methods.answer(params)
                case "metrics", []:
                    return WalletFigures(wallets_loaded=len(keeper.loaded())).told()
                case _:
                    raise RemoteError(METHOD_UNKNOWN, f"the wallet knows no call {method}")

        try:
            await keeper.start()
            await nursery.start(serve, context.socket, handle)
            context.announce(wallets=keeper.loaded())
            await watch(chains, keeper)
        finally:
            await keeper.close()


if __name__ == "__main__":
    run_role("wallet", main)
