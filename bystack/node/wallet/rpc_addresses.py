"""RPC about addresses and their labels: Bitcoin Core's names, per chain and account.

An account is named as `listaccounts` shows it; without a name the first is meant, or, where
reading, every account of the wallet's own.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from bystack.ledger.accounts import CHANGE, SINGLES, WATCHED, Place
from bystack.ledger.addressbook import AccountUnknown, GapExceeded
from bystack.ledger.policy_text import print_policy
from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json, address_of
from bystack.node.rpc import Methods, calling_chain
from bystack.node.wallet import shapes_keys
from bystack.node.wallet.asking import (
    Label,
    Text,
    account_number,
    bad_address,
    label_key,
    label_of,
    lock_at,
)
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.primitives.addresses import split_address
from bystack.primitives.errors import Invalid

GAP_REACHED: Final = -12
NO_LABEL: Final = -11
BAD_ADDRESS: Final = -5
OURS: Final = ("", "bech32", "bech32m")
"""What clients may call our addresses: names that Bitcoin Core has for such."""

Kind = Annotated[
    str, Meta(max_length=20, description="bech32m, the one type there is", examples=["bech32m"])
]

Purpose = Literal["", "receive", "send"]


class AddressMethods:
    """Addresses of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add("getnewaddress", self.new_address, scope="wallet", help="A fresh address of ours.")
        add("getrawchangeaddress", self.change, scope="wallet", help="An address for change.")
        add(
            "getaddressinfo",
            self.address_info,
            scope="wallet",
            help="What an address is.",
            returns=shapes_keys.AddressInfo,
        )
        add(
            "listaddresses",
            self.addresses,
            scope="wallet",
            help="The addresses handed out.",
            returns=list[shapes_keys.Given],
        )
        add("setlabel", self.set_label, scope="wallet", help="Name an address, or un-name it.")
        add("listlabels", self.list_labels, scope="wallet", help="Every label in use.")
        add(
            "getaddressesbylabel",
            self.by_label,
            scope="wallet",
            help="The addresses of a label.",
            returns=dict[str, shapes_keys.Purpose],
        )

    async def new_address(
        self,
        label: Label = "",
        address_type: Kind = "",
        chain: Text = "",
        account: Text = "",
        force: bool = False,
    ) -> str:
        """An address never handed out before; saved before it is told.

        Of the chain on whose path it is asked, or of `chain`. There is one type of address: what a
        client made for Bitcoin Core calls bech32 or bech32m.

        After `gap` addresses in a row that nobody paid, `force` is needed for more: it raises the
        gap, which the phrase alone does not carry. A backup made afterwards does.
        """
        _check_kind(address_type)
        wallet, name = self._keeper.opened(), chain or calling_chain()
        purse = wallet.purse(name)
        lock = _fresh(purse, account_number(wallet, purse, account), force)
        if label:
            purse.labels[label_key(lock)] = label.encode()
        purse.touch()
        await purse.save()
        wallet.follower(name).tell()
        return str(address_of(lock, purse.chain.hrp))

    async def change(self, address_type: Kind = "", chain: Text = "", account: Text = "") -> str:
        """The first change address that was never paid; types as in `getnewaddress`."""
        _check_kind(address_type)
        wallet = self._keeper.opened()
        purse = wallet.purse(chain or calling_chain())
        number = account_number(wallet, purse, account)
        try:
            lock = purse.wallet.change_lock(number)
        except AccountUnknown as error:
            raise _not_ready(error) from None
        return str(address_of(lock, purse.chain.hrp))

    def address_info(self, address: Text) -> Json:
        """The chain it belongs to, its lock, whether and how it is ours, its label."""
        wallet = self._keeper.opened()
        chain, lock = self._found(wallet, address)
        purse = wallet.purse(chain)
        facts: Json = {"address": address, "chain": chain, **_lock_form(lock)}
        return {**facts, **_owner(wallet, purse, lock), "labels": _labels(purse, lock)}

    def addresses(self, chain: Text = "", account: Text = "") -> list[Json]:
        """Addresses handed out or paid, in order: path, label, whether anything was paid to it."""
        wallet = self._keeper.opened()
        purse = wallet.purse(chain or calling_chain())
        book, number = purse.wallet.book, account_number(wallet, purse, account)
        listed = []
        for root, place in sorted(
            book.given(number), key=lambda pair: (pair[1].change, pair[1].index)
        ):
            lock = PolicyLock(root)
            used = place.index < book.records[number].used[place.change] if number != SINGLES else 0
            shown = {"address": address_of(lock, purse.chain.hrp), "label": label_of(purse, lock)}
            where = {"path": _path(purse, place), "change": place.change == CHANGE}
            listed.append({**shown, **where, "used": bool(used)})
        return listed

    async def set_label(self, address: Text, label: Label) -> None:
        """Give an address, ours or another's, a label; an empty one takes it away."""
        wallet = self._keeper.opened()
        chain, lock = self._found(wallet, address)
        purse = wallet.purse(chain)
        if label:
            purse.labels[label_key(lock)] = label.encode()
        else:
            purse.labels.pop(label_key(lock), None)
        purse.touch()
        await purse.save()

    def list_labels(self, purpose: Purpose = "", chain: Text = "") -> list[str]:
        """The labels of a chain's addresses: ours (`receive`), others' (`send`), or all."""
        purse = self._keeper.opened().purse(chain or calling_chain())
        meant = [
            label.decode()
            for key, label in purse.labels.items()
            if not purpose or _purpose(purse, key) == purpose
        ]
        return sorted(set(meant))

    def by_label(self, label: Label, chain: Text = "") -> Json:
        """Address by address: whether it is ours (`receive`) or another's (`send`)."""
        purse = self._keeper.opened().purse(chain or calling_chain())
        found: Json = {}
        for key, given in purse.labels.items():
            if given.decode() == label:
                address = str(address_of(_lock_of(key), purse.chain.hrp))
                found[address] = {"purpose": _purpose(purse, key)}
        if not found:
            raise RemoteError(NO_LABEL, f"No addresses with label {label}")
        return found

    def _found(self, wallet: Opened, address: str) -> tuple[str, PolicyLock | DepositLock]:
        try:
            hrp = split_address(address).hrp
        except Invalid as error:
            raise bad_address(error) from None
        for name in wallet.chains:
            if wallet.purse(name).chain.hrp == hrp:
                return name, lock_at(address, hrp)
        there = ", ".join(f"{wallet.purse(name).chain.hrp} ({name})" for name in wallet.chains)
        text = f"Invalid address: no chain here has the prefix {hrp}; there are: {there}"
        raise RemoteError(-5, text, {"rule": "AddressNetwork"})


def _fresh(purse: Purse, account: int, force: bool) -> PolicyLock:
    try:
        return purse.wallet.new_lock(account, force=force)
    except GapExceeded as error:
        text = (
            f"{error.unpaid} addresses in a row were never paid: a wallet restored from its phrase "
            "alone would look no further. Use one of those (listaddresses), or ask with force "
            "(--force) and make a new backup."
        )
        raise RemoteError(GAP_REACHED, text, {"rule": error.rule}) from None
    except AccountUnknown as error:
        raise _not_ready(error) from None


def _lock_of(key: bytes) -> PolicyLock | DepositLock:
    """What a label's key stands for."""
    return PolicyLock(key) if len(key) == 32 else DepositLock(key[:32], key[32:])


def _purpose(purse: Purse, key: bytes) -> str:
    return "send" if purse.wallet.place(_lock_of(key)) is None else "receive"


def _check_kind(given: str) -> None:
    if given not in OURS:
        raise RemoteError(BAD_ADDRESS, f"Unknown address type {given!r}; there is one: bech32m")


def _not_ready(error: AccountUnknown) -> RemoteError:
    text = "The account's keys are not known on this chain yet: unlock the wallet once."
    return RemoteError(-13, text, {"rule": error.rule})


def _lock_form(lock: PolicyLock | DepositLock) -> Json:
    match lock:
        case PolicyLock(root):
            return {"kind": "policy", "root": root.hex()}
        case DepositLock(vault, note):
            return {"kind": "deposit", "vault": vault.hex(), "note": note.hex()}


def _owner(wallet: Opened, purse: Purse, lock: PolicyLock | DepositLock) -> Json:
    place = purse.wallet.place(lock)
    if place is None:
        return {"ismine": False, "iswatchonly": False, "solvable": False}
    mine = place.account < WATCHED
    facts: Json = {"ismine": mine, "iswatchonly": not mine, "ischange": place.change == CHANGE}
    if place.account == SINGLES:
        assert isinstance(lock, PolicyLock)
        record = purse.policies.get(lock.root)
        branches = [print_policy(one) for one in record.branches] if record else []
        return {**facts, "solvable": bool(branches), "policies": branches}
    named = wallet.book.name(place.account)
    return {**facts, "solvable": True, "account": named, "hdkeypath": _path(purse, place)}


def _path(purse: Purse, place: Place) -> str:
    if place.account == SINGLES:
        return ""
    return f"{purse.path_of(place.account)}/{place.change}/{place.index}"


def _labels(purse: Purse, lock: PolicyLock | DepositLock) -> list[str]:
    label = label_of(purse, lock)
    return [label] if label else []
