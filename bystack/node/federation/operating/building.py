"""Building an operation by its name: what it takes is read from the chains and the files."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from msgspec import Meta, Struct

from bystack.federation.charter import Charter, parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.charter_reading import CHARTER_LIMIT
from bystack.federation.module.records import (
    KEY_NEXT,
    TERMS,
    KeyEpoch,
    TermsDecision,
    entry_key,
)
from bystack.federation.roster_file import RosterFile, assets_of, keys_of
from bystack.federation.vault_warrants import CharterForeign, Decided
from bystack.ledger.policies import Policy
from bystack.ledger.policy_text import parse_policy
from bystack.ledger.terms import Terms, decode_terms
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_operations import Complete, Order
from bystack.node.federation.assembling import anchor_among, coins_for, draft_complete, draft_order
from bystack.node.federation.membership import Membership
from bystack.node.federation.operating import planning
from bystack.node.federation.operating.founding import Founding
from bystack.node.federation.operating.jobs import Job, free_job
from bystack.node.federation.operating.planning import Stand
from bystack.node.federation.orders import Orders
from bystack.node.federation.upkeep import payouts
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import MIRROR, Batch, Mirror, batch_key

RECOVERY = ("replace", "recover")
"""What recovery signs; whether govern signs too is for each member's signer to judge."""


class BatchUnknown(Invalid):
    """The sidechain has recorded no batch of this seq, or has forgotten it: nothing to order."""


class PayoutUnknown(Invalid):
    """The sidechain does not know for whom this coin waits (yet)."""


class ParameterMissing(Invalid):
    """The operation takes a parameter that was not given."""


class Params(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operation takes beside its name.

    `tier` of a touch; `seq` of an order; `coin` (TRANSACTION:INDEX) of a veto or completion, may be
    left out where only one waits; `asset` of a consolidation; `charter` as text where terms are
    announced or brought, or a payout under earlier ones is vetoed; and `key`, a group key, where
    they were not decided on the sidechain.
    """

    tier: Annotated[int, Meta(ge=0, le=255)] = 0
    seq: Annotated[int, Meta(ge=-1, le=MAX_INT)] = -1
    coin: Annotated[str, Meta(pattern=r"^([0-9a-f]{64}:[0-9]{1,5})?\Z")] = ""
    asset: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    charter: Annotated[str, Meta(max_length=CHARTER_LIMIT)] = ""
    key: Annotated[str, Meta(pattern=r"^([0-9a-f]{96})?\Z")] = ""


NO_PARAMS = Params()


class Builder:
    """Operations for one membership's vault."""

    def __init__(self, member: Membership, founding: Founding, orders: Orders) -> None:
        self._member, self._founding, self._orders = member, founding, orders

    async def build(self, operation: str, params: Params) -> Job:
        """The job of an operation; raises what it lacks or why the vault does not allow it."""
        if operation == "create":
            return await self._founding.job()
        at = await self._stand()
        match operation:
            case "touch":
                return planning.plan_touch(at, params.tier)
            case "cancel":
                return planning.plan_cancel(at)
            case "freeze":
                return planning.plan_freeze(at)
            case "veto":
                elder = self._elder(params.charter)
                return planning.plan_veto(replace(at, elder=(*at.elder, *elder)), params.coin)
            case "consolidate":
                return planning.plan_consolidate(at, bytes.fromhex(_given("asset", params.asset)))
            case "complete":
                return await self._complete(at, params.coin)
            case "order":
                return await self._order(at, params.seq)
            case _:
                return await self._terms_job(at, operation, params)

    async def _terms_job(self, at: Stand, operation: str, params: Params) -> Job:
        charter = _given("charter", params.charter).encode()
        terms = await self._terms(at, charter, params.key, operation in RECOVERY)
        match operation:
            case "announce":
                return planning.plan_announce(at, terms, charter)
            case "adopt":
                return planning.plan_adopt(at, terms, charter)
            case "replace":
                return planning.plan_replace(at, terms, charter)
            case "recover":
                return planning.plan_recover(at, terms, charter)
            case _:
                raise ParameterMissing(operation=operation)

    async def _stand(self) -> Stand:
        member, genesis = self._member, self._orders.genesis
        coins = await member.links.vault_coins(genesis.vault)
        anchor = anchor_among(genesis.vault, coins)
        known = await self._known(genesis)
        terms = planning.in_force(anchor, known)
        guards = [one.guard.policy for one in known]
        return Stand(member.setting.main, anchor, terms, coins, member.purse.height + 1, guards)

    def _elder(self, charter: str) -> list[Policy]:
        """The guard of an earlier charter that the operator gives, if any."""
        if not charter:
            return []
        names = keys_of(self._member.setting.file)
        return [parse_policy(parse_charter(charter.encode()).guard.policy, names)]

    async def _known(self, genesis: Genesis) -> list[Terms]:
        """Terms that may be in force: the sidechain's mirror's, the genesis', those compiled here.

        Without the sidechain, which may be what is to be recovered, the last two must do.
        """
        known = [genesis.terms]
        bridge = await self._member.ensure_bridge()
        if bridge is not None:
            known.append(self._member.setting.terms(bridge.certificate.key))
        try:
            mirror = await self._member.links.state(Mirror, MIRROR)
        except (RemoteError, Unavailable):
            return known
        return known if mirror is None else [decode_terms(mirror.terms), *known]

    async def _terms(self, at: Stand, charter: bytes, key: str, recovers: bool) -> Terms:
        """The terms of a charter: with a group key of the operator's, or as they were decided.

        Recovery needs no decision of the federation: what it brings keeps the key in force.
        """
        read, file = parse_charter(charter), self._member.setting.file
        if key:
            return _compiled(read, file, bytes.fromhex(key))
        links, bridge = self._member.links, await self._member.ensure_bridge()
        assert bridge is not None, "a founded vault has a group key"
        following = await links.state(KeyEpoch, entry_key(KEY_NEXT))
        decision = await links.state(TermsDecision, entry_key(TERMS))
        present = bridge.certificate.key
        try:
            return Decided(read, file, present, following, decision).terms(at.terms)
        except CharterForeign:
            if not recovers:
                raise
            return _compiled(read, file, present)

    async def _complete(self, at: Stand, coin: str) -> Job:
        pending = planning.pending_coin(at, coin)
        outputs = await payouts(self._member.links, pending)
        if outputs is None:
            raise PayoutUnknown(coin=planning.place(pending[0]))
        lock, memo = pending[1].lock, self._member.setting.recipient
        draft = partial(draft_complete, pending=pending, outputs=outputs, memo=memo)
        ready = pending[1].height + getattr(lock, "delay", 0)
        return free_job(Complete(), at.vault, pending[0], draft, ready)

    async def _order(self, at: Stand, seq: int) -> Job:
        """A recorded batch's order, as its members sign it by themselves."""
        batch = await self._member.links.state(Batch, batch_key(seq))
        if batch is None:
            raise BatchUnknown(seq=seq)
        order = Order(seq, batch.record.tier, batch.record.outputs)
        coins, memo = coins_for(order, at.coins), self._member.setting.recipient
        wanted = demands(at.main, at.vault, order, at.terms)
        draft = partial(
            draft_order, anchor=at.anchor, terms=at.terms, order=order, coins=coins, memo=memo
        )
        return Job(order, at.vault, wanted, draft, at.anchor.coin.outpoint, at.terms)


def _compiled(charter: Charter, file: RosterFile, group: bytes) -> Terms:
    keys = keys_of(file) | dict.fromkeys(charter.group_keys, group)
    return compile(charter, keys, assets_of(file))


def _given(name: str, value: str) -> str:
    if not value:
        raise ParameterMissing(parameter=name)
    return value
