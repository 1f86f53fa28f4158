"""RPC of backups: a wallet out as one sealed text, and in again on this node or another.

The text goes over the RPC; the command line writes it to a file of its owner's. This process may
write to its own directory only.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated

import trio
from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.keyfiles import KeyFileError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Methods
from bystack.node.store.storage import Store
from bystack.node.wallet import keys, shapes_keys
from bystack.node.wallet.backup import (
    MAX_BACKUP,
    VERSION,
    WalletBackup,
    chain_backups,
    open_backup,
    rows_of,
    seal_backup,
)
from bystack.node.wallet.keeper import WALLET_ERROR, WRONG_PASSWORD, Keeper, Name, Secret
from bystack.node.wallet.migration import to_rows
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import FORMAT
from bystack.node.wallet.purse import KIND as STORE
from bystack.node.wallet.settings import AccountName
from bystack.primitives.errors import Invalid

Text = Annotated[str, Meta(max_length=3 * MAX_BACKUP, description="what backupwallet gave")]


class BackupMethods:
    """Wallets out and in."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "backupwallet",
            self.backup,
            scope="admin",
            help="The whole wallet, sealed.",
            returns=shapes_keys.Backup,
        )
        add(
            "restorewallet",
            self.restore,
            scope="wallet",
            help="Make a wallet of a backup.",
            returns=shapes_keys.Restored,
        )

    async def backup(self, passphrase: Secret = "") -> Json:
        """The wallet as a text, sealed under its passphrase, or under one given here if it has
        none. Without any it is in the clear, which only regtest allows."""
        keeper, wallet = self._keeper, self._keeper.opened()
        if not passphrase and (wallet.sealed or not keeper.cheap):
            text = "Give a passphrase: a backup holds the recovery phrase of the wallet."
            raise RemoteError(WRONG_PASSWORD if wallet.sealed else BAD_PARAMETER, text)
        phrase = b""
        if not wallet.watching:
            password = passphrase if wallet.sealed else None
            read = partial(keys.read_phrase, keeper.data, wallet.name, password)
            phrase = (await keeper.secret(partial(read, cheap=keeper.cheap))).encode()
        made = await _collected(wallet, phrase, keeper.params.magic)
        seal = partial(seal_backup, made, passphrase or None, cheap=keeper.cheap)
        clear = "not encrypted: whoever has it can spend everything" if not passphrase else ""
        return {"backup": await trio.to_thread.run_sync(seal), "warning": clear}

    async def restore(self, wallet_name: Name, backup: Text, passphrase: Secret = "") -> Json:
        """Make a wallet of a backup and load it; it reads its chains from where it was made."""
        keeper = self._keeper
        read = partial(open_backup, backup, passphrase or None, keeper.params.magic)
        try:
            found = await trio.to_thread.run_sync(partial(read, cheap=keeper.cheap))
        except KeyFileError as error:
            raise RemoteError(WRONG_PASSWORD, str(error)) from None
        except Invalid as error:
            raise RemoteError(WALLET_ERROR, str(error), {"rule": error.rule}) from None
        if wallet_name in keys.names(keeper.data):
            raise RemoteError(WALLET_ERROR, f"There is a wallet {wallet_name}: take another name.")
        # The keys come last: until they are there, there is no wallet, and it can be tried again.
        await trio.to_thread.run_sync(self._put, wallet_name, found)
        await keeper.make(wallet_name, found.phrase.decode(), passphrase)
        await keeper.begin(wallet_name, passphrase or None, fresh=False, gap=found.gap)
        return {"name": wallet_name, "warning": ""}

    def _put(self, name: str, backup: WalletBackup) -> None:
        path = os.path.join(keys.folder_of(self._keeper.data, name), "chains")
        how = {1: to_rows}
        magic = self._keeper.params.magic
        with Store.open(path, kind=STORE, magic=magic, version=FORMAT, migrations=how) as store:
            before = dict.fromkeys(key for key, _ in store.iterate())
            store.commit_now({**before, **rows_of(backup)})


async def _collected(wallet: Opened, phrase: bytes, magic: bytes) -> WalletBackup:
    for name in wallet.chains:
        purse = wallet.purse(name)
        purse.touch()  # every chain has its place in the store, followed already or not
        await purse.save()
    names = tuple((n, AccountName(name.encode())) for n, name in wallet.book.names.items())
    with wallet.store.snapshot() as moment:
        chains = tuple(chain_backups(moment))
    return WalletBackup(VERSION, magic, phrase, wallet.book.gap, names, chains)
