"""Which wallets are loaded: made, opened and closed on request, and loaded again at the next start.

A request means the wallet that its path names (`/wallet/NAME`), else the one that is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Final, TypeVar

import msgspec
import structlog
import trio
from msgspec import Meta

from bystack.ledger.addressbook import GAP, MAX_GAP
from bystack.mainchain.params import Params
from bystack.node.ipc import RemoteError
from bystack.node.keyfiles import Kdf, KeyFileError, KeyFileMissing
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import Height, Methods, calling_wallet
from bystack.node.store import files
from bystack.node.store.storage import StoreError
from bystack.node.wallet import keys, scanning, shapes, shapes_keys
from bystack.node.wallet.chains import MAIN, Chain
from bystack.node.wallet.following import Follower
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.primitives.bip39 import PhraseInvalid
from bystack.primitives.errors import Invalid

WALLET_ERROR: Final = -4
NO_WALLET: Final = -18
WHICH_WALLET: Final = -19
ALREADY: Final = -35
WRONG_PASSWORD: Final = -14
BEGIN_SECONDS: Final = 3.0
MAX_LIST: Final = 1_000_000
ANY: Final = "*"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,30}\Z", description="a name")]
Secret = Annotated[str, Meta(max_length=1024, description="a text")]
Gap = Annotated[int, Meta(ge=1, le=MAX_GAP, description="addresses in a row that may be unpaid")]

T = TypeVar("T")

log = structlog.get_logger("wallet")


@dataclass
class Loaded:
    """A wallet and its tasks."""

    opened: Opened
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)

    async def run(self) -> None:
        """Follow the chains until cancelled."""
        try:
            with self.scope:
                await self.opened.run()
        finally:
            self.ended.set()


class Keeper:
    """Owns the loaded wallets and their tasks."""

    def __init__(
        self,
        data: str,
        params: Params,
        chains: Callable[[], Iterable[Chain]],
        nursery: trio.Nursery,
    ) -> None:
        self.data, self.params, self.nursery = data, params, nursery
        self.cheap = params.name == "regtest"
        self._chains = chains
        self._wallets: dict[str, Loaded] = {}

    def register(self, methods: Methods) -> None:
        """Add the methods about wallets as such."""
        add = methods.add
        add(
            "createwallet",
            self.create,
            scope="wallet",
            help="Make a wallet and load it.",
            returns=shapes.Opened,
        )
        add("loadwallet", self.load, scope="wallet", help="Load a wallet.", returns=shapes.Opened)
        add(
            "unloadwallet",
            self.unload,
            scope="wallet",
            help="Unload a wallet.",
            returns=shapes_keys.Unloaded,
        )
        add("listwallets", self.loaded, scope="wallet", help="The names of the loaded wallets.")
        add(
            "listwalletdir",
            self.existing,
            scope="wallet",
            help="Every wallet there is.",
            returns=shapes_keys.WalletDir,
        )
        add(
            "getwalletinfo",
            self.info,
            scope="wallet",
            help="How far the wallet has followed.",
            returns=shapes_keys.WalletInfo,
        )

    def opened(self) -> Opened:
        """The wallet meant; raises `RemoteError`: -18 none is loaded, -19 several are.

        `*` is how this node's own processes ask: the default one, or any.
        """
        name = calling_wallet()
        if name == ANY and self._wallets:
            name = "default" if "default" in self._wallets else min(self._wallets)
        if name and name not in self._wallets:
            raise RemoteError(NO_WALLET, f"Wallet {name} is not loaded. Load it with loadwallet.")
        if not self._wallets:
            text = "No wallet is loaded. Load one with loadwallet or make one with createwallet."
            raise RemoteError(NO_WALLET, text)
        if not name and len(self._wallets) > 1:
            known = ", ".join(sorted(self._wallets))
            text = (
                f"Several wallets are loaded ({known}): say which, by /wallet/NAME before or "
                "after the path (bystack: --wallet NAME)."
            )
            raise RemoteError(WHICH_WALLET, text)
        return self._wallets[name or next(iter(self._wallets))].opened

    async def create(
        self,
        wallet_name: Name = "default",
        passphrase: Secret = "",
        mnemonic: Secret = "",
        disable_private_keys: bool = False,
        gap: Gap = GAP,
        kdf: Kdf = "scrypt",
        birth: Height = 0,
    ) -> Json:
        """Make a wallet, of a given phrase or a new one, which is told this once only.

        One with a passphrase is locked once it is made, as Bitcoin Core's. One of a given phrase
        reads the chains from the beginning, the main chain from the height `birth` if that is
        given; a new one from where they stand now.
        """
        phrase = "" if disable_private_keys else mnemonic or keys.fresh_phrase()
        await self.make(wallet_name, phrase, passphrase, kdf)
        fresh = not mnemonic and not disable_private_keys
        await self.begin(wallet_name, passphrase or None, fresh=fresh, gap=gap)
        if birth > 1 and not fresh:
            await self._begin_from(wallet_name, birth)
        clear = bool(phrase) and not passphrase
        made: Json = {"name": wallet_name, "warning": "not encrypted" if clear else ""}
        return {**made, "mnemonic": phrase} if phrase and not mnemonic else made

    async def _begin_from(self, name: str, height: int) -> None:
        with trio.move_on_after(BEGIN_SECONDS) as scope:
            await self._wallets[name].opened.follower(MAIN).begin_from(height)
        if scope.cancelled_caught:
            log.warning("the chain does not answer: it is read whole", height=height)

    async def make(self, name: str, phrase: str, passphrase: str, kdf: Kdf = "scrypt") -> None:
        """Write a wallet's key file, or that it has none; raises `RemoteError` (-4)."""
        try:
            if not phrase:
                keys.write_watching(self.data, name)
                return
            put = partial(keys.write_phrase, cheap=self.cheap, kdf=kdf)
            await trio.to_thread.run_sync(put, self.data, name, phrase, passphrase or None)
        except (KeyFileError, PhraseInvalid) as error:
            raise RemoteError(WALLET_ERROR, str(error)) from None

    async def load(self, wallet_name: Name = "default", passphrase: Secret = "") -> Json:
        """Load a wallet; one that has a passphrase stays locked, unless that is given here."""
        if wallet_name in self._wallets:
            raise RemoteError(ALREADY, f"Wallet {wallet_name} is already loaded.")
        await self._open(wallet_name, passphrase or None)
        self._remember()
        return {"name": wallet_name, "warning": ""}

    async def unload(self, wallet_name: Name | None = None) -> Json:
        """Unload a wallet; its keys leave this process's memory with it."""
        name = wallet_name or self.opened().name
        if name not in self._wallets:
            raise RemoteError(NO_WALLET, f"Wallet {name} is not loaded.")
        await self._close(name)
        self._remember()
        return {"warning": ""}

    def loaded(self) -> list[str]:
        """The names of the wallets in use."""
        return sorted(self._wallets)

    def existing(self) -> Json:
        """Every wallet of this node, loaded or not."""
        return {"wallets": [{"name": name} for name in keys.names(self.data)]}

    def info(self) -> Json:
        """Name, keys, and per chain the height followed to and the number of transactions."""
        wallet = self.opened()
        purses = [wallet.purse(name) for name in wallet.chains]
        lock = {"unlocked_until": int(wallet.unlocked_until)} if wallet.sealed else {}
        return {
            "walletname": wallet.name,
            "private_keys_enabled": not wallet.watching,
            "encrypted": wallet.sealed,
            "locked": wallet.locked,
            **lock,
            "gap": wallet.book.gap,
            "chains": {
                purse.chain.name: _shown(purse, wallet.follower(purse.chain.name))
                for purse in purses
            },
        }

    async def start(self) -> None:
        """Load the wallets that were loaded last; at first the default, or the only one."""
        found = list(keys.names(self.data))
        first = ["default"] if "default" in found else found if len(found) == 1 else []
        remembered = self._remembered()
        for name in first if remembered is None else remembered:
            try:
                await self._open(name, None)
            except (RemoteError, StoreError, Invalid) as error:
                log.warning("wallet not loaded", name=name, reason=str(error))

    def arrange(self) -> None:
        """The configuration may have changed: follow the chains it names now."""
        for one in self._wallets.values():
            one.opened.arrange(self._chains())

    async def close(self) -> None:
        """Unload every wallet, saved."""
        for name in list(self._wallets):
            await self._close(name)

    async def secret(self, read: Callable[[], T]) -> T:
        """What `read` finds in a key file, read in a thread.

        Raises `RemoteError`: -18 no such wallet, -14 the password does not fit.
        """
        try:
            return await trio.to_thread.run_sync(read)
        except KeyFileMissing as error:
            raise RemoteError(NO_WALLET, str(error)) from None
        except KeyFileError as error:
            raise RemoteError(WRONG_PASSWORD, str(error)) from None

    async def begin(self, name: str, password: str | None, *, fresh: bool, gap: int) -> None:
        """Open a wallet just made, which stays locked if it has a password."""
        wallet = await self._open(name, password, fresh=fresh, gap=gap)
        self._remember()
        await wallet.begin(BEGIN_SECONDS if fresh else 0)
        if wallet.sealed:
            wallet.lock()

    async def _open(
        self, name: str, password: str | None, *, fresh: bool = False, gap: int | None = None
    ) -> Opened:
        if name not in keys.names(self.data):
            raise RemoteError(NO_WALLET, f"there is no wallet {name}; see listwalletdir")
        watching, master = keys.watches(self.data, name), None
        try:
            sealed = keys.sealed(self.data, name)
        except KeyFileError as error:
            raise RemoteError(WALLET_ERROR, str(error)) from None
        if not watching and (password is not None or not sealed):
            read = partial(keys.read_master, self.data, name, password, cheap=self.cheap)
            master = await self.secret(read)
        path = os.path.join(keys.folder_of(self.data, name), "chains")
        magic = self.params.magic
        opened = Opened(
            name, master, path, magic, sealed=sealed, watching=watching, fresh=fresh, gap=gap
        )
        try:
            opened.arrange(self._chains())
        except BaseException:
            opened.store.close()
            raise
        self._wallets[name] = loaded = Loaded(opened)
        self.nursery.start_soon(loaded.run)
        log.info("wallet loaded", name=name, chains=opened.chains, locked=opened.locked)
        return opened

    async def _close(self, name: str) -> None:
        loaded = self._wallets.pop(name)
        loaded.scope.cancel()
        with trio.CancelScope(shield=True):
            await loaded.ended.wait()  # no follower may write to a closed store
            await loaded.opened.close()
            loaded.opened.lock()  # whoever still has the object has no keys

    def _remember(self) -> None:
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        files.replace(self._list_path, msgspec.json.encode(self.loaded()))

    def _remembered(self) -> list[str] | None:
        try:
            with open(self._list_path, "rb") as file:
                return msgspec.json.decode(file.read(MAX_LIST), type=list[str])
        except (OSError, msgspec.MsgspecError):
            return None

    @property
    def _list_path(self) -> str:
        return os.path.join(self.data, "loaded.json")


def _shown(purse: Purse, follower: Follower) -> Json:
    scanning_now: Json | bool = purse.scan is not None and {
        "from": purse.scan.start,
        "progress": round(scanning.progress(purse, follower.target), 4),
    }
    return {
        "height": purse.wallet.height,
        "target": follower.target,
        "caught_up": purse.caught_up,
        "scanning": scanning_now,
        "needs_unlocking": not purse.ready,
        "txcount": len(purse.wallet.history),
        "open_payments": len(purse.open),
        "history_from": purse.stood + 1 if purse.stood else 0,
        "trouble": follower.trouble,
    }
