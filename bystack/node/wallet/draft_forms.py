"""Drafts as people read them: what comes in, what goes out, what we gain, who is still to sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bystack.ledger.amounts import class_of
from bystack.ledger.policies import Policy
from bystack.ledger.policy_text import print_policy
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.pst_finishing import SlotReport, analyse, next_role
from bystack.ledger.signing import SINGLE_ANYONE
from bystack.ledger.transactions import Lock, RetireLock, transaction_id
from bystack.mainchain.issues import ISSUE, decode_issue, issued_asset
from bystack.node import amounts_text
from bystack.node.mainchain.forms import Json, address_of
from bystack.node.wallet.assets import Assets
from bystack.node.wallet.drafting import Drafting
from bystack.node.wallet.purse import Purse

MODES = {0: "ALL", SINGLE_ANYONE: "SINGLE_ANYONE"}


async def draft_form(
    draft: PartiallySigned, purse: Purse, assets: Assets, drafting: Drafting
) -> Json:
    """The whole draft: every input and output with address and amount, fee, what we gain."""
    reports = {one.slot: one for one in analyse(draft, drafting.height, drafting.approvals)}
    inputs = [
        {
            "txid": place.transaction.hex(),
            "vout": place.index,
            **await _amount(assets, coin.asset, coin.amount),
            **_owner(purse, coin.lock),
            **_signed(reports.get(slot)),
        }
        for slot, (place, coin) in enumerate(zip(draft.body.inputs, draft.coins, strict=True))
    ]
    outputs = [
        {**await _amount(assets, one.asset, one.amount), **_owner(purse, one.lock)}
        for one in draft.body.outputs
    ]
    return {
        "chain": purse.chain.name,
        "txid": transaction_id(draft.body).hex(),
        "inputs": inputs,
        "outputs": outputs,
        "issues": [await _issue(draft, n, reports) for n in _issues(draft)],
        "other_actions": len(draft.body.actions) - len(_issues(draft)),
        "fee": await shown_sums(assets, fees_of(draft)),
        "gains": await shown_sums(assets, gains(draft, purse)),
        "valid_from": draft.body.valid_from,
        "valid_until": draft.body.valid_until,
        "memo": draft.body.memo.hex(),
        "next": next_role(tuple(reports.values())),
    }


def slot_form(report: SlotReport) -> Json:
    """How one witness stands, in full: what it asks for and what misses."""
    return {
        "slot": report.slot,
        "policy": _policy(report.policy),
        "mode": MODES.get(report.mode, str(report.mode)),
        "complete": report.finished,
        "ready": report.ready,
        "signed": [key.hex() for key in report.signed],
        "missing": {
            "signatures": [key.hex() for key in report.unsigned],
            "preimages": [digest.hex() for digest in report.hashes],
            "not_before_height": list(report.heights),
            "nonces": [key.hex() for key in report.no_nonce],
            "partial_signatures": [key.hex() for key in report.no_partial],
        },
    }


def fees_of(draft: PartiallySigned) -> Mapping[bytes, int]:
    """What comes in, or is issued, and does not go out."""
    sums = dict(draft.fee)
    for position in _issues(draft):
        issue = decode_issue(draft.body.actions[position])
        asset = issued_asset(issue)
        sums[asset] = sums.get(asset, 0) + issue.amount
    return {asset: amount for asset, amount in sums.items() if amount}


def gains(draft: PartiallySigned, purse: Purse) -> Mapping[bytes, int]:
    """What the wallet's own addresses gain, below 0 what they lose, per asset."""
    sums: dict[bytes, int] = {}
    for output in draft.body.outputs:
        if _own(purse, output.lock):
            sums[output.asset] = sums.get(output.asset, 0) + output.amount
    for coin in draft.coins:
        if _own(purse, coin.lock):
            sums[coin.asset] = sums.get(coin.asset, 0) - coin.amount
    return {asset: amount for asset, amount in sums.items() if amount}


async def shown_sums(assets: Assets, sums: Mapping[bytes, int]) -> Json:
    """Sums by asset name (by id where two have one name), as decimals."""
    shown: Json = {}
    for asset, named in (await assets.together(sums)).items():
        text = amounts_text.show(abs(sums[asset]), named.decimals)
        value = f"-{text}" if isinstance(text, str) else -text
        shown[named.name] = text if sums[asset] >= 0 else value
    return shown


async def _amount(assets: Assets, asset: bytes, amount: int) -> Json:
    named = await assets.of(asset)
    shown = amounts_text.show(amount, named.decimals)
    return {"asset": asset.hex(), "name": named.name, "amount": shown, "units": amount}


def _owner(purse: Purse, lock: Lock) -> Json:
    form: Json = {"address": address_of(lock, purse.chain.hrp), "mine": _own(purse, lock)}
    return {**form, "retired": lock.data.hex()} if isinstance(lock, RetireLock) else form


def _own(purse: Purse, lock: Lock) -> bool:
    place = purse.wallet.place(lock)
    return place is not None and purse.wallet.book.own(place.account)


def _signed(report: SlotReport | None) -> Json:
    if report is None:
        return {}
    return {
        "policy": _policy(report.policy),
        "mode": MODES.get(report.mode, str(report.mode)),
        "complete": report.finished,
        "signed": [key.hex() for key in report.signed],
    }


def _policy(policy: tuple[Policy, ...]) -> str:
    return print_policy(policy[0]) if policy else ""


def _issues(draft: PartiallySigned) -> list[int]:
    return [n for n, action in enumerate(draft.body.actions) if action.kind == ISSUE]


async def _issue(draft: PartiallySigned, position: int, reports: Mapping[int, SlotReport]) -> Any:
    issue = decode_issue(draft.body.actions[position])
    definition = issue.definition
    return {
        "asset": issued_asset(issue).hex(),
        "symbol": definition.symbol,
        "class": class_of(definition),
        "amount": amounts_text.show(issue.amount, definition.decimals),
        "cap": amounts_text.show(definition.cap, definition.decimals),
        **_signed(reports.get(len(draft.coins) + position)),
    }
