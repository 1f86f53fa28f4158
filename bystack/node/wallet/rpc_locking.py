"""RPC about a wallet's passphrase, and its recovery phrase: Bitcoin Core's names and codes.

A locked wallet follows its chains and shows everything; it signs nothing (-13). A secret is told by
`dumpphrase` alone, to whoever has the passphrase.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Final

import trio
from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.keyfiles import Kdf
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import Methods
from bystack.node.wallet import keys, shapes_keys
from bystack.node.wallet.keeper import WALLET_ERROR, WRONG_PASSWORD, Keeper
from bystack.node.wallet.opened import Opened
from bystack.primitives.bip32 import master
from bystack.primitives.bip39 import seed

WRONG_STATE: Final = -15
MAX_SECONDS: Final = 100_000_000
WARNING: Final = (
    "Whoever reads these words can spend everything in this wallet. Keep them off computers."
)

Passphrase = Annotated[str, Meta(min_length=1, max_length=1024, description="a passphrase")]
Seconds = Annotated[float, Meta(gt=0, description="seconds")]


class LockingMethods:
    """Sealing, unlocking, locking."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._timers: dict[str, trio.CancelScope] = {}

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add("encryptwallet", self.encrypt, scope="wallet", help="Seal the keys; locks the wallet.")
        add("walletpassphrase", self.unlock, scope="wallet", help="Unlock for some seconds.")
        add("walletlock", self.lock, scope="wallet", help="Forget the keys now.")
        add(
            "walletpassphrasechange",
            self.change,
            scope="wallet",
            help="Seal the keys under another passphrase.",
        )
        add(
            "dumpphrase",
            self.dump,
            scope="admin",
            help="Tell the recovery phrase.",
            returns=shapes_keys.Phrase,
        )

    async def encrypt(self, passphrase: Passphrase, kdf: Kdf = "scrypt") -> str:
        """Seal a wallet that had no passphrase. Bytes of the old file may linger on the disk."""
        wallet = self._keeper.opened()
        _check_keys(wallet)
        if wallet.sealed:
            text = "The wallet is encrypted already: use walletpassphrasechange."
            raise RemoteError(WRONG_STATE, text)
        await self._reseal(wallet, None, passphrase, kdf)
        wallet.sealed = True
        wallet.lock()
        return "wallet encrypted; it is locked now: unlock it with walletpassphrase to send"

    async def unlock(self, passphrase: Passphrase, timeout: Seconds) -> None:
        """Unlock until `timeout` seconds have passed; a second call sets the time anew."""
        wallet = self._sealed()
        phrase = await self._phrase(wallet, passphrase)
        wallet.unlock(master(seed(phrase)))
        seconds = min(timeout, MAX_SECONDS)
        wallet.unlocked_until = time.time() + seconds
        self._stop(wallet)
        scope = self._timers[wallet.name] = trio.CancelScope()
        self._keeper.nursery.start_soon(self._lock_after, wallet, scope, seconds)

    async def _lock_after(self, wallet: Opened, scope: trio.CancelScope, seconds: float) -> None:
        with scope:
            await trio.sleep(seconds)
            wallet.lock()

    def lock(self) -> None:
        """Forget the keys; nothing is signed until the passphrase is given again."""
        wallet = self._sealed()
        self._stop(wallet)
        wallet.lock()

    def _stop(self, wallet: Opened) -> None:
        if timer := self._timers.pop(wallet.name, None):
            timer.cancel()

    async def change(
        self, oldpassphrase: Passphrase, newpassphrase: Passphrase, kdf: Kdf = "scrypt"
    ) -> None:
        """Seal the keys under a new passphrase; copies and backups keep the old one."""
        await self._reseal(self._sealed(), oldpassphrase, newpassphrase, kdf)

    async def dump(self, passphrase: Annotated[str, Meta(max_length=1024)] = "") -> Json:
        """The words from which the wallet can be restored, with a warning."""
        wallet = self._keeper.opened()
        _check_keys(wallet)
        if wallet.sealed and not passphrase:
            raise RemoteError(WRONG_PASSWORD, "give the passphrase to see the recovery phrase")
        phrase = await self._phrase(wallet, passphrase or None)
        return {"warning": WARNING, "mnemonic": phrase}

    def _sealed(self) -> Opened:
        wallet = self._keeper.opened()
        _check_keys(wallet)
        if not wallet.sealed:
            text = "The wallet has no passphrase: set one with encryptwallet."
            raise RemoteError(WRONG_STATE, text)
        return wallet

    async def _phrase(self, wallet: Opened, password: str | None) -> str:
        keeper = self._keeper
        read = partial(keys.read_phrase, cheap=keeper.cheap)
        return await keeper.secret(partial(read, keeper.data, wallet.name, password))

    async def _reseal(self, wallet: Opened, old: str | None, new: str, kdf: Kdf) -> None:
        keeper, phrase = self._keeper, await self._phrase(wallet, old)
        put = partial(keys.reseal, cheap=keeper.cheap, kdf=kdf)
        await keeper.secret(partial(put, keeper.data, wallet.name, phrase, new))


def _check_keys(wallet: Opened) -> None:
    if wallet.watching:
        raise RemoteError(WALLET_ERROR, "This wallet only watches: it has no keys to seal.")
