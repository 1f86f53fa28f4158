"""RPC of partially signed transactions, with Bitcoin Core's names (psbt there, pst here).

A draft belongs to the chain whose id it carries; the wallet must follow that chain.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from bystack.ledger.accounts import SINGLES
from bystack.ledger.payments import (
    SINGLE_KEY,
    Coins,
    FeeTerms,
    InsufficientFunds,
    build_payment,
    model_of,
)
from bystack.ledger.pst import (
    MAX_DRAFT,
    PartiallySigned,
    draft_text,
    parse_draft,
    unsigned,
)
from bystack.ledger.pst_finishing import analyse, extract, finalize, next_role
from bystack.ledger.pst_signing import combine
from bystack.ledger.transactions import (
    VERSION,
    Lock,
    Outpoint,
    Output,
    PolicyLock,
    RetireLock,
    Spend,
    TransactionBody,
    transaction_id,
)
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Hash, Height, Hex, Methods, calling_chain
from bystack.node.wallet import shapes_drafts
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.draft_forms import draft_form, fees_of, gains, shown_sums, slot_form
from bystack.node.wallet.drafting import Drafting, Processed
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.rpc_money import Text, fresh, lock_at
from bystack.node.wallet.sending import hand_in
from bystack.node.wallet.spending import Spending, explained
from bystack.primitives.codec import encode

MAX_TEXT: Final = 2 * MAX_DRAFT

Draft = Annotated[str, Meta(max_length=MAX_TEXT, description="a partially signed transaction")]
Drafts = Annotated[list[Draft], Meta(min_length=1, max_length=100)]
Preimages = Annotated[list[Hash], Meta(max_length=64)]


class Paid(Struct, forbid_unknown_fields=True):
    """One output: to an address, or retired with some data."""

    amount: amounts_text.Given
    address: Text = ""
    asset: Text = "BTM"
    retire: Hex | None = None


class Place(Struct, forbid_unknown_fields=True):
    """One coin."""

    txid: Hash
    vout: Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Options(Struct, forbid_unknown_fields=True):
    """How a draft is made: whose coins, which branch, the blocks it is valid in, a memo."""

    source: Annotated[Text, Meta(description="an address whose policy is known")] = ""
    branch: Annotated[int, Meta(ge=0, le=1023)] = 0
    valid_from: Height = 0
    valid_until: Height = 0
    memo: Annotated[Hex, Meta(max_length=512)] = ""
    lock_unspents: bool = True


Outputs = Annotated[list[Paid], Meta(min_length=1, max_length=500)]
Places = Annotated[list[Place], Meta(min_length=1, max_length=1_000)]


class PstMethods:
    """Drafts of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self._desk = keeper, Desk(keeper)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add_all(
            ("createpst", self.create, "A draft of given coins."),
            ("walletcreatefundedpst", self.fund, "A draft of a payment.", shapes_drafts.Funded),
            ("walletprocesspst", self.process, "Sign what we have keys for.", shapes_drafts.Signed),
            ("combinepst", self.combined, "What several drafts hold, in one."),
            ("finalizepst", self.finished, "The transaction of a draft.", shapes_drafts.Standing),
            ("sendpst", self.send, "Finish a draft and send it."),
            ("releasepst", self.release, "Give a draft up: its coins are free."),
            ("decodepst", self.decoded, "What a draft does, and to whom.", shapes_drafts.Decoded),
            ("analyzepst", self.analysed, "What a draft still misses.", shapes_drafts.Analysis),
            scope="wallet",
        )

    async def create(
        self, inputs: Places, outputs: Outputs, options: Options | None = None, chain: Text = ""
    ) -> str:
        """A draft that spends exactly these coins of the chain; what is left over is the fee."""
        how, name = options or Options(), chain or calling_chain()
        wallet, drafting, _ = self._desk.at(name)
        made = await self._outputs(wallet, name, outputs)
        places = tuple(Outpoint(bytes.fromhex(one.txid), one.vout) for one in inputs)
        found = await drafting.coins(places)
        if missing := [place for place in places if place not in found]:
            raise RemoteError(-5, f"No such coin: {missing[0].transaction.hex()}")
        window, memo = (how.valid_from, how.valid_until), bytes.fromhex(how.memo)
        body = TransactionBody(VERSION, places, tuple(made), (), *window, memo)
        coins = tuple(found[place] for place in places)
        draft = unsigned(wallet.purse(name).chain.id, body, coins)
        return draft_text(encode(drafting.told(draft, branch=how.branch)))

    async def fund(
        self, outputs: Outputs, options: Options | None = None, chain: Text = ""
    ) -> Json:
        """A draft that pays the outputs from our coins, or from those of a shared address."""
        how, name = options or Options(), chain or calling_chain()
        wallet, drafting, _ = self._desk.at(name)
        made = await self._outputs(wallet, name, outputs)
        if how.source:
            draft = await self._from_shared(wallet, name, drafting, made, how)
        else:
            draft = await self._from_own(wallet, name, made, how)
        if how.lock_unspents:
            wallet.purse(name).wallet.reserve(draft, kept=True)
            wallet.purse(name).touch()
            await wallet.purse(name).save()
        told = drafting.told(draft, branch=how.branch)
        fee = await shown_sums(wallet.assets, fees_of(told))
        return {"pst": draft_text(encode(told)), "fee": fee}

    async def process(
        self,
        pst: Draft,
        sign: bool = True,
        preimages: Preimages | None = None,
        offline: bool = False,
        single_anyone: bool = False,
        newnonces: bool = False,
    ) -> Json:
        """Check the draft and its coins, say what it does to us, sign, and finish what is complete.

        `offline`: without looking at the chain; the signatures commit to the coins all the same.
        `coins_not_looked_up` are those nobody here could vouch for (offline, or a light node).
        """
        wallet, name, drafting, draft = await self._desk.read(pst)
        await drafting.check(draft)
        unseen = len(draft.coins) if offline else await drafting.check_coins(draft)
        done = Processed(drafting.told(draft), ())
        if sign:
            wallet.check_unlocked()
            shown = tuple(bytes.fromhex(one) for one in preimages or ())
            done = await drafting.process(
                done.draft, preimages=shown, beside=single_anyone, renew=newnonces
            )
        gained = await shown_sums(wallet.assets, gains(draft, wallet.purse(name)))
        signed = [key.hex() for key in done.keys]
        facts = {"signed_by": signed, "gains": gained, "coins_not_looked_up": unseen}
        return {**_standing(done.draft, drafting), **facts}

    async def combined(self, psts: Drafts) -> str:
        """One draft with everything that these hold; each is checked first."""
        _, _, drafting, whole = await self._desk.read(psts[0])
        await drafting.check(whole)
        for text in psts[1:]:
            other = parse_draft(text)
            await drafting.check(other)
            whole = combine(whole, other, drafting.approvals)
        return draft_text(encode(whole))

    async def finished(self, pst: Draft) -> Json:
        """The transaction in hex once nothing is missing, else the draft as far as it is."""
        _, _, drafting, draft = await self._desk.read(pst)
        await drafting.check(draft)
        return _standing(finalize(draft, drafting.height, drafting.approvals), drafting)

    async def send(self, pst: Draft) -> str:
        """Finish the draft and hand it in; the transaction's id."""
        wallet, name, drafting, draft = await self._desk.read(pst)
        await drafting.check(draft)
        tx = extract(finalize(draft, drafting.height, drafting.approvals), drafting.approvals)
        return await hand_in(wallet.follower(name), tx)

    async def release(self, pst: Draft) -> bool:
        """The coins that were set aside for this draft may be spent otherwise again.

        Who has a signed copy may still send it, until one of the coins is spent.
        """
        wallet, name, _, draft = await self._desk.read(pst)
        purse, id = wallet.purse(name), transaction_id(draft.body)
        aside = [p for p, why in purse.wallet.reserved.items() if why.transaction == id]
        purse.let_go([place for place in aside if place in draft.body.inputs])
        purse.touch()
        await purse.save()
        return bool(aside)

    async def decoded(self, pst: Draft) -> Json:
        """Inputs, outputs, issues, fee, what we gain, who has signed, who is next."""
        wallet, name, drafting, draft = await self._desk.read(pst)
        await drafting.check(draft)
        return await draft_form(draft, wallet.purse(name), wallet.assets, drafting)

    async def analysed(self, pst: Draft) -> Json:
        """For each input and issue: its policy, who has signed, what is missing; who is next."""
        wallet, _, drafting, draft = await self._desk.read(pst)
        await drafting.check(draft)
        reports = analyse(draft, drafting.height, drafting.approvals)
        fee = await shown_sums(wallet.assets, fees_of(draft))
        slots = [slot_form(report) for report in reports]
        return {"next": next_role(reports), "fee": fee, "slots": slots}

    async def _outputs(self, wallet: Opened, chain: str, given: list[Paid]) -> list[Output]:
        await fresh(wallet, chain)
        purse, made = wallet.purse(chain), []
        held = {coin.asset for coin in purse.wallet.coins.values()}
        for one in given:
            named = await wallet.assets.named(one.asset, purse.chain, held)
            amount = amounts_text.read(one.amount, named.decimals)
            made.append(Output(named.id, amount, _lock_of(one, purse.chain.hrp)))
        return made

    async def _from_own(
        self, wallet: Opened, chain: str, made: list[Output], how: Options
    ) -> PartiallySigned:
        """From the coins of our accounts; a wallet that only watches drafts for its signer."""
        spending, purse = Spending(wallet.follower(chain)), wallet.purse(chain)
        account = min(purse.wallet.book.accounts, default=0)
        change, fees = purse.wallet.change_lock(account), await spending.fees()
        confirmed, every = spending.coins(), spending.coins(pending=True)
        with explained(every, made, wallet.assets):
            try:
                return _built(purse, confirmed, made, change, fees, how)
            except InsufficientFunds:
                return _built(purse, every, made, change, fees, how)

    async def _from_shared(
        self, wallet: Opened, chain: str, drafting: Drafting, made: list[Output], how: Options
    ) -> PartiallySigned:
        purse = wallet.purse(chain)
        lock = lock_at(how.source, purse.chain.hrp)
        branches = drafting.branches(lock.root) if isinstance(lock, PolicyLock) else None
        if branches is None or not isinstance(lock, PolicyLock) or how.branch >= len(branches):
            raise RemoteError(BAD_PARAMETER, "no such policy: name it with createpolicyaddress")
        every = purse.wallet.confirmed(purse.chain.params.maturity, {SINGLES})
        coins = {place: coin for place, coin in every.items() if coin.lock == lock}
        fees = await Spending(wallet.follower(chain)).fees()
        with explained(coins, made, wallet.assets):
            return _built(purse, coins, made, lock, fees, how, model_of(branches, how.branch))


def _built(
    purse: Purse,
    coins: Coins,
    made: list[Output],
    change: PolicyLock,
    fees: FeeTerms,
    how: Options,
    model: Spend = SINGLE_KEY,
) -> PartiallySigned:
    window, memo = (how.valid_from, how.valid_until), bytes.fromhex(how.memo)
    chain = purse.chain.id
    return build_payment(chain, coins, made, change, fees, window=window, memo=memo, model=model)


def _lock_of(paid: Paid, hrp: str) -> Lock:
    if (paid.retire is None) == (not paid.address):
        raise RemoteError(BAD_PARAMETER, "an output has either an address or data to retire with")
    if paid.retire is None:
        return lock_at(paid.address, hrp)
    data = bytes.fromhex(paid.retire)
    if len(data) > 256:
        raise RemoteError(BAD_PARAMETER, "an asset is retired with at most 256 bytes of data")
    return RetireLock(data)


def _standing(draft: PartiallySigned, drafting: Drafting) -> dict[str, Any]:
    """The draft, and the transaction once it is whole."""
    reports = analyse(draft, drafting.height, drafting.approvals)
    role = next_role(reports)
    form: Json = {"pst": draft_text(encode(draft)), "complete": role == "extractor", "next": role}
    if role != "extractor":
        return form
    tx = extract(draft, drafting.approvals)
    return {**form, "txid": tx.id.hex(), "hex": encode(tx).hex()}
