"""Modules' actions from a wallet: built over one chain's purse, approved by whoever owns, sent.

What only we own is signed and sent at once; what several people own comes back as a draft, which
goes from signer to signer as any other (`walletprocesspst`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Action, PolicyLock
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, calling_chain
from bystack.node.wallet.approving import sign_or_share
from bystack.node.wallet.asking import lock_at
from bystack.node.wallet.chains import Chain
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.drafting import Drafting
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.rpc_money import fresh
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.primitives.codec import Wire, encode
from bystack.sidechain.params import Genesis

KINDS: Final = 256


class Counter:
    """One sidechain of the wallet a request means, where its modules are dealt with."""

    def __init__(self, wallet: Opened, chain: str, drafting: Drafting, genesis: Genesis) -> None:
        self.wallet, self.chain, self.genesis = wallet, chain, genesis
        self._drafting = drafting

    @property
    def purse(self) -> Purse:
        """What the wallet has on the chain."""
        return self.wallet.purse(self.chain)

    async def ask(self, module: str, query: str, *params: Any) -> Any:
        """A module's answer, as the chain's process gives it."""
        client = self.wallet.follower(self.chain).client
        return await client.call("module", module, query, list(params))

    async def act(
        self, module: str, kind: int, action: Wire | bytes, gives: Mapping[bytes, int] | None = None
    ) -> Json:
        """Send an action that gives up these amounts; the transaction's id, or the draft of it.

        Raises `RemoteError`: -6 where coins are short, -8 without the module, and the chain's.
        """
        body = encode(action) if isinstance(action, Wire) else action
        made = Action(wire_kind(self.genesis, module, kind), body)
        spending = self.wallet.spending(self.chain)
        fees = await spending.fees()
        draft = spending.draft((), fees, (made,), Effects(destroyed=gives or {}))
        return await sign_or_share(self.wallet, self.chain, self._drafting, draft)

    async def root(self, address: str) -> bytes:
        """The policy root of an address, or of a new one of ours; raises `RemoteError` (-5, -8)."""
        if not address:
            self.wallet.check_unlocked()
            lock = self.purse.wallet.new_lock()
            self.purse.touch()
            await self.purse.save()
            return lock.root
        given = lock_at(address, self.purse.chain.hrp)
        if not isinstance(given, PolicyLock):
            raise RemoteError(BAD_PARAMETER, "an owner is a policy; this is a deposit address")
        return given.root

    def address(self, root: bytes) -> str:
        """The address on this chain of a policy root."""
        return encode_address(Address(self.purse.chain.hrp, POLICY, root))

    def check_ours(self, root: bytes, what: str) -> None:
        """Raise `RemoteError` (-8) where the wallet does not know who owns something."""
        if self._drafting.branches(root) is None:
            text = f"{what} is of {root.hex()}, whose policy this wallet does not know"
            raise RemoteError(BAD_PARAMETER, text, {"rule": "NotOwner"})

    @property
    def roots(self) -> list[str]:
        """The policy roots of every address of ours, in hex."""
        return [root.hex() for root in self.purse.wallet.book.places]


async def counter(desk: Desk, chain: str) -> Counter:
    """Where a request deals with the modules of a sidechain; raises `RemoteError` (-8)."""
    name = chain or calling_chain()
    wallet, drafting, _ = desk.at(name)
    await fresh(wallet, name)
    return Counter(wallet, name, drafting, sidechain_of(wallet.purse(name).chain))


def sidechain_of(chain: Chain) -> Genesis:
    """The genesis of a sidechain; raises `RemoteError` (-8) for the main chain."""
    if chain.genesis is None:
        raise RemoteError(BAD_PARAMETER, "the main chain has no modules: name a sidechain")
    return chain.genesis


def wire_kind(genesis: Genesis, module: str, kind: int) -> int:
    """The kind of a module's action on this sidechain; raises `RemoteError` (-8)."""
    names = [one.name for one in genesis.modules]
    if module not in names:
        known = ", ".join(names) or "none"
        raise RemoteError(BAD_PARAMETER, f"{genesis.name} has no module {module}; it has: {known}")
    return KINDS * (names.index(module) + 1) + kind
