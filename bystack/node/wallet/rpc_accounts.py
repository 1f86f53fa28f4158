"""RPC about accounts, and about what a wallet watches without keys: descriptors in and out.

Accounts of the seed exist on every chain under the same name; an extended public key or a single
lock is watched on the one chain its text names.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from bystack.ledger.accounts import SINGLES, WATCHED
from bystack.ledger.addressbook import MAX_GAP
from bystack.ledger.descriptors import (
    AccountDescriptor,
    Descriptor,
    LockDescriptor,
    parse_descriptor,
    print_descriptor,
)
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Methods, calling_chain
from bystack.node.wallet import shapes_keys
from bystack.node.wallet.asking import Label, Text, account_number
from bystack.node.wallet.assets import NATIVE
from bystack.node.wallet.keeper import Gap, Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import LOOKAHEAD, Purse
from bystack.node.wallet.settings import AccountNameTaken
from bystack.primitives.bip32 import HARDENED, parse_path
from bystack.primitives.errors import Invalid

BAD_DESCRIPTOR: Final = -5
MAX_REQUESTS: Final = 1_000
COIN_STEP: Final = 1
FAR: Final = (
    "The phrase alone would not find it before those in between are paid: make a new backup."
)

AccountName = Annotated[
    str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_. -]{0,40}\Z", description="an account's name")
]


class Import(Struct, forbid_unknown_fields=True):
    """One thing to watch: its text, what to call it, and the height it can first be paid at."""

    desc: Annotated[str, Meta(max_length=40_000)]
    label: Label = ""
    height: Annotated[int, Meta(ge=0)] | str = "now"


class AccountMethods:
    """Accounts and watched things of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "createaccount",
            self.create,
            scope="wallet",
            help="Use one more account.",
            returns=shapes_keys.NewAccount,
        )
        add("renameaccount", self.rename, scope="wallet", help="Give an account another name.")
        add(
            "listaccounts",
            self.accounts,
            scope="wallet",
            help="The accounts and what they hold.",
            returns=list[shapes_keys.Account],
        )
        add(
            "setaddressgap",
            self.set_gap,
            scope="wallet",
            help="Watch further ahead.",
            returns=shapes_keys.Gap,
        )
        add(
            "importdescriptors",
            self.import_all,
            scope="wallet",
            help="Watch accounts or locks.",
            returns=list[shapes_keys.Imported],
        )
        add("importaddress", self.import_address, scope="wallet", help="Watch one address.")
        add(
            "listdescriptors",
            self.descriptors,
            scope="wallet",
            help="What is watched, as text.",
            returns=shapes_keys.Descriptors,
        )

    async def create(self, name: AccountName) -> Json:
        """Name the next account of the seed; its number and where it stands on each chain."""
        wallet = self._keeper.opened()
        used = [n for n in wallet.book.names if n < WATCHED]
        for chain in wallet.chains:
            book = wallet.purse(chain).wallet.book
            used += [n for n in book.records if n < WATCHED and book.used(n)]
        number = max(used) + 1
        for chain in wallet.chains:
            if number not in wallet.purse(chain).wallet.book.accounts:
                wallet.check_unlocked()
        await _call(wallet, number, name)
        await wallet.use_named()
        paths = {chain: wallet.purse(chain).path_of(number) for chain in wallet.chains}
        paid = [n for n in used if any(_paid(wallet, chain, n) for chain in wallet.chains)]
        far = number > max(paid, default=0) + LOOKAHEAD
        warning = {"warning": FAR} if far else {}
        return {"name": name, "number": number, "paths": paths, **warning}

    async def rename(self, oldname: Text, newname: AccountName) -> None:
        """Call an account otherwise; its addresses stay."""
        wallet = self._keeper.opened()
        number = account_number(wallet, wallet.purse(calling_chain()), oldname)
        await _call(wallet, number, newname)

    async def accounts(self, chain: Text = "") -> list[Json]:
        """Accounts with a name, or used: number, path, whether watched only, BTM, addresses."""
        wallet = self._keeper.opened()
        purse = wallet.purse(chain or calling_chain())
        book, listed = purse.wallet.book, []
        shown = {n for n in book.records if n in wallet.book.names or book.used(n) or n >= WATCHED}
        for number in sorted(shown | ({SINGLES} if purse.policies or _singles(purse) else set())):
            sums = purse.wallet.balances(purse.chain.params.maturity, {number}).get(NATIVE.id)
            total = sums.confirmed + sums.pending if sums else 0
            name = "single" if number == SINGLES else wallet.book.name(number)
            facts = {"name": name, "number": number, "watchonly": number >= WATCHED}
            path = "" if number == SINGLES else purse.path_of(number)
            given = sum(1 for _ in book.given(number))
            money = {"balance": amounts_text.show(total, NATIVE.decimals), "addresses": given}
            listed.append({**facts, "path": path, **money})
        return listed

    async def set_gap(self, gap: Gap) -> Json:
        """Look so many unpaid addresses ahead from now on; a backup carries the number."""
        wallet = self._keeper.opened()
        await wallet.book.widen(min(gap, MAX_GAP))
        for chain in wallet.chains:
            purse = wallet.purse(chain)
            purse.wallet.book.widen(gap)
            purse.touch()
            await purse.save()
        text = "Payments to the further addresses in blocks already read are found by a rescan."
        return {"gap": wallet.book.gap, "warning": text}

    async def import_all(
        self, requests: Annotated[list[Import], Meta(min_length=1, max_length=MAX_REQUESTS)]
    ) -> list[Json]:
        """Watch each; then read the chains again from the lowest height given."""
        wallet, results, heights = self._keeper.opened(), list[Json](), dict[str, int]()
        for one in requests:
            try:
                chain = await _import(wallet, one)
            except (Invalid, RemoteError) as error:
                fault = {"code": BAD_DESCRIPTOR, "message": str(error)}
                results.append({"success": False, "error": fault})
                continue
            results.append({"success": True, "chain": chain})
            if isinstance(one.height, int):
                heights[chain] = min(one.height, heights.get(chain, one.height))
        for chain in wallet.chains:
            wallet.follower(chain).woken.notify()
        for chain, height in heights.items():
            await wallet.follower(chain).rescan(height)
        return results

    async def import_address(self, address: Text, label: Label = "", rescan: bool = True) -> None:
        """Watch an address of a policy; with `rescan`, for payments in the past as well."""
        request = Import(f"address({address})", label, 0 if rescan else "now")
        (result,) = await self.import_all([request])
        if not result["success"]:
            raise RemoteError(BAD_DESCRIPTOR, result["error"]["message"])

    def descriptors(self, chain: Text = "") -> Json:
        """Accounts by their public keys, and single locks: whoever has an account's text sees every
        payment to it and can spend none."""
        wallet = self._keeper.opened()
        purse = wallet.purse(chain or calling_chain())
        listed = []
        for number, account in sorted(purse.wallet.book.accounts.items()):
            if number in wallet.book.names or purse.wallet.book.used(number) or number >= WATCHED:
                named = wallet.book.name(number)
                key = account.key.neuter()
                made = AccountDescriptor(purse.chain.hrp, purse.path_of(number), key)
                record = purse.wallet.book.records[number]
                facts = {"next": record.given[0], "range": purse.wallet.book.gap}
                listed.append({"desc": print_descriptor(made), "label": named, **facts})
        for root in _singles(purse):
            known = purse.policies.get(root)
            single = LockDescriptor(purse.chain.hrp, root, known.branches if known else ())
            label = purse.labels.get(root, b"").decode()
            listed.append({"desc": print_descriptor(single), "label": label})
        return {"wallet_name": wallet.name, "descriptors": listed}


def _paid(wallet: Opened, chain: str, number: int) -> bool:
    return wallet.purse(chain).wallet.book.used(number)


async def _call(wallet: Opened, number: int, name: str) -> None:
    try:
        await wallet.book.call(number, name)
    except AccountNameTaken as error:
        raise RemoteError(BAD_PARAMETER, str(error), {"rule": error.rule}) from None


def _singles(purse: Purse) -> list[bytes]:
    return [root for root, place in purse.wallet.book.places.items() if place.account == SINGLES]


async def _import(wallet: Opened, one: Import) -> str:
    """Watch one thing; its chain. Raises `Invalid` or `RemoteError`."""
    watched = parse_descriptor(one.desc)
    chain = _chain_of(wallet, watched)
    purse = wallet.purse(chain)
    match watched:
        case AccountDescriptor(_, path, key):
            if any(key == known.key.neuter() for known in purse.wallet.book.accounts.values()):
                raise RemoteError(BAD_PARAMETER, "the account is in this wallet already")
            number = purse.watch_account(key, path)
            if one.label:
                await _call(wallet, number, one.label)
        case LockDescriptor(_, root, branches):
            purse.watch(branches) if branches else purse.watch_root(root)
            if one.label:
                purse.labels[root] = one.label.encode()
    await purse.save()
    return chain


def _chain_of(wallet: Opened, watched: Descriptor) -> str:
    for name in wallet.chains:
        chain = wallet.purse(name).chain
        if chain.hrp != watched.hrp:
            continue
        if isinstance(watched, AccountDescriptor):
            steps = parse_path(watched.path)
            if len(steps) > COIN_STEP and steps[COIN_STEP] != chain.coin + HARDENED:
                fault = f"{watched.path} is an account of another network"
                raise RemoteError(BAD_PARAMETER, fault, {"rule": "DescriptorNetwork"})
        return name
    fault = f"no chain here has the prefix {watched.hrp}"
    raise RemoteError(BAD_PARAMETER, fault, {"rule": "DescriptorNetwork"})
