"""Every method of the wallet's RPC, file by file."""

from __future__ import annotations

from bystack.node.rpc import Methods
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.rpc_accounts import AccountMethods
from bystack.node.wallet.rpc_addresses import AddressMethods
from bystack.node.wallet.rpc_assets import AssetMethods
from bystack.node.wallet.rpc_backup import BackupMethods
from bystack.node.wallet.rpc_history import HistoryMethods
from bystack.node.wallet.rpc_locking import LockingMethods
from bystack.node.wallet.rpc_modules import ModuleActions
from bystack.node.wallet.rpc_money import MoneyMethods
from bystack.node.wallet.rpc_pst import PstMethods
from bystack.node.wallet.rpc_sending import SendingMethods
from bystack.node.wallet.rpc_sharing import SharingMethods
from bystack.node.wallet.rpc_staking import StakeActions
from bystack.node.wallet.rpc_swaps import SwapMethods
from bystack.node.wallet.rpc_upkeep import UpkeepMethods

PARTS = (
    AccountMethods,
    AddressMethods,
    AssetMethods,
    BackupMethods,
    HistoryMethods,
    LockingMethods,
    ModuleActions,
    MoneyMethods,
    PstMethods,
    SendingMethods,
    SharingMethods,
    StakeActions,
    SwapMethods,
    UpkeepMethods,
)


def wallet_methods(keeper: Keeper) -> Methods:
    """The methods that act on the wallets a keeper owns."""
    methods = Methods()
    keeper.register(methods)
    for part in PARTS:
        part(keeper).register(methods)
    return methods
