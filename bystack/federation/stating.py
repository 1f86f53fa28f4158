"""A statement about the reserves: drafted from the law's terms, checked before it is signed.

What a signer checks itself: the sidechain's side by proofs under a final header, the place on the
main chain by headers it verified. The vault's side and what nobody claimed are counted by the
member's own full node; a signer refuses a draft that contradicts what it knows, not one that its
member's node got wrong. So members watch each other: an audit finds who stated otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.federation.statements import AssetTerms, Statement
from bystack.primitives.codec import MAX_INT, decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.holdings import Row
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import NO_SUMS, Sums, sums_key
from bystack.sidechain.relay import HeaderNotRelayed, RelayView

MAX_SUMS = 1_000
UNSIGNED = 0
"""The version of a draft: a signer puts its own, and the head of its log."""


class TermsUnstatable(Invalid):
    """A term of the law is out of its range: no statement can be made of it."""


class StatementUnproved(Invalid):
    """The statement says otherwise than what was proved to this signer."""


def drafted(
    genesis: Genesis, header: Header, relay_height: int, main: tuple[int, bytes],
    rows: Mapping[bytes, Row],
) -> Statement:  # fmt: skip
    """What is to be stated after a final block; `main`: height and id of the block counted at.

    Raises `TermsUnstatable`.
    """
    height, block = main
    assets = tuple(_terms(asset, row) for asset, row in sorted(rows.items()))
    places = (genesis.id, header.height, header.id, relay_height, height, block)
    return Statement(*places, UNSIGNED, bytes(32), assets)


def _terms(asset: bytes, row: Row) -> AssetTerms:
    if not all(0 <= term <= MAX_INT for term in row):
        raise TermsUnstatable(asset=asset, **row._asdict())
    return AssetTerms(asset, *row)


def needed(genesis: Genesis) -> list[bytes]:
    """The entries of the state that a statement is checked by."""
    return [sums_key(asset.asset) for asset in genesis.assets]


def check_draft(
    statement: Statement,
    genesis: Genesis,
    header: Header,
    entries: Mapping[bytes, bytes | None],
    view: RelayView,
) -> None:
    """Raise `StatementUnproved` unless a draft says what is proved.

    `header`: shown final; `entries`: proved under it; `view`: main-chain headers verified here.
    """
    _same("chain", statement.chain, genesis.id)
    _same("height", statement.height, header.height)
    _same("header", statement.header, header.id)
    _same("relay_height", statement.relay_height, _height_of(view, header.relay_tip))
    if statement.main_height > statement.relay_height - genesis.depth:
        raise StatementUnproved(field="main_height", stated=statement.main_height)
    try:
        _same("main_block", statement.main_block, view.at(statement.main_height).id)
    except HeaderNotRelayed as error:
        raise StatementUnproved(field="main_height", reason=str(error)) from None
    _same("assets", [one.asset for one in statement.assets], sorted(genesis.by_asset))
    for one in statement.assets:
        _check_sums(one, entries)


def _check_sums(terms: AssetTerms, entries: Mapping[bytes, bytes | None]) -> None:
    key = sums_key(terms.asset)
    if key not in entries:
        raise StatementUnproved(field="sums", reason="not shown")
    data = entries[key]
    sums = NO_SUMS if data is None else decode(Sums, data, MAX_SUMS)
    for field in ("circulating", "pool", "owed", "deficit"):
        _same(field, getattr(terms, field), getattr(sums, field))


def _height_of(view: RelayView, tip: bytes) -> int:
    entry = view.entry(tip)
    if entry is None:
        raise StatementUnproved(field="relay_height", reason="the header is not verified here yet")
    return entry.header.height


def _same(field: str, stated: object, proved: object) -> None:
    if stated != proved:
        raise StatementUnproved(field=field, stated=stated, proved=proved)
