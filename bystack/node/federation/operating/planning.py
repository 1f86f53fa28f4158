"""From an operation's name and parameters to a job, as the vault stands on the main chain's tip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from bystack.federation.bridge import AskOperation
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Policy
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import DepositLock, Outpoint, PendingLock, TreasuryLock
from bystack.ledger.vault_approvals import demands, veto_demands
from bystack.ledger.vault_building import OwnedCoin
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Consolidate,
    Freeze,
    Recover,
    Replace,
    Touch,
    Veto,
    encode_operation,
    guard_hash,
)
from bystack.ledger.vault_spends import CONSOLIDATE_DEPTH, CONSOLIDATE_LEAST, CONSOLIDATE_MOST
from bystack.node.federation.assembling import Anchor, draft_consolidate
from bystack.node.federation.operating.jobs import Job, anchor_job, free_job, veto_job
from bystack.primitives.errors import Invalid


class NothingAnnounced(Invalid):
    """The vault has no announced terms: nothing to cancel or to adopt."""


class AnnouncedOtherwise(Invalid):
    """The announced terms are not those that this charter compiles to here."""


class TermsUnseen(Invalid):
    """The terms in force are not known here yet: the sidechain's mirror has not followed."""


class CoinNotPending(Invalid):
    """The vault has no such pending coin; `bystack vault show` lists them."""


class CoinChoice(Invalid):
    """Several pending coins wait: say which, as TRANSACTION:INDEX."""


class GuardElder(Invalid):
    """The coin names the guard of earlier terms, which this node does not know: give their charter.

    A guard's own node knows every guard there was.
    """


class TooFewCoins(Invalid):
    """Fewer than 8 coins of this asset are deep enough to be joined."""


@dataclass(frozen=True)
class Stand:
    """The vault as planning sees it: main chain, anchor, terms in force, all coins, next height.

    `elder`: guards of other terms, which a payout that waits may have been ordered under.
    """

    main: bytes
    anchor: Anchor
    terms: Terms
    coins: Sequence[OwnedCoin]
    height: int
    elder: Sequence[Policy] = ()

    @property
    def vault(self) -> bytes:
        """The vault's id."""
        return self.anchor.coin.vault


def in_force(anchor: Anchor, known: Iterable[Terms]) -> Terms:
    """Those of the known terms that the anchor holds; raises `TermsUnseen`."""
    for terms in known:
        if terms_hash(terms) == anchor.state.terms:
            return terms
    raise TermsUnseen(present=anchor.state.terms)


def plan_touch(at: Stand, tier: int) -> Job:
    """A touch by a tier."""
    state = at.anchor.state
    return _spend(at, Touch(state.seq, tier), ready=state.frozen_until)


def plan_announce(at: Stand, terms: Terms, charter: bytes) -> Job:
    """An announcement of terms compiled from a charter."""
    return _spend(at, Announce(at.anchor.state.seq, terms_hash(terms)), charter)


def plan_cancel(at: Stand) -> Job:
    """The withdrawal of what is announced; raises `NothingAnnounced`."""
    return _spend(at, Cancel(at.anchor.state.turn, announced(at)))


def announced(at: Stand) -> bytes:
    """The hash of the announced terms; raises `NothingAnnounced`."""
    for one in at.anchor.state.announced:
        return one.terms
    raise NothingAnnounced(vault=at.vault)


def plan_adopt(at: Stand, terms: Terms, charter: bytes) -> Job:
    """The adoption of the announced terms; raises `NothingAnnounced`, `AnnouncedOtherwise`."""
    if terms_hash(terms) != announced(at):
        raise AnnouncedOtherwise(announced=announced(at), compiled=terms_hash(terms))
    ripe = max(one.ripe for one in at.anchor.state.announced)
    return _spend(at, Adopt(terms), charter, ripe)


def plan_freeze(at: Stand) -> Job:
    """A freeze by the guard."""
    state = at.anchor.state
    return _spend(at, Freeze(state.turn), ready=state.freeze_from)


def plan_replace(at: Stand, terms: Terms, charter: bytes) -> Job:
    """New terms at once, by recovery with govern or guard.

    The turn is the first one of the terms in force, so that everybody signs the same digest,
    whatever guards (or thieves of their keys) do meanwhile.
    """
    return _spend(at, Replace(at.anchor.state.since, terms), charter)


def plan_recover(at: Stand, terms: Terms, charter: bytes) -> Job:
    """New terms by recovery alone, once the vault lay idle; the turn as in `plan_replace`."""
    state = at.anchor.state
    idle = state.touched + at.terms.recover.idle
    return _spend(at, Recover(state.since, terms), charter, idle)


def _spend(at: Stand, operation: AnchorOperation, charter: bytes = b"", ready: int = 0) -> Job:
    wanted = demands(at.main, at.vault, operation, at.terms)
    ask = None if isinstance(operation, Cancel | Freeze) else _asking(operation, charter)
    return anchor_job(operation, at.anchor, at.terms, wanted, ask, ready)


def _asking(operation: AnchorOperation, charter: bytes) -> AskOperation:
    return AskOperation(encode_operation(operation), (), charter)


def plan_veto(at: Stand, coin: str) -> Job:
    """A veto by the guard that the coin names; raises `GuardElder` and as `pending_coin`.

    New terms take no payout's guard away: it is that of the terms under which it was ordered.
    """
    pending = pending_coin(at, coin)
    guard = _guard_of(at, pending[1])
    (wanted,) = veto_demands(at.main, at.vault, Veto(pending[0]), guard)
    return veto_job(pending, at.vault, wanted)


def _guard_of(at: Stand, coin: Coin) -> Policy:
    named = coin.lock.guard if isinstance(coin.lock, PendingLock) else b""
    for guard in (at.terms.guard.policy, *at.elder):
        if guard_hash(guard) == named:
            return guard
    raise GuardElder(named=named, present=guard_hash(at.terms.guard.policy))


def pending_coin(at: Stand, coin: str) -> OwnedCoin:
    """The pending coin TRANSACTION:INDEX, or the only one; `CoinNotPending`, `CoinChoice`."""
    waiting = [one for one in at.coins if isinstance(one[1].lock, PendingLock)]
    chosen = [one for one in waiting if not coin or place(one[0]) == coin]
    match chosen:
        case [one]:
            return one
        case []:
            raise CoinNotPending(coin=coin or "any")
        case _:
            raise CoinChoice(coins=[place(point) for point, _ in chosen])


def place(point: Outpoint) -> str:
    """An outpoint as TRANSACTION:INDEX."""
    return f"{point.transaction.hex()}:{point.index}"


def plan_consolidate(at: Stand, asset: bytes) -> Job:
    """The smallest deep coins of an asset, as many as may be, become one; `TooFewCoins`."""
    owned = [one for one in at.coins if _joinable(one[1], asset, at.height)]
    owned.sort(key=lambda pair: (pair[1].amount, pair[0].transaction, pair[0].index))
    heap = owned[:CONSOLIDATE_MOST]
    if len(heap) < CONSOLIDATE_LEAST:
        raise TooFewCoins(asset=asset, coins=len(heap))
    return free_job(Consolidate(), at.vault, heap[0][0], partial(draft_consolidate, coins=heap))


def _joinable(coin: Coin, asset: bytes, height: int) -> bool:
    owned = isinstance(coin.lock, DepositLock | TreasuryLock) and coin.asset == asset
    return owned and height - coin.height >= CONSOLIDATE_DEPTH
