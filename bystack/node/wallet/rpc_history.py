"""RPC about what came and went: Bitcoin Core's names; net amounts per asset, own fees, labels.

Payments still on their way stand at the end, with 0 confirmations. A fee is told where every input
was ours. `amount` is what others got or gave; the fee is beside it. What others paid is told output
by output, since each may pay another bill; all else in one sum for each asset.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, NamedTuple

from msgspec import Meta

from bystack.ledger.transactions import DepositLock, Output, PolicyLock, Transaction
from bystack.ledger.wallet_records import HistoryRecord, Movement, fees, movements
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json, address_of
from bystack.node.rpc import Hash, Methods, calling_chain
from bystack.node.wallet import shapes
from bystack.node.wallet.asking import Label, Text, Watched, label_of
from bystack.node.wallet.assets import Named
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.rpc_money import fresh
from bystack.node.wallet.stored import NO_NOTE
from bystack.primitives.codec import encode

UNKNOWN: Final = -5
MAX_DETAILS: Final = 1_000
MAX_BACK: Final = 1_000
"""Blocks of a branch that was left, from one of them back to where it parted."""
MILLISECONDS: Final = 1_000
"""A sidechain's blocks have their time in these; clients are told seconds."""

Count = Annotated[int, Meta(ge=0, le=10_000)]
Deep = Annotated[int, Meta(ge=1, le=10_000)]
Decoded = Annotated[bool, Meta(description="not used: decoderawtransaction reads the bytes")]
EVERY_LABEL: Final = "*"
Skip = Annotated[int, Meta(ge=0, le=2**53)]


class Entry(NamedTuple):
    """A transaction of the history, or (`tx`, height 0) a payment on its way."""

    record: HistoryRecord
    tx: Transaction | None


class HistoryMethods:
    """The history of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "listtransactions",
            self.transactions,
            scope="wallet",
            help="What came and went.",
            returns=list[shapes.Movement],
        )
        add(
            "listsinceblock",
            self.since,
            scope="wallet",
            help="The same, after a block.",
            returns=shapes.Since,
        )
        add(
            "gettransaction",
            self.transaction,
            scope="wallet",
            help="One transaction of ours.",
            returns=shapes.WalletTransaction,
        )

    async def transactions(
        self,
        label: Label = EVERY_LABEL,
        count: Count = 10,
        skip: Skip = 0,
        include_watchonly: Watched = True,
        chain: Text = "",
    ) -> list[Json]:
        """The last `count` transactions that concern us but the last `skip`, oldest first; `label`
        is "*" for all, or that of an address paid to."""
        wallet, purse = await self._at(chain)
        every = label in (EVERY_LABEL, "")
        labelled = (entry for entry in newest(purse) if every or label in _labels(purse, entry))
        part = [entry for entry, _ in zip(_skipped(labelled, skip), range(count), strict=False)]
        told = [form for entry in reversed(part) for form in await _forms(wallet, purse, entry)]
        return [one for one in told if every or "vout" not in one or one.get("label") == label]

    async def since(
        self, blockhash: Hash | None = None, target_confirmations: Deep = 1, chain: Text = ""
    ) -> Json:
        """Every transaction in blocks after this one (all without it), and those on their way.

        `lastblock`, to ask from the next time, has `target_confirmations`: what a reorganisation
        below that changes is told again. Of a block that left the chain it is told from where the
        chain parted from it.
        """
        wallet, purse = await self._at(chain)
        after = 0 if blockhash is None else await _standing(wallet, purse, blockhash.lower())
        found = []
        for entry in newest(purse):
            if entry.record.height and entry.record.height <= after:
                break
            found.append(entry)
        listed = [form for one in reversed(found) for form in await _forms(wallet, purse, one)]
        return {"transactions": listed, "lastblock": _at_depth(purse, target_confirmations).hex()}

    async def transaction(
        self,
        txid: Hash,
        include_watchonly: Watched = True,
        verbose: Decoded = False,
        chain: Text = "",
    ) -> Json:
        """Amounts, fee, notes, every output of ours or others' in it, and its bytes."""
        wallet, purse = await self._at(chain)
        id = bytes.fromhex(txid)
        entry = next((one for one in newest(purse) if one.record.transaction == id), None)
        tx = purse.transaction(id) or (entry.tx if entry else None)
        if entry is None and (tx is None or id not in purse.notes):
            raise RemoteError(UNKNOWN, "Invalid or non-wallet transaction id")
        found = entry or Entry(_unmined(purse, tx), tx) if tx else entry
        assert found is not None
        forms = await _forms(wallet, purse, found)
        outputs = tx.body.outputs[:MAX_DETAILS] if tx else ()
        details = [await _detail(wallet, purse, n, out) for n, out in enumerate(outputs)]
        note = purse.notes.get(id, NO_NOTE)
        replaced = {"replaced_by_txid": note.replaced.hex()} if note.replaced else {}
        facts = {"txid": txid.lower(), "chain": purse.chain.name, **_state(purse, found)}
        text = {"hex": encode(tx).hex()} if tx else {}
        moved = {"movements": forms, "details": details}
        return {**facts, "abandoned": bool(note.abandoned), **replaced, **moved, **text}

    async def _at(self, chain: str) -> tuple[Opened, Purse]:
        wallet, name = self._keeper.opened(), chain or calling_chain()
        await fresh(wallet, name)
        return wallet, wallet.purse(name)


async def _standing(wallet: Opened, purse: Purse, id: str) -> int:
    """The height of a block, or of the last before it that the best chain still has. What the
    wallet has forgotten its chain is asked for: a client may have been away for long.

    Raises `RemoteError` (-5) for a block that the chain does not know.
    """
    heights = {block.id.hex(): block.height for block in purse.recent.values()}
    chain, back = purse.chain.name, 0
    while id not in heights and (back := back + 1) <= MAX_BACK:
        asked = ("getblockheader", [id], "read", chain)
        header = await wallet.follower(chain).client.call("rpc", *asked)
        if header["confirmations"] > 0:
            return int(header["height"])
        id = header["previousblockhash"]
    if id not in heights:
        raise RemoteError(UNKNOWN, f"Block not found, nor the {MAX_BACK} before it, on this chain")
    return heights[id]


def newest(purse: Purse) -> Iterator[Entry]:
    """The history backwards: payments on their way, from others and from us, first."""
    for tx in reversed(list(purse.expected.values())):
        if tx.id not in purse.open:
            yield Entry(_unmined(purse, tx), tx)
    for tx in reversed(list(purse.open.values())):
        yield Entry(_unmined(purse, tx), tx)
    for record in reversed(purse.wallet.history.values()):
        yield Entry(record, None)


def _at_depth(purse: Purse, depth: int) -> bytes:
    """The id of the block followed last that has so many confirmations; of the oldest one known
    where there are fewer. Empty before the first."""
    known = sorted(purse.recent.values(), key=lambda block: block.height)
    return known[-min(depth, len(known))].id if known else b""


def _skipped(entries: Iterator[Entry], count: int) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if number >= count:
            yield entry


def _unmined(purse: Purse, tx: Transaction) -> HistoryRecord:
    wallet, time = purse.wallet, purse.notes.get(tx.id, NO_NOTE).time
    coins = [wallet.coins.get(point) or wallet.pending.get(point) for point in tx.body.inputs]
    sent = [(coin.asset, coin.amount) for coin in coins if coin is not None]
    mine = [out for out in tx.body.outputs if wallet.place(out.lock) is not None]
    moved = movements([(out.asset, out.amount) for out in mine], sent)
    whole = len(sent) == len(coins) and not tx.body.actions
    paid = fees(sent, ((out.asset, out.amount) for out in tx.body.outputs)) if whole else ()
    return HistoryRecord(tx.id, 0, 0, time, 0, moved, paid)


def _labels(purse: Purse, entry: Entry) -> set[str]:
    tx = entry.tx or purse.transaction(entry.record.transaction)
    locks = (out.lock for out in tx.body.outputs) if tx else ()
    return {label_of(purse, lock) for lock in locks if isinstance(lock, PolicyLock | DepositLock)}


def _state(purse: Purse, entry: Entry) -> Json:
    """Where a transaction stands: confirmations, block, time."""
    record = entry.record
    note = purse.notes.get(record.transaction, NO_NOTE)
    words = {"comment": note.comment.decode(), "to": note.to.decode()}
    shown = {name: text for name, text in words.items() if text}
    if not record.height:
        return {"confirmations": 0, "time": record.time, **shown}
    depth = purse.wallet.height - record.height + 1
    mined = record.time if purse.chain.genesis is None else record.time // MILLISECONDS
    block = {"blockheight": record.height, "blocktime": mined}
    return {"confirmations": depth, **block, "time": note.time or mined, **shown}


async def _forms(wallet: Opened, purse: Purse, entry: Entry) -> list[Json]:
    """One object per asset that a transaction moved."""
    record, tx = entry.record, entry.tx or purse.transaction(entry.record.transaction)
    state, paid, listed = _state(purse, entry), dict(record.fees), list[Json]()
    for moved in record.movements:
        named, fee = await wallet.assets.of(moved.asset), paid.get(moved.asset, 0)
        net = moved.received - moved.sent + fee
        category = _category(purse, record, moved.sent, net, bool(record.fees))
        form: Json = {"txid": record.transaction.hex(), "category": category}
        form |= {"asset": moved.asset.hex(), "name": named.name, "amount": _signed(net, named)}
        arrived = _arrived(purse, tx, moved)
        if category == "receive" and arrived:
            listed += [{**form, **_place(purse, n, out, named), **state} for n, out in arrived]
            continue
        if fee:
            form["fee"] = _signed(-fee, named)
        other = _counterpart(purse, tx, category, moved.asset)
        listed.append({**form, **(other or {}), **state})
    return listed


def _arrived(purse: Purse, tx: Transaction | None, moved: Movement) -> list[tuple[int, Output]]:
    """Our outputs of an asset, with their numbers, where others alone paid it and these are all
    that came: a claim or an import since tells the sum alone."""
    outputs = enumerate(tx.body.outputs if tx else ())
    own = [(n, out) for n, out in outputs if purse.wallet.place(out.lock) is not None]
    found = [(n, out) for n, out in own if out.asset == moved.asset]
    whole = sum(out.amount for _, out in found) == moved.received and not moved.sent
    return found if whole else []


def _place(purse: Purse, vout: int, out: Output, named: Named) -> Json:
    """What tells one output of ours from the others of its transaction."""
    assert isinstance(out.lock, PolicyLock | DepositLock), "ours: it has a place"
    label = label_of(purse, out.lock)
    shown: Json = {"address": address_of(out.lock, purse.chain.hrp), "vout": vout}
    return {**shown, "amount": _signed(out.amount, named), **({"label": label} if label else {})}


def _category(purse: Purse, record: HistoryRecord, sent: int, net: int, whole: bool) -> str:
    if record.reward:
        depth = purse.wallet.height + 1 - record.height
        mature = purse.chain.genesis is not None or depth >= purse.chain.params.maturity
        return "generate" if mature else "immature"
    if net == 0 and sent and whole:
        return "self"
    return "receive" if net > 0 or not sent else "send"


def _counterpart(purse: Purse, tx: Transaction | None, category: str, asset: bytes) -> Json | None:
    """The first address that tells what a movement was: whom we paid, or where we were paid."""
    ours = category != "send"
    for out in tx.body.outputs if tx else ():
        lock = out.lock
        if not isinstance(lock, PolicyLock | DepositLock) or out.asset != asset:
            continue
        if (purse.wallet.place(lock) is not None) == ours:
            label = label_of(purse, lock)
            shown: Json = {"address": address_of(lock, purse.chain.hrp)}
            return {**shown, "label": label} if label else shown
    return None


async def _detail(wallet: Opened, purse: Purse, vout: int, out: Output) -> Json:
    named, place = await wallet.assets.of(out.asset), purse.wallet.place(out.lock)
    facts: Json = {"vout": vout, "address": address_of(out.lock, purse.chain.hrp)}
    if isinstance(out.lock, PolicyLock | DepositLock):
        facts["label"] = label_of(purse, out.lock)
    whose = {"ismine": place is not None, "ischange": place is not None and bool(place.change)}
    money = {"asset": out.asset.hex(), "name": named.name, "units": out.amount}
    return {**facts, **whose, **money, "amount": amounts_text.show(out.amount, named.decimals)}


def _signed(amount: int, named: Named) -> amounts_text.Shown:
    shown: Any = amounts_text.show(abs(amount), named.decimals)
    if amount >= 0:
        return shown  # type: ignore[no-any-return]
    return f"-{shown}" if isinstance(shown, str) else -shown
