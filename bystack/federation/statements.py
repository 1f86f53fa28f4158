"""What members state about the reserves: the law's terms at a final block, once an interval.

Each member recomputes the terms by itself before it signs. The chain keeps the last one of each; it
cannot check the vault's side, so two statements of one member and height that differ are what
convicts it (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Final

from msgspec import Meta

from bystack.primitives.codec import U32, U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext, PrefixedState

MAX_STATEMENT = 40_000
STATED: Final = b"statement"
"""With a governance key as second part: the module's entry of a member's last statement."""


class StatementForeign(Invalid):
    """The statement is about another sidechain."""


class StatementTooEarly(Invalid):
    """The statement is about a block that is not final, or not relayed, yet."""


class StatementOutdated(Invalid):
    """The statement is about a block of an interval that is past."""


class StatementTwice(Invalid):
    """The member has made its statement of this interval."""


class StatementDisordered(Invalid):
    """The statement's assets are not in ascending order, each once."""


class SignerOutdated(Invalid):
    """The statement comes from a signer older than the federation allows."""


class AssetTerms(Wire):
    """The law's terms of one asset, in its smallest unit.

    vault = circulating + pool + owed + unclaimed + surplus - deficit, if the law holds.
    """

    asset: Bytes32
    vault: U63
    circulating: U63
    pool: U63
    owed: U63
    unclaimed: U63
    surplus: U63
    deficit: U63

    @property
    def difference(self) -> int:
        """What the vault holds beyond what the terms explain: 0 by the law."""
        stands_for = self.circulating + self.pool + self.owed + self.unclaimed + self.surplus
        return self.vault - stands_for + self.deficit


class Statement(Wire):
    """A member's word on the reserves after a final block of the sidechain.

    `height`, `header`: that block; `relay_height`: the main-chain height it had relayed.
    `main_height`, `main_block`: the main-chain block, K deep under that, at which the vault's side
    is counted. `version`: the signer's; `log`: the newest hash of its audit log, so that no entry
    before can be changed later unseen.
    """

    chain: Bytes32
    height: U63
    header: Bytes32
    relay_height: U63
    main_height: U63
    main_block: Bytes32
    version: U32
    log: Bytes32
    assets: Annotated[tuple[AssetTerms, ...], Meta(min_length=1, max_length=256)]

    @property
    def holds(self) -> bool:
        """True if the law holds for every asset."""
        return not any(one.difference for one in self.assets)

    @property
    def facts(self) -> tuple[object, ...]:
        """What two honest signers say alike of one height: all but version and log."""
        places = (self.relay_height, self.main_height, self.main_block)
        return (self.chain, self.height, self.header, *places, self.assets)


def interval_of(relay_height: int, interval: int) -> int:
    """The number of the interval a relayed main-chain height lies in; `interval`: its blocks."""
    return relay_height // interval


def check_statement(statement: Statement, block: BlockContext, interval: int) -> None:
    """Raise unless a block may take the statement: of this chain, this or the last interval.

    Raises `StatementForeign`, `StatementTooEarly`, `StatementOutdated`, `StatementDisordered`.
    """
    if statement.chain != block.chain:
        raise StatementForeign(chain=statement.chain)
    if statement.height >= block.height or statement.relay_height > block.relay_height:
        raise StatementTooEarly(height=statement.height, relayed=statement.relay_height)
    newest = interval_of(block.relay_height, interval)
    if interval_of(statement.relay_height, interval) < newest - 1:
        facts = {"relayed": statement.relay_height, "now": block.relay_height}
        raise StatementOutdated(**facts, interval=interval)
    ids = [one.asset for one in statement.assets]
    if any(left >= right for left, right in pairwise(ids)):
        raise StatementDisordered(assets=len(ids))


def take_statement(
    state: PrefixedState,
    block: BlockContext,
    member: bytes,
    statement: Statement,
    interval: int,
    least_version: int,
) -> None:
    """Keep a member's statement in the module's state; its signature is the caller's to check.

    `member`: its governance key, 32 bytes. Raises as `check_statement`, and `StatementTwice`,
    `SignerOutdated`.
    """
    check_statement(statement, block, interval)
    if statement.version < least_version:
        raise SignerOutdated(version=statement.version, least=least_version)
    last = statement_of(state, member)
    if last is not None:
        made, now = (interval_of(one.relay_height, interval) for one in (last, statement))
        if now <= made:
            raise StatementTwice(interval=now, made=made)
    state.put(encode(statement), STATED, member)


def statement_of(state: PrefixedState, member: bytes) -> Statement | None:
    """The last statement of the member with a governance key."""
    data = state.get(STATED, member)
    return None if data is None else decode(Statement, data, MAX_STATEMENT)


def age(statement: Statement, relay_height: int, interval: int) -> int:
    """How many intervals before that of a relayed height the statement was made."""
    return interval_of(relay_height, interval) - interval_of(statement.relay_height, interval)


def timely(state: PrefixedState, member: bytes, relay_height: int, interval: int) -> bool:
    """True if the member's last statement is of the present interval or the one before."""
    last = statement_of(state, member)
    return last is not None and age(last, relay_height, interval) < 2


def contradict(first: Statement, second: Statement) -> bool:
    """Whether no honest member signs both: of one height, and not the same facts.

    That one member signed both is the caller's to check.
    """
    same = (first.chain, first.height) == (second.chain, second.height)
    return same and first.facts != second.facts


def agreeing(statements: Iterable[Statement]) -> int:
    """The largest number of the statements that say the same of one height."""
    counts: dict[tuple[object, ...], int] = {}
    for one in statements:
        counts[one.facts] = counts.get(one.facts, 0) + 1
    return max(counts.values(), default=0)
