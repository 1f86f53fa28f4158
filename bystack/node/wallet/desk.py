"""Where drafts meet a wallet: which one a request means, and its keys and nonces for a chain."""

from __future__ import annotations

from bystack.ledger.pst import PartiallySigned, parse_draft
from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER, calling_chain
from bystack.node.wallet import keys
from bystack.node.wallet.drafting import Drafting
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.keyring import KeyRing
from bystack.node.wallet.nonces import Nonces
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.rpc_money import fresh


class Desk:
    """Drafting for the wallet that a request means, its nonces kept by one owner."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def at(self, chain: str) -> tuple[Opened, Drafting, KeyRing]:
        """The wallet, and what it does with drafts of a chain."""
        wallet = self._keeper.opened()
        follower = wallet.follower(chain or calling_chain())
        ring = KeyRing(follower.purse, wallet.store)
        nonces = Nonces(wallet.store, keys.folder_of(self._keeper.data, wallet.name))
        return wallet, Drafting(follower, ring, nonces), ring

    async def read(self, text: str) -> tuple[Opened, str, Drafting, PartiallySigned]:
        """A draft, its chain, and what the wallet can do with it.

        Raises `RemoteError` (-8) for a draft of another chain, and the errors of `parse_draft`.
        """
        draft, wallet = parse_draft(text), self._keeper.opened()
        for name in wallet.chains:
            if wallet.purse(name).chain.id == draft.chain_id:
                await fresh(wallet, name)
                return wallet, name, self.at(name)[1], draft
        raise RemoteError(BAD_PARAMETER, "the draft is of a chain that this wallet does not follow")
