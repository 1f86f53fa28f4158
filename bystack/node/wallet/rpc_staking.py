"""RPC that stakes: stand for election, lock coins for a candidate, take them back, look.

A candidate is named by its validator key in hex. Amounts are decimal, of the staked asset. What
several people own comes back as a draft for the others to sign, as of any module's action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Hash, Methods
from bystack.node.wallet import shapes, shapes_modules
from bystack.node.wallet.acting import Counter, counter
from bystack.node.wallet.asking import Text
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.rpc_sending import ALL
from bystack.sidechain.modules.stake.actions import (
    Register,
    StakeAction,
    Unjail,
    Unregister,
    Unvote,
    Update,
    VoteFor,
    Withdraw,
    encode_action,
)
from bystack.sidechain.modules.stake.book import NAME
from bystack.sidechain.modules.stake.queries import MANY

PERCENT_DECIMALS = 2
"""A hundredth of a percent is a basis point."""

Key = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{96}\Z", description="a validator key in hex")]
Signed = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{192}\Z", description="a BLS signature in hex")]
Percent = Annotated[str | int | float, Meta(description="percent of the rewards")]


class StakeActions:
    """Stake of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._desk = Desk(keeper)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add_all(
            ("registervalidator", self.stand, "Stand for election.", shapes.Shared),
            ("updatevalidator", self.update, "Another node, less commission.", shapes.Shared),
            ("unregistervalidator", self.leave, "Stand no more.", shapes.Shared),
            ("unjailvalidator", self.unjail, "Stand again after jail.", shapes.Shared),
            ("votestake", self.vote, "Lock coins for a candidate.", shapes_modules.Voted),
            ("unvotestake", self.unvote, "Take locked coins back.", shapes.Shared),
            ("withdrawstake", self.withdraw, "Be paid what is due.", list[shapes_modules.Voted]),
            ("listmystake", self.mine, "What we stake, run, and wait for.", shapes_modules.MyStake),
            scope="wallet",
        )

    # -- operators

    async def stand(
        self, key: Key, proof: Signed, consent: Signed, node: Hash, operator: Text,
        amount: amounts_text.Given, commission: Percent = 0, chain: Text = "",
    ) -> Json:  # fmt: skip
        """The transaction. `key` to `operator` as `bystackd key consent` prints them.

        `operator` is an address of ours, or of several people: then the draft comes back.
        """
        at = await counter(self._desk, chain)
        root, units = await at.root(operator), await _units(at, amount)
        at.check_ours(root, "the operator")
        action = Register(
            operator=root,
            key=bytes.fromhex(key),
            proof=bytes.fromhex(proof),
            consent=bytes.fromhex(consent),
            node=bytes.fromhex(node),
            commission=_basis_points(commission),
            amount=units,
        )
        return await _act(at, action, units)

    async def update(
        self, key: Key, node: Hash, commission: Percent = "", chain: Text = ""
    ) -> Json:
        """The commission stays where none is given."""
        at = await counter(self._desk, chain)
        found = await _candidate(at, key)
        points = found["commission_bp"] if commission == "" else _basis_points(commission)
        operator = _operator(at, found)
        return await _act(at, Update(operator, bytes.fromhex(key), bytes.fromhex(node), points))

    async def leave(self, key: Key, chain: Text = "") -> Json:
        """Own stake comes back after the unbonding time, by `withdrawstake`."""
        at = await counter(self._desk, chain)
        operator = _operator(at, await _candidate(at, key))
        return await _act(at, Unregister(operator, bytes.fromhex(key)))

    async def unjail(self, key: Key, chain: Text = "") -> Json:
        """From the epoch on that `getcandidates` tells."""
        at = await counter(self._desk, chain)
        operator = _operator(at, await _candidate(at, key))
        return await _act(at, Unjail(operator, bytes.fromhex(key)))

    # -- holders

    async def vote(
        self, key: Key, amount: amounts_text.Given, owner: Text = "", chain: Text = ""
    ) -> Json:
        """The transaction, and the owner, who is paid the rewards: an address of ours that has a
        ballot for the candidate, or a new one, where none is given."""
        at = await counter(self._desk, chain)
        units = await _units(at, amount)
        root = await at.root(owner) if owner else await self._usual(at, key)
        sent = await _act(at, VoteFor(root, bytes.fromhex(key), units), units)
        return {**sent, "owner": at.address(root)}

    async def _usual(self, at: Counter, key: str) -> bytes:
        mine = [one for one in await _ballots(at) if one["key"] == key.lower()]
        return bytes.fromhex(mine[0]["owner"]) if mine else await at.root("")

    async def unvote(
        self, key: Key, amount: amounts_text.Given = ALL, owner: Text = "", chain: Text = ""
    ) -> Json:
        """Of the ballot of `owner`, or of our only one; "all" of it. See `getunbonding`."""
        at = await counter(self._desk, chain)
        ballot = await self._ballot(at, key, owner)
        units = ballot["amount"] if amount == ALL else await _units(at, amount)
        root = bytes.fromhex(ballot["owner"])
        at.check_ours(root, "the ballot")
        return await _act(at, Unvote(root, bytes.fromhex(key), units))

    async def _ballot(self, at: Counter, key: str, owner: str) -> Json:
        roots = [(await at.root(owner)).hex()] if owner else at.roots
        mine = [one for one in await _ballots(at, roots) if one["key"] == key.lower()]
        if len(mine) != 1:
            owners = ", ".join(at.address(bytes.fromhex(one["owner"])) for one in mine) or "none"
            text = f"not one ballot of ours for this candidate, but: {owners}; name the owner"
            raise RemoteError(BAD_PARAMETER, text)
        return mine[0]

    async def withdraw(self, owner: Text = "", chain: Text = "") -> list[Json]:
        """A transaction for each owner of ours to whom something is due; anyone may pay them."""
        at = await counter(self._desk, chain)
        roots = [(await at.root(owner)).hex()] if owner else at.roots
        epoch = (await at.ask(NAME, "getstaking"))["epoch"]
        waiting = await _rows(at, "getunbonding", "returns", roots)
        due = dict.fromkeys(one["owner"] for one in waiting if one["due"] <= epoch)
        return [
            {**await _act(at, Withdraw(root)), "owner": at.address(root)}
            for root in map(bytes.fromhex, due)
        ]

    async def mine(self, chain: Text = "") -> Json:
        """Ballots, returns with the epoch from which they are paid, candidates of ours."""
        at = await counter(self._desk, chain)
        roots = at.roots
        known = set(roots)
        listed = (await at.ask(NAME, "getcandidates"))["candidates"]
        ballots = await _ballots(at, roots)
        returns = await _rows(at, "getunbonding", "returns", roots)
        decimals = await _decimals(at)
        return {
            "staked": amounts_text.show(sum(one["amount"] for one in ballots), decimals),
            "ballots": [_shown(at, one, decimals) for one in ballots],
            "returns": [_shown(at, one, decimals) for one in returns],
            "candidates": [_shown(at, one, decimals) for one in listed if one["operator"] in known],
        }


async def _act(at: Counter, action: StakeAction, locked: int = 0) -> Json:
    kind, body = encode_action(action)
    gives = {await _asset(at): locked} if locked else {}
    return await at.act(NAME, kind, body, gives)


async def _asset(at: Counter) -> bytes:
    return bytes.fromhex((await at.ask(NAME, "getstaking"))["asset"])


async def _decimals(at: Counter) -> int:
    known = at.genesis.by_asset.get(await _asset(at))
    return 0 if known is None else known.decimals


async def _units(at: Counter, amount: amounts_text.Given) -> int:
    return amounts_text.read(amount, await _decimals(at))


def _basis_points(percent: Percent) -> int:
    return amounts_text.read(percent, PERCENT_DECIMALS)


async def _candidate(at: Counter, key: str) -> Json:
    rows: list[Json] = (await at.ask(NAME, "getcandidates"))["candidates"]
    found = next((one for one in rows if one["key"] == key.lower()), None)
    if found is None:
        raise RemoteError(BAD_PARAMETER, "nobody stands for election with this key")
    return found


def _operator(at: Counter, candidate: Json) -> bytes:
    root = bytes.fromhex(candidate["operator"])
    at.check_ours(root, "the candidate")
    return root


async def _ballots(at: Counter, roots: Sequence[str] | None = None) -> list[Json]:
    return await _rows(at, "getstake", "ballots", at.roots if roots is None else roots)


async def _rows(at: Counter, query: str, field: str, roots: Sequence[str]) -> list[Json]:
    """What the module tells of these owners, so many at a time as it takes."""
    found: list[Json] = []
    for first in range(0, len(roots), MANY):
        found += (await at.ask(NAME, query, list(roots[first : first + MANY])))[field]
    return found


def _shown(at: Counter, row: Json, decimals: int) -> Json:
    """Amounts decimal, policy roots as addresses."""
    amounts: dict[str, Any] = {
        name: amounts_text.show(row[name], decimals)
        for name in ("amount", "fresh", "stake", "own")
        if name in row
    }
    owners: dict[str, Any] = {
        name: at.address(bytes.fromhex(row[name])) for name in ("owner", "operator") if name in row
    }
    return {**row, **amounts, **owners}
