"""What clients mean: an address's lock, an account by its name, an asset's label.

Methods that Bitcoin Core has take its parameters first, in its order, so that clients made for it
call them by position; ours (`asset`, `chain`, `account`) follow and go by name.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.primitives.addresses import DEPOSIT, decode_address
from bystack.primitives.errors import Invalid

BAD_ADDRESS: Final = -5

Text = Annotated[str, Meta(max_length=300)]
Label = Annotated[str, Meta(max_length=200, description="a label")]
Note = Annotated[str, Meta(max_length=200, description="a note for yourself")]
Rate = Annotated[str | int | float, Meta(description="BTM per 1,000 of weight")]
Blocks = Annotated[int, Meta(ge=0, le=1_008, description="blocks within which it is to be mined")]
Mode = Literal["unset", "economical", "conservative", "UNSET", "ECONOMICAL", "CONSERVATIVE"]
Watched = Annotated[
    bool, Meta(description="not used: what is only watched is never counted as ours")
]
Replaceable = Annotated[
    bool, Meta(description="not used: a payment that waits can always be replaced")
]
Reused = Annotated[bool, Meta(description="not used: an address paid again is as any other")]


def lock_at(address: str, hrp: str) -> PolicyLock | DepositLock:
    """The lock an address stands for; raises `RemoteError` (-5)."""
    try:
        given = decode_address(address, hrp)
    except Invalid as error:
        raise bad_address(error) from None
    payload = given.payload
    return (
        DepositLock(payload[:32], payload[32:]) if given.version == DEPOSIT else PolicyLock(payload)
    )


def bad_address(error: Invalid) -> RemoteError:
    """The answer to an address that is none, or of another chain."""
    return RemoteError(BAD_ADDRESS, f"Invalid address: {error}", {"rule": error.rule})


def account_number(wallet: Opened, purse: Purse, name: str) -> int:
    """The account a client means; raises `RemoteError` (-8)."""
    if not name:
        return min(purse.wallet.book.accounts, default=0)
    number = wallet.book.number(name)
    if number is None or number not in purse.wallet.book.records:
        known = ", ".join(wallet.book.names.values())
        raise RemoteError(BAD_PARAMETER, f"no account {name}; there are: {known}")
    return number


def accounts_meant(wallet: Opened, purse: Purse, name: str) -> set[int] | None:
    """The accounts of a name, or None for all of the wallet's own; raises as `account_number`."""
    return {account_number(wallet, purse, name)} if name else None


def label_of(purse: Purse, lock: PolicyLock | DepositLock) -> str:
    """What the owner calls an address; empty without a label."""
    return purse.labels.get(label_key(lock), b"").decode()


def label_key(lock: PolicyLock | DepositLock) -> bytes:
    """What labels are kept by."""
    return lock.root if isinstance(lock, PolicyLock) else lock.vault + lock.note
