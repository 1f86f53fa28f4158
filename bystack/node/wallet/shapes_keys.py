"""What the wallet's methods answer about wallets, accounts and addresses, field by field."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.wallet.shapes import Amount

Warning = Annotated[str, Meta(description="empty for none")]


class AddressInfo(TypedDict):
    """`getaddressinfo`; a policy has a root, a deposit a vault and a note."""

    address: str
    chain: str
    kind: Annotated[str, Meta(description="policy or deposit")]
    root: NotRequired[Hash]
    vault: NotRequired[Hash]
    note: NotRequired[Hex]
    ismine: bool
    iswatchonly: bool
    ischange: NotRequired[bool]
    solvable: Annotated[bool, Meta(description="who may spend it is known")]
    account: NotRequired[str]
    hdkeypath: NotRequired[str]
    policies: NotRequired[list[str]]
    labels: list[str]


class Given(TypedDict):
    """One of `listaddresses`."""

    address: str | None
    label: Annotated[str, Meta(description="empty for none")]
    path: str
    change: bool
    used: bool


class Purpose(TypedDict):
    """One of `getaddressesbylabel`."""

    purpose: Annotated[str, Meta(description="receive: ours; send: another's")]


class Account(TypedDict):
    """One of `listaccounts`."""

    name: str
    number: int
    watchonly: bool
    path: str
    balance: Amount
    addresses: int


class NewAccount(TypedDict):
    """`createaccount`."""

    name: str
    number: int
    paths: Annotated[dict[str, str], Meta(description="by chain")]
    warning: NotRequired[str]


class Gap(TypedDict):
    """`setaddressgap`."""

    gap: int
    warning: str


class ImportFault(TypedDict):
    """Why something is not watched."""

    code: int
    message: str


class Imported(TypedDict):
    """One of `importdescriptors`."""

    success: bool
    chain: NotRequired[str]
    error: NotRequired[ImportFault]


class Described(TypedDict):
    """An account, or a single lock."""

    desc: str
    label: str
    next: NotRequired[int]
    range: NotRequired[int]


class Descriptors(TypedDict):
    """`listdescriptors`."""

    wallet_name: str
    descriptors: list[Described]


class Phrase(TypedDict):
    """`dumpphrase`."""

    warning: str
    mnemonic: str


class Backup(TypedDict):
    """`backupwallet`."""

    backup: Annotated[str, Meta(description="for `restorewallet`")]
    warning: Warning


class Restored(TypedDict):
    """`restorewallet`."""

    name: str
    warning: Warning


class Unloaded(TypedDict):
    """`unloadwallet`."""

    warning: Warning


class WalletName(TypedDict):
    """A wallet."""

    name: str


class WalletDir(TypedDict):
    """`listwalletdir`."""

    wallets: list[WalletName]


class Followed(TypedDict):
    """How far a wallet has followed a chain."""

    height: int
    target: int
    caught_up: bool
    scanning: bool
    needs_unlocking: bool
    txcount: int
    open_payments: int
    history_from: int
    trouble: Annotated[str, Meta(description="empty for none")]


class WalletInfo(TypedDict):
    """`getwalletinfo`."""

    walletname: str
    private_keys_enabled: bool
    encrypted: bool
    locked: bool
    gap: int
    chains: Annotated[dict[str, Followed], Meta(description="by name")]
    unlocked_until: NotRequired[Annotated[int, Meta(description="Unix time; 0 while locked")]]
