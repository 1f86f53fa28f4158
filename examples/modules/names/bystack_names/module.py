"""The module `names`: whoever deposits an amount has a name, and gets it back with giving it up.

It shows all that a module is made of: actions with bytes of their own, state under a prefix, an
owner's approval, coins taken into the module's holdings and paid out of them, work at a block's
end that is bounded, and queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from bystack.ledger.effects import Effects
from bystack.primitives.codec import U32, U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.approvals import approved_by
from bystack.sidechain.modules.asking import asked
from bystack.sidechain.modules.base import (
    ActionContext,
    ActionUnknown,
    BlockContext,
    Ending,
    Event,
    Outcome,
    Payment,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.modules.linked import Linked

CLAIM, RELEASE, POINT = 1, 2, 3
MAX_BYTES = 1_000
MAX_ENDED = 16
"""So many names lapse in one block at most; the next block goes on."""

Name = Annotated[bytes, Meta(min_length=1, max_length=32)]


class NamesConfig(Wire):
    """The module's genesis: what a name costs in base units of an asset, and how long it lasts."""

    asset: Bytes32
    deposit: U63
    blocks: U32


class Claim(Wire):
    """Have a name, for the policy root `owner`. The transaction gives up the deposit."""

    name: Name
    owner: Bytes32


class Release(Wire):
    """Give a name up and get the deposit back. Begins with who must approve, as `Point` does."""

    owner: Bytes32
    name: Name


class Point(Wire):
    """Let a name stand for another policy root than its owner's."""

    owner: Bytes32
    name: Name
    target: Bytes32


class Record(Wire):
    """What is kept of a name: its owner, whom it stands for, its deposit, its last height."""

    owner: Bytes32
    target: Bytes32
    deposit: U63
    until: U63


class NameTaken(Invalid):
    """Somebody has this name."""


class NameUnknown(Invalid):
    """Nobody has this name."""


class NotTheOwner(Invalid):
    """The name is somebody else's."""


class NamesModule(Quiet):
    """`Quiet` refuses nothing and does nothing: a module overrides what it needs."""

    name = "names"
    # These begin with the policy root that approves them, so wallets know whom to ask.
    approved = frozenset((RELEASE, POINT))
    queries: tuple[str, ...] = ("resolvename", "getnames")

    def start(self, state: PrefixedState, config: bytes) -> None:
        """The first block's state; what is raised here is a genesis that nobody can run."""
        decode(NamesConfig, config, MAX_BYTES)
        state.put(config, b"config")

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """One action of a transaction: all of it happens, or (where this raises) nothing."""
        body = context.action.body
        match kind:
            case 1:
                return _claim(state, context, decode(Claim, body, MAX_BYTES))
            case 2:
                return _release(state, context, decode(Release, body, MAX_BYTES))
            case 3:
                return _point(state, context, decode(Point, body, MAX_BYTES))
        raise ActionUnknown(module=self.name, kind=kind)

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """Names whose time is over lapse: their deposits go to the fee pool."""
        lapsed, config = 0, _config(state)
        for _ in range(MAX_ENDED):
            first = _line(state).first()
            record = None if first is None else _find(state, first)
            if first is None or record is None or record.until >= block.height:
                break
            _forget(state, first)
            lapsed += record.deposit
        return Ending(forfeits={config.asset: lapsed} if lapsed else {})

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """What anyone may ask; the parameters are a stranger's, so they are checked."""
        match name:
            case "resolvename":
                (text,) = asked(tuple[str], params)
                record = _find(state, _key(text.encode()))
                if record is None:
                    raise NameUnknown(name=text)
                return {"owner": record.owner.hex(), "target": record.target.hex()}
            case "getnames":
                config = _config(state)
                return {"deposit": config.deposit, "blocks": config.blocks}
        return None


def _claim(state: PrefixedState, context: ActionContext, claim: Claim) -> Outcome:
    key, config = _key(claim.name), _config(state)
    if _find(state, key) is not None:
        raise NameTaken(name=claim.name)
    until = context.block.height + config.blocks
    record = Record(claim.owner, claim.owner, config.deposit, until)
    state.put(encode(record), b"name/", key)
    _line(state).append(key)
    # What an action destroys passes into the module's holdings; only that can be paid out later.
    taken = {config.asset: config.deposit} if config.deposit else {}
    told = Event("claimed", {"label": claim.name, "owner": claim.owner})
    return Outcome(Effects(destroyed=taken), events=(told,))


def _release(state: PrefixedState, context: ActionContext, release: Release) -> Outcome:
    key = _key(release.name)
    record = _owned(state, key, release.owner)
    checks = approved_by(context, release.owner)
    _forget(state, key)
    back = Payment(_config(state).asset, record.deposit, record.owner)
    payments = (back,) if record.deposit else ()
    return Outcome(Effects(checks=checks), payments=payments)


def _point(state: PrefixedState, context: ActionContext, point: Point) -> Outcome:
    key = _key(point.name)
    record = _owned(state, key, point.owner)
    checks = approved_by(context, point.owner)
    changed = Record(record.owner, point.target, record.deposit, record.until)
    state.put(encode(changed), b"name/", key)
    return Outcome(Effects(checks=checks))


def _owned(state: PrefixedState, key: bytes, owner: bytes) -> Record:
    record = _find(state, key)
    if record is None:
        raise NameUnknown(key=key)
    if record.owner != owner:
        raise NotTheOwner(owner=record.owner)
    return record


def _key(name: bytes) -> bytes:
    """A name as 32 bytes: keys below one prefix are of one width, or two could be the same."""
    return name.ljust(32, b"\x00")


def _find(state: PrefixedState, key: bytes) -> Record | None:
    data = state.get(b"name/", key)
    return None if data is None else decode(Record, data, MAX_BYTES)


def _forget(state: PrefixedState, key: bytes) -> None:
    state.put(None, b"name/", key)
    _line(state).remove(key)


def _line(state: PrefixedState) -> Linked:
    """All names, the one that lapses first at the head."""
    return Linked(state, b"line/")


def _config(state: PrefixedState) -> NamesConfig:
    return decode(NamesConfig, state.get(b"config") or b"", MAX_BYTES)
