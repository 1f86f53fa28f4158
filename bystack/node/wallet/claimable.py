"""Whether somebody could claim a deposit, told before it is paid: afterwards a quorum must help.

What the genesis says is refused outright. The minimum may have changed since, so the sidechain is
asked; one that does not answer now is left to whoever claims.
"""

from __future__ import annotations

from bystack.ledger.transactions import DepositLock
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.rpc import BAD_PARAMETER
from bystack.node.wallet.assets import Named
from bystack.node.wallet.opened import Opened
from bystack.sidechain.burns import AmountNotWhole, AssetUnmapped
from bystack.sidechain.claims import DepositBelowMinimum
from bystack.sidechain.params import Asset, Genesis


async def check_claimable(wallet: Opened, lock: DepositLock, named: Named, units: int) -> None:
    """Raise `RemoteError` (-8, with the rule) for a deposit of so many base units that nobody
    could claim: of an asset not taken, below its minimum, not in whole units."""
    chains = {name: wallet.purse(name).chain.genesis for name in wallet.chains}
    for name, genesis in chains.items():
        if genesis is not None and genesis.vault == lock.vault:
            return await _check(wallet, name, genesis, named, units)
    return None  # a sidechain that this node does not run


async def _check(wallet: Opened, name: str, genesis: Genesis, named: Named, units: int) -> None:
    entry = genesis.by_asset.get(named.id)
    if entry is None:
        names = ", ".join(one.name for one in genesis.assets)
        text = f"{name} does not take {named.name}, only {names}"
        raise _nobody(text, AssetUnmapped.__name__)
    least = await _minimum(wallet, name, entry)
    if units < least:
        text = f"{_shown(named, units)} is below the minimum of {name}, {_shown(named, least)}"
        raise _nobody(text, DepositBelowMinimum.__name__)
    if units % entry.unit:
        whole = _shown(named, entry.unit)
        text = f"{name} takes multiples of {whole} only, and {_shown(named, units)} is none"
        raise _nobody(text, AmountNotWhole.__name__)


async def _minimum(wallet: Opened, name: str, entry: Asset) -> int:
    """The least deposit in base units as the sidechain has it now; 0 where it cannot be asked."""
    try:
        client = wallet.follower(name).client
        info = await client.call("rpc", "getsidechaininfo", [], "read", name)
    except (RemoteError, Unavailable):
        return 0
    # A light follower has headers only, and tells no numbers.
    own = (one for one in info.get("peg_numbers", ()) if one["asset"] == entry.asset.hex())
    return next((int(one["pegin_minimum"]) for one in own), 0)


def _shown(named: Named, units: int) -> str:
    return f"{amounts_text.show(units, named.decimals)} {named.name}"


def _nobody(text: str, rule: str) -> RemoteError:
    return RemoteError(BAD_PARAMETER, f"{text}: nobody could claim it", {"rule": rule})
