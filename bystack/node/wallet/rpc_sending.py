"""RPC that moves value: payments on a chain, and the ways between chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from bystack.ledger.amounts import BTM_DECIMALS
from bystack.ledger.payments import RATE
from bystack.ledger.transactions import DepositLock, Outpoint, Output, PolicyLock
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Hash, Methods, calling_chain
from bystack.node.wallet import shapes
from bystack.node.wallet.asking import (
    Blocks,
    Mode,
    Note,
    Rate,
    Replaceable,
    Reused,
    Text,
    account_number,
    bad_address,
    lock_at,
)
from bystack.node.wallet.assets import Named
from bystack.node.wallet.chains import MAIN
from bystack.node.wallet.claimable import check_claimable
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.rpc_money import fresh
from bystack.node.wallet.spending import NO_FUNDS, How
from bystack.primitives.addresses import split_address
from bystack.primitives.codec import U32
from bystack.primitives.errors import Invalid
from bystack.sidechain.claims import note_for
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import pegout_id, return_id

NOTHING: Final = -3
ALL: Final = "all"
MOST_RATE: Final = 10**7
"""In base units per 1,000 of weight: 0.1 BTM, 10,000 times what a pool asks for at least."""


class Payment(Struct, forbid_unknown_fields=True):
    """One of several payments."""

    address: Text
    amount: amounts_text.Given
    asset: Text = "BTM"


MOST_PAYMENTS: Final = 500
Payments = (
    Annotated[
        dict[Text, amounts_text.Given],
        Meta(min_length=1, max_length=MOST_PAYMENTS, description="amounts by address"),
    ]
    | Annotated[list[Payment], Meta(min_length=1, max_length=MOST_PAYMENTS)]
)
Depth = Annotated[int, Meta(ge=0, le=2**31, description="not used, as in Bitcoin Core")]
Bearers = Annotated[
    list[Text], Meta(max_length=1, description="the address whose payment bears the fee")
]


class SendingMethods:
    """Payments of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add("sendtoaddress", self.send, scope="wallet", help="Pay, on the chain of the address.")
        add("sendmany", self.send_many, scope="wallet", help="Several payments at once, one chain.")
        add(
            "pegin",
            self.peg_in,
            scope="wallet",
            help="Pay into a sidechain's vault.",
            returns=shapes.Deposited,
        )
        add(
            "proveunclaimable",
            self.lost,
            scope="wallet",
            help="A deposit nobody can claim.",
            returns=shapes.Unclaimable,
        )
        add(
            "sendtomainchain",
            self.peg_out,
            scope="wallet",
            help="Burn, to be paid on main.",
            returns=shapes.Crossed,
        )
        add(
            "sendtosidechain",
            self.across,
            scope="wallet",
            help="From any chain to a sidechain.",
            returns=shapes.Crossed,
        )

    async def send(
        self,
        address: Text,
        amount: amounts_text.Given,
        comment: Note = "",
        comment_to: Note = "",
        subtractfeefromamount: bool = False,
        replaceable: Replaceable = True,
        conf_target: Blocks = 1,
        estimate_mode: Mode = "unset",
        avoid_reuse: Reused = False,
        fee_rate: Rate = 0,
        asset: Text = "BTM",
        account: Text = "",
    ) -> str:
        """The id of the payment; `amount` "all" spends every coin of the asset, fee off it.

        `fee_rate` is in BTM per 1,000 of weight, as `estimatesmartfee` tells it; without one the
        wallet asks that for `conf_target`.
        """
        wallet = self._keeper.opened()
        chain = chain_of(wallet, address)
        purse = wallet.purse(chain)
        lock = lock_at(address, purse.chain.hrp)
        if amount == ALL:
            named = await self._named(wallet, chain, asset)
            number = account_number(wallet, purse, account) if account else None
            held = wallet.spending(chain).coins(number)
            units, off = sum(c.amount for c in held.values() if c.asset == named.id), True
        else:
            named, units = await self._amount(wallet, chain, asset, amount)
            off = subtractfeefromamount
        how = How(
            account_number(wallet, purse, account) if account else None,
            await _bearer(wallet, chain, named) if off else b"",
            rate_of(fee_rate),
            comment,
            comment_to,
            max(1, conf_target),
        )
        tx = await wallet.spending(chain).pay([_output(named, units, lock)], how=how)
        return tx.id.hex()

    async def send_many(
        self,
        dummy: Text,
        amounts: Payments,
        minconf: Depth = 1,
        comment: Note = "",
        subtractfeefrom: Bearers | None = None,
        replaceable: Replaceable = True,
        conf_target: Blocks = 1,
        estimate_mode: Mode = "unset",
        fee_rate: Rate = 0,
        asset: Text = "BTM",
        account: Text = "",
    ) -> str:
        """The id of one transaction that makes every payment; all addresses are of one chain.

        `amounts` is amounts by address, each of `asset`; or a list, where each payment names an
        asset of its own. `dummy` is "", as in Bitcoin Core.
        """
        if dummy:
            raise RemoteError(BAD_PARAMETER, 'Dummy value must be set to ""')
        payments = _payments(amounts, asset, subtractfeefrom or [])
        wallet = self._keeper.opened()
        chains = {chain_of(wallet, payment.address) for payment in payments}
        if len(chains) != 1:
            raise RemoteError(
                BAD_PARAMETER, f"the addresses are of {sorted(chains)}, not one chain"
            )
        chain, bearer, outputs = chains.pop(), b"", list[Output]()
        purse = wallet.purse(chain)
        for payment in payments:
            lock = lock_at(payment.address, purse.chain.hrp)
            named, units = await self._amount(wallet, chain, payment.asset, payment.amount)
            if subtractfeefrom and not outputs:
                bearer = await _bearer(wallet, chain, named)
            outputs.append(Output(named.id, units, lock))
        number = account_number(wallet, purse, account) if account else None
        how = How(number, bearer, rate_of(fee_rate), comment, "", max(1, conf_target))
        return (await wallet.spending(chain).pay(outputs, how=how)).id.hex()

    async def peg_in(
        self, chain: Text, amount: amounts_text.Given, asset: Text = "BTM", recipient: Text = ""
    ) -> Json:
        """Deposit for `recipient`, an address on the sidechain, or a new one of our own.

        Refused (-8) before anything is paid for what nobody could claim there.
        """
        wallet = self._keeper.opened()
        genesis = _genesis(wallet, chain or calling_chain())
        name = chain or calling_chain()
        root = await self._root(wallet, name, recipient)
        lock = DepositLock(genesis.vault, note_for(genesis.id, root))
        named, units = await self._amount(wallet, MAIN, asset, amount)
        await check_claimable(wallet, lock, named, units)
        tx = await wallet.spending(MAIN).pay([Output(named.id, units, lock)])
        vout = next(i for i, o in enumerate(tx.body.outputs) if o.lock == lock)
        return {"txid": tx.id.hex(), "vout": vout, "chain": name, "recipient": root.hex()}

    async def lost(self, chain: Text, txid: Hash, vout: U32) -> Json:
        """Prove to `chain` that nobody can claim a deposit into its vault, for a fee: a quorum of
        the federation can have it paid back then."""
        wallet, name = self._keeper.opened(), chain or calling_chain()
        genesis = _genesis(wallet, name)
        await fresh(wallet, name)
        ask = ("getstrayproof", [txid, vout], "read", name)
        body = str(await wallet.follower(name).client.call("rpc", *ask))
        tx = await wallet.spending(name).prove_stray(bytes.fromhex(body))
        place = Outpoint(bytes.fromhex(txid), vout)
        return {"txid": tx.id.hex(), "pegout": return_id(genesis.id, place).hex()}

    async def peg_out(
        self, chain: Text, address: Text, amount: amounts_text.Given, asset: Text = "BTM"
    ) -> Json:
        """Burn on `chain` to be paid at a main-chain address; fees come off the amount."""
        wallet = self._keeper.opened()
        lock = lock_at(address, wallet.purse(MAIN).chain.hrp)
        return await self._burn(wallet, chain or calling_chain(), lock, asset, amount)

    async def across(
        self, chain: Text, to: Text, amount: amounts_text.Given, asset: Text = "BTM"
    ) -> Json:
        """From `chain` to a sidechain: `to` is an address there, or a deposit address.

        Refused (-8) before anything is paid or burned for what nobody could claim there.
        """
        wallet, name = self._keeper.opened(), chain or calling_chain()
        lock = self._way_in(wallet, to)
        # Of a burn less arrives than is burned; what is too little already is refused here.
        named, units = await self._amount(wallet, name, asset, amount)
        await check_claimable(wallet, lock, named, units)
        if name != MAIN:
            return await self._burn(wallet, name, lock, asset, amount)
        tx = await wallet.spending(MAIN).pay([Output(named.id, units, lock)])
        return {"txid": tx.id.hex(), "chain": MAIN}

    async def _burn(
        self,
        wallet: Opened,
        chain: str,
        lock: PolicyLock | DepositLock,
        asset: str,
        amount: amounts_text.Shown,
    ) -> Json:
        genesis = _genesis(wallet, chain)
        named, units = await self._amount(wallet, chain, asset, amount)
        tx = await wallet.spending(chain).burn(named.id, units, lock)
        # The burn is the transaction's only action; `getpegoutstatus` follows it by this id.
        pegout = pegout_id(genesis.id, tx.id, 0)
        return {"txid": tx.id.hex(), "chain": chain, "pegout": pegout.hex()}

    async def _amount(
        self, wallet: Opened, chain: str, asset: str, amount: Any
    ) -> tuple[Named, int]:
        """The asset meant and its base units, once the wallet is up to date."""
        named = await self._named(wallet, chain, asset)
        units = amounts_text.read(amount, named.decimals)
        if units == 0:
            raise RemoteError(NOTHING, "Invalid amount: nothing to send")
        return named, units

    async def _named(self, wallet: Opened, chain: str, asset: str) -> Named:
        await fresh(wallet, chain)
        purse = wallet.purse(chain)
        held = {coin.asset for coin in purse.wallet.coins.values()}
        return await wallet.assets.named(asset, purse.chain, held)

    async def _root(self, wallet: Opened, chain: str, recipient: str) -> bytes:
        purse = wallet.purse(chain)
        if not recipient:
            lock: PolicyLock | DepositLock = purse.wallet.new_lock()
            purse.touch()
            await purse.save()
        else:
            lock = lock_at(recipient, purse.chain.hrp)
        if not isinstance(lock, PolicyLock):
            raise RemoteError(BAD_PARAMETER, "a recipient on a sidechain is a policy address")
        return lock.root

    def _way_in(self, wallet: Opened, to: str) -> DepositLock:
        """The deposit lock that leads to an address of a sidechain known here, or to itself."""
        chain = chain_of(wallet, to)
        lock = lock_at(to, wallet.purse(chain).chain.hrp)
        if isinstance(lock, DepositLock):
            return lock
        genesis = _genesis(wallet, chain)
        return DepositLock(genesis.vault, note_for(genesis.id, lock.root))


def _payments(
    amounts: Mapping[str, str | int | float] | list[Payment], asset: str, bearers: list[str]
) -> list[Payment]:
    """As a list, that which bears the fee first; raises `RemoteError` (-8) if that is none."""
    if isinstance(amounts, Mapping):
        amounts = [Payment(address, amount, asset) for address, amount in amounts.items()]
    if missing := set(bearers) - {payment.address for payment in amounts}:
        text = f"Invalid parameter 'subtract fee from output', {missing.pop()} is paid nothing"
        raise RemoteError(BAD_PARAMETER, text)
    return sorted(amounts, key=lambda payment: payment.address not in bearers)


def rate_of(given: str | int | float) -> int:
    """The fee rate per million of weight; 0 where none is given. Raises `RemoteError` (-8) for one
    that nobody means: a slip there is paid to the miner, and gone."""
    units = amounts_text.read(given, BTM_DECIMALS) if given else 0
    if units > MOST_RATE:
        most = amounts_text.show(MOST_RATE, BTM_DECIMALS)
        text = f"a fee of {given} BTM per 1,000 of weight is no fee any more; at most {most}"
        raise RemoteError(BAD_PARAMETER, text, {"rule": "FeeRateAbsurd"})
    return units * RATE // 1_000


def _output(named: Named, units: int, lock: PolicyLock | DepositLock) -> Output:
    if units == 0:
        raise RemoteError(NO_FUNDS, f"there is no {named.name} to send", {"rule": "NothingHeld"})
    return Output(named.id, units, lock)


async def _bearer(wallet: Opened, chain: str, named: Named) -> bytes:
    """The asset that bears the fee of a payment, if that is the asset of the payment."""
    fees = await wallet.spending(chain).fees()
    return named.id if fees.asset == named.id else b""


def chain_of(wallet: Opened, address: str) -> str:
    """The chain an address belongs to; raises `RemoteError` (-5).

    Where two chains share a prefix the one of the path asked goes first.
    """
    try:
        given = split_address(address)
    except Invalid as error:
        raise bad_address(error) from None
    named = [name for name in wallet.chains if wallet.purse(name).chain.hrp == given.hrp]
    if not named:
        text = f"Invalid address: no chain here has the prefix {given.hrp}"
        raise RemoteError(-5, text, {"rule": "AddressNetwork"})
    return calling_chain() if calling_chain() in named else named[0]


def _genesis(wallet: Opened, chain: str) -> Genesis:
    genesis = wallet.purse(chain).chain.genesis
    if genesis is None:
        raise RemoteError(BAD_PARAMETER, f"{chain} is no sidechain")
    return genesis
