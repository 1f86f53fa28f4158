"""What anyone may ask of the stake module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from bystack.sidechain.modules.asking import HexId, asked
from bystack.sidechain.modules.stake.ballots import due
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.electing import electable, ranking
from bystack.sidechain.modules.stake.records import Candidate

MANY = 1_000
"""Owners asked for at a time."""

Answer = Mapping[str, Any]
Owners = Annotated[list[HexId], Meta(max_length=MANY)]


def staking(book: Book, params: Sequence[Any]) -> Answer:
    """The module's numbers, and how much is staked."""
    config, tally = book.config, book.tally
    return {
        "epoch": 0 if tally is None else tally.epoch,
        "asset": config.asset.hex(),
        "seats": config.seats,
        "least_set": config.least_set,
        "own": config.own,
        "vote": config.vote,
        "unbonding_epochs": config.unbonding,
        "proposer_bp": config.proposer,
        "slash_bp": config.slash,
        "presence_bp": config.presence,
        "candidates": book.count,
        "staked": sum(one.stake for one in book.roster()),
    }


def candidates(book: Book, params: Sequence[Any]) -> Answer:
    """Everyone who stands: the electable by rank, then the others."""
    ranked = ranking(book)
    known = {one.key for one in ranked}
    others = sorted((one for one in book.roster() if one.key not in known), key=lambda o: o.key)
    rows = [_candidate(book, one, rank) for rank, one in enumerate(ranked, 1)]
    return {"candidates": rows + [_candidate(book, one, 0) for one in others]}


def _candidate(book: Book, one: Candidate, rank: int) -> dict[str, Any]:
    return {
        "key": one.key.hex(),
        "rank": rank,
        "stake": one.stake,
        "own": one.own,
        "commission_bp": one.commission,
        "node": one.node.hex(),
        "operator": one.operator.hex(),
        "ballots": len(book.ballots(one.key)),
        **standing_of(book, one),
    }


def standing_of(book: Book, one: Candidate) -> dict[str, Any]:
    """Whether a candidate can be elected, and why not."""
    dead = book.tomb(one.key) is not None or book.tomb(one.operator) is not None
    able = not one.gone and electable(book, one)
    return {"electable": able, "jailed_until": one.jailed, "tombstoned": dead}


def stake(book: Book, params: Sequence[Any]) -> Answer:
    """What owners have locked, and for whom."""
    owners = _owners(params)
    rows = [
        {
            "owner": ballot.owner.hex(),
            "key": one.key.hex(),
            "amount": ballot.amount,
            "fresh": ballot.fresh,
        }
        for one in book.everyone()
        for ballot in book.ballots(one.key)
        if ballot.owner in owners
    ]
    return {"staked": sum(row["amount"] for row in rows), "ballots": rows}


def unbonding(book: Book, params: Sequence[Any]) -> Answer:
    """What owners took back, and from which epoch each part is paid."""
    rows = [
        {
            "owner": owner.hex(),
            "key": one.key.hex(),
            "amount": one.amount,
            "epoch": one.epoch,
            "due": due(book.config, one),
        }
        for owner in _owners(params)
        for one in book.returns(owner)
    ]
    return {"amount": sum(row["amount"] for row in rows), "returns": rows}


def _owners(params: Sequence[Any]) -> tuple[bytes, ...]:
    """The policy roots of the one parameter: some in hex, each once."""
    (given,) = asked(tuple[Owners], params)
    return tuple(dict.fromkeys(bytes.fromhex(one) for one in given))


QUERIES: Mapping[str, Callable[[Book, Sequence[Any]], Answer]] = {
    "getstaking": staking,
    "getcandidates": candidates,
    "getstake": stake,
    "getunbonding": unbonding,
}
