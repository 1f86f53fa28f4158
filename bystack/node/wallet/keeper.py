"""Which wallet is loaded: made, opened and closed on request; one at a time in a process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Annotated, Final

import structlog
import trio
from msgspec import Meta

from bystack.mainchain.params import Params
from bystack.node.ipc import RemoteError
from bystack.node.keyfiles import KeyFileError, KeyFileExists, KeyFileMissing, is_sealed
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import Methods
from bystack.node.wallet import keys
from bystack.node.wallet.chains import Chain
from bystack.node.wallet.opened import Opened
from bystack.primitives.bip39 import PhraseInvalid

WALLET_ERROR: Final = -4
NO_WALLET: Final = -18
ALREADY: Final = -35
WRONG_PASSWORD: Final = -14

Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$", description="a name")]
Secret = Annotated[str, Meta(max_length=1024, description="a text")]

log = structlog.get_logger("wallet")


class Keeper:
    """Owns the loaded wallet and its tasks."""

    def __init__(
        self,
        data: str,
        params: Params,
        chains: Callable[[], Iterable[Chain]],
        nursery: trio.Nursery,
    ) -> None:
        self._data, self._params, self._chains = data, params, chains
        self._nursery = nursery
        self._opened: Opened | None = None
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._cheap = params.name == "regtest"

    def register(self, methods: Methods) -> None:
        """Add the methods about wallets as such."""
        add = methods.add
        add("createwallet", self.create, scope="wallet", help="Make a wallet and load it.")
        add("loadwallet", self.load, scope="wallet", help="Load a wallet.")
        add("unloadwallet", self.unload, scope="wallet", help="Unload the wallet.")
        add("listwallets", self.loaded, scope="wallet", help="The loaded wallet's name, if any.")
        add("getwalletinfo", self.info, scope="wallet", help="How far the wallet has followed.")

    def opened(self) -> Opened:
        """The loaded wallet; raises `RemoteError` (-18) when none is."""
        if self._opened is None:
            text = "No wallet is loaded. Load one with loadwallet or make one with createwallet."
            raise RemoteError(NO_WALLET, text)
        return self._opened

    async def create(
        self, wallet_name: Name = "default", passphrase: Secret = "", mnemonic: Secret = ""
    ) -> Json:
        """Make a wallet, of a given phrase or a new one, which is told this once only."""
        phrase = mnemonic or keys.fresh_phrase()
        password = passphrase or None
        try:
            keys.write_phrase(self._data, wallet_name, phrase, password, cheap=self._cheap)
        except (KeyFileExists, PhraseInvalid) as error:
            raise RemoteError(WALLET_ERROR, str(error)) from None
        await self.load(wallet_name, passphrase)
        made: Json = {"name": wallet_name, "warning": "" if password else "not encrypted"}
        return made if mnemonic else {**made, "mnemonic": phrase}

    async def load(self, wallet_name: Name = "default", passphrase: Secret = "") -> Json:
        """Load a wallet in place of the one loaded now."""
        if self._opened is not None and self._opened.name == wallet_name:
            raise RemoteError(ALREADY, f"Wallet {wallet_name} is already loaded.")
        await self._open(wallet_name, passphrase or None)
        return {"name": wallet_name, "warning": ""}

    async def unload(self) -> Json:
        """Unload the wallet; its keys leave this process's memory with it."""
        self.opened()
        await self.close()
        return {"warning": ""}

    def loaded(self) -> list[str]:
        """The name of the wallet in use."""
        return [self._opened.name] if self._opened else []

    def info(self) -> Json:
        """Name, and per chain the height followed to and the number of transactions."""
        wallet = self.opened()
        purses = [wallet.purse(name) for name in wallet.chains]
        return {
            "walletname": wallet.name,
            "chains": {
                purse.chain.name: {
                    "height": purse.wallet.height,
                    "caught_up": purse.caught_up,
                    "txcount": len(purse.wallet.history),
                    "open_payments": len(purse.open),
                }
                for purse in purses
            },
        }

    async def start(self) -> None:
        """Load the one wallet there is, or the default, if it needs no password."""
        found = list(keys.names(self._data))
        name = "default" if "default" in found else found[0] if len(found) == 1 else ""
        if name and not is_sealed(keys.key_path(self._data, name)):
            await self._open(name, None)

    def arrange(self) -> None:
        """The configuration may have changed: follow the chains it names now."""
        if self._opened is not None:
            self._opened.arrange(self._chains())

    async def close(self) -> None:
        """Unload, saved."""
        opened, self._opened = self._opened, None
        self._scope.cancel()
        if opened is not None:
            with trio.CancelScope(shield=True):
                await self._ended.wait()  # no follower may write to a closed store
                await opened.close()

    async def _open(self, name: str, password: str | None) -> None:
        try:
            master = keys.read_master(self._data, name, password, cheap=self._cheap)
        except KeyFileMissing as error:
            raise RemoteError(NO_WALLET, str(error)) from None
        except KeyFileError as error:
            raise RemoteError(WRONG_PASSWORD, str(error)) from None
        await self.close()
        path = os.path.join(keys.folder_of(self._data, name), "chains")
        self._opened = Opened(name, master, path, self._params.magic)
        self._opened.arrange(self._chains())
        self._scope, self._ended = trio.CancelScope(), trio.Event()
        self._nursery.start_soon(self._run, self._opened, self._scope, self._ended)
        log.info("wallet loaded", name=name, chains=self._opened.chains)

    async def _run(self, wallet: Opened, scope: trio.CancelScope, ended: trio.Event) -> None:
        try:
            with scope:
                await wallet.run()
        finally:
            ended.set()
