"""RPC of assets: issue, issue more, retire, and what the chain has recorded of those we own.

Whoever may issue is a policy, of this wallet's own key or of several people; then what comes back
is a draft for the others to approve. A retirement is a transaction like any other: its proof is the
transaction under a header (`gettxoutproof`).
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.amounts import BTM, AssetDefinition, check_definition, class_of, unit_of
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key, Policy
from bystack.ledger.policy_text import print_policy
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.transactions import Lock, Output, RetireLock
from bystack.mainchain.issues import Registration, registration_of
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND, Hash, Hex, Methods, calling_chain
from bystack.node.wallet import shapes
from bystack.node.wallet.approving import sign_or_share
from bystack.node.wallet.assets import Named
from bystack.node.wallet.chains import MAIN
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.drafting import Drafting
from bystack.node.wallet.following import MAX_COIN
from bystack.node.wallet.issuing import issue_draft
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.rpc_money import Text, fresh, lock_at
from bystack.node.wallet.rpc_sharing import Policies, policies_of
from bystack.primitives.codec import decode

NOTHING: Final = -3

Decimals = Annotated[int, Meta(ge=0, le=18, description="decimals, 0 to 18")]
Symbol = Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[A-Za-z][A-Za-z0-9.-]*\Z")]
Unit = Annotated[str, Meta(max_length=32, description="what one of it is called")]
Data = Annotated[Hex, Meta(max_length=512)]


class AssetMethods:
    """Assets of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self._desk = keeper, Desk(keeper)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "issueasset",
            self.issue,
            scope="wallet",
            help="Issue a new asset on the main chain.",
            returns=shapes.Issued,
        )
        add(
            "reissueasset",
            self.reissue,
            scope="wallet",
            help="Issue more of an asset.",
            returns=shapes.Issued,
        )
        add(
            "retireasset",
            self.retire,
            scope="wallet",
            help="Destroy some of an asset, for good.",
            returns=shapes.Retired,
        )
        add(
            "listassets",
            self.assets,
            scope="wallet",
            help="The assets we own, and what they are.",
            returns=list[shapes.Owned],
        )

    async def issue(
        self,
        symbol: Symbol,
        amount: amounts_text.Given,
        decimals: Decimals = 8,
        divisible: bool = True,
        fungible: bool = True,
        serial: Hex = "",
        unit: Unit = "",
        cap: amounts_text.Given = 0,
        policy: Policies | None = None,
        address: Text = "",
    ) -> Json:
        """The new asset's id and the transaction's; with a policy of others, the draft.

        A non-fungible asset has a serial, and one unit of it is issued. `cap` is the most there
        will ever be (0: no cap). `policy` are the branches that may issue, `address` who gets it.
        """
        flags = (decimals, int(divisible), int(fungible), bytes.fromhex(serial))
        definition = AssetDefinition(symbol, unit, *flags, _units(cap, decimals))
        check_definition(definition)
        wallet, drafting, ring = self._desk.at(MAIN)
        await fresh(wallet, MAIN)
        branches = policies_of(policy or ())
        if not branches:
            wallet.check_unlocked()
            branches = (Key(ring.fresh().public),)
        else:
            wallet.purse(MAIN).watch(branches)
        return await self._issue(wallet, drafting, branches, definition, amount, address)

    async def reissue(
        self,
        asset: Hash,
        amount: amounts_text.Given,
        policy: Policies | None = None,
        address: Text = "",
    ) -> Json:
        """More of an asset, as its policy and cap allow; `policy` where this wallet has not yet
        seen the branches that may issue it."""
        wallet, drafting, _ = self._desk.at(MAIN)
        await fresh(wallet, MAIN)
        record = await registered(wallet, bytes.fromhex(asset))
        if record is None:
            raise RemoteError(NOT_FOUND, "No such asset was issued")
        given = policies_of(policy or ())
        if given:
            wallet.purse(MAIN).watch(given)
        branches = drafting.branches(record.issuance)
        if branches is None:
            text = "who may issue this asset is not known here: give the policy whose root is "
            raise RemoteError(BAD_PARAMETER, text + record.issuance.hex())
        return await self._issue(wallet, drafting, branches, record.definition, amount, address)

    async def _issue(
        self,
        wallet: Opened,
        drafting: Drafting,
        branches: tuple[Policy, ...],
        definition: AssetDefinition,
        amount: amounts_text.Shown,
        address: str,
    ) -> Json:
        units = _units(amount, definition.decimals)
        if not units or units % unit_of(definition):
            raise RemoteError(NOTHING, "Invalid amount: not above 0, or not in whole units")
        purse, spending = wallet.purse(MAIN), wallet.spending(MAIN)
        to: Lock = lock_at(address, purse.chain.hrp) if address else purse.wallet.change_lock()
        asset, draft = await issue_draft(spending, branches, definition, units, to)
        wallet.assets.note(Named(asset, definition.symbol, definition.decimals))
        sent = await sign_or_share(wallet, MAIN, drafting, draft)
        return {"asset": asset.hex(), **sent, "issuance": policy_root(branches).hex()}

    async def retire(
        self, asset: Text, amount: amounts_text.Given, data: Data = "", chain: Text = ""
    ) -> Json:
        """Destroy an amount; `data`, up to 256 bytes, stands beside it on the chain for good."""
        wallet, name = self._keeper.opened(), chain or calling_chain()
        await fresh(wallet, name)
        purse = wallet.purse(name)
        held = {coin.asset for coin in purse.wallet.coins.values()}
        named = await wallet.assets.named(asset, purse.chain, held)
        units = _units(amount, named.decimals)
        if not units:
            raise RemoteError(NOTHING, "Invalid amount: nothing to retire")
        lock = RetireLock(bytes.fromhex(data))
        tx = await wallet.spending(name).pay([Output(named.id, units, lock)])
        vout = next(n for n, output in enumerate(tx.body.outputs) if output.lock == lock)
        return {"txid": tx.id.hex(), "vout": vout, "asset": named.id.hex(), "units": units}

    async def assets(self, chain: Text = "") -> list[Json]:
        """Per asset we hold: name, balance, class, unit, cap, how much was issued, by whom."""
        wallet, drafting, _ = self._desk.at(chain)
        name = chain or calling_chain()
        await fresh(wallet, name)
        purse, listed = wallet.purse(name), []
        for asset, sums in sorted(purse.wallet.balances(purse.chain.params.maturity).items()):
            named, units = await wallet.assets.of(asset), sums.confirmed + sums.pending
            facts = {"name": named.name, "asset": asset.hex(), "decimals": named.decimals}
            shown = {"balance": amounts_text.show(units, named.decimals), "units": units}
            record = None if asset == BTM else await registered(wallet, asset)
            listed.append({**facts, **shown, **(_described(record, drafting) if record else {})})
        return listed


async def registered(wallet: Opened, asset: bytes) -> Registration | None:
    """What the main chain has recorded of an asset; None where it has nothing, or is not there."""
    if wallet.assets.main is None:
        return None
    data = await wallet.assets.main.call("asset", asset)
    return None if data is None else registration_of(decode(Coin, data, MAX_COIN))


def _described(record: Registration, drafting: Drafting) -> Json:
    definition, branches = record.definition, drafting.branches(record.issuance)
    return {
        "class": class_of(definition),
        "unit": definition.unit,
        "serial": definition.serial.hex(),
        "smallest": amounts_text.show(unit_of(definition), definition.decimals),
        "cap": amounts_text.show(definition.cap, definition.decimals),
        "issued": amounts_text.show(record.issued, definition.decimals),
        "first_height": record.first,
        "issuance": record.issuance.hex(),
        "issuers": [print_policy(branch) for branch in branches or ()],
    }


def _units(amount: amounts_text.Given, decimals: int) -> int:
    return amounts_text.read(amount, decimals)
