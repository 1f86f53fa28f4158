"""What the program says of itself, for holding the pages against it."""

import importlib
import pkgutil
import typing
from collections.abc import Iterator
from typing import Any

from msgspec import Meta

from bystack.ledger.policies import Policy
from bystack.ledger.transactions import Lock, Witness
from bystack.p2p.items import GossipMessage
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from tests.protocol.pages import PAGES

LAYERS = ("primitives", "ledger", "mainchain", "p2p")
PREFIXES = tuple(f"bystack.{layer}." for layer in LAYERS)
PAGE_OF = dict(zip(LAYERS, ("encoding", "ledger", "mainchain", "peers"), strict=True))
QUALIFIED = {
    "bystack.ledger.vault_operations": "vault",
    "bystack.p2p.items": "gossip",
    "bystack.mainchain.light_messages": "light",
}
UNIONS: dict[str, Any] = {
    "Lock": Lock,
    "Witness": Witness,
    "Policy": Policy,
    "GossipMessage": GossipMessage,
}
WHOLE = {(0, 1): "bit", (0, 2**63 - 1): "u63", **{(0, 2**n - 1): f"u{n}" for n in (8, 16, 32)}}

NO_PROTOCOL = {
    "bystack.ledger.accounts": "a wallet's own file",
    "bystack.ledger.addressbook": "a wallet's own file",
    "bystack.ledger.candidates": "what a pool keeps is no consensus",
    "bystack.ledger.contention": "what a pool keeps is no consensus",
    "bystack.ledger.crowding": "what a pool keeps is no consensus",
    "bystack.ledger.descriptors": "text for a wallet's user",
    "bystack.ledger.estimates": "a node's own file",
    "bystack.ledger.fulfilment": "how a wallet signs",
    "bystack.ledger.mempool": "what a pool keeps is no consensus",
    "bystack.ledger.payments": "how a wallet pays",
    "bystack.ledger.policy_text": "text for a wallet's user",
    "bystack.ledger.pst_auditing": "what a wallet believes of a draft",
    "bystack.ledger.pst_finishing": "what a wallet makes of a draft",
    "bystack.ledger.pst_signing": "what a wallet signs of a draft",
    "bystack.ledger.swaps": "how a wallet trades",
    "bystack.ledger.sweeping": "how a wallet pays",
    "bystack.ledger.wallet_records": "a wallet's own file",
    "bystack.mainchain.archive": "a file of blocks for operators",
    "bystack.mainchain.transition.Change": "how a node undoes, on its own disk",
    "bystack.mainchain.transition.Undo": "how a node undoes, on its own disk",
    "bystack.p2p.peers": "a node's own file",
    "bystack.primitives.base58": "text for a wallet's user",
    "bystack.primitives.bip32": "how a wallet derives keys",
    "bystack.primitives.bip39": "how a wallet derives keys",
    "bystack.primitives.musig2": "how wallets hold a key together",
    "bystack.primitives.plain": "RPC and files of text",
}
"""Modules and types that are not on the wire between nodes, each with the reason."""


def modules() -> list[str]:
    found = []
    for layer in LAYERS:
        package = importlib.import_module(f"bystack.{layer}")
        found += [
            one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        ]
    return found


def loaded() -> list[Any]:
    return [importlib.import_module(name) for name in modules()]


def descendants(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def ours(base: type) -> list[type]:
    """The classes of the four layers that are part of the protocol."""
    loaded()
    every = {
        one
        for one in descendants(base)
        if one.__module__.startswith(PREFIXES)
        and one.__module__ not in NO_PROTOCOL
        and full_name(one) not in NO_PROTOCOL
    }
    return sorted(every, key=full_name)


def full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def wire_types() -> list[type]:
    return [one for one in ours(Wire) if not one.__subclasses__()]


def rules() -> list[type]:
    return ours(Invalid)


def page_name(kind: type) -> str:
    """The type's name on its page: those that share a name are qualified."""
    word = QUALIFIED.get(kind.__module__)
    qualified = f"{word}.{kind.__name__}"
    return qualified if word and qualified in PAGES.tables else kind.__name__


def kinds() -> dict[str, Any]:
    """By the name on the pages, the program's type to decode as."""
    return {**{page_name(one): one for one in wire_types()}, **UNIONS}


# A type as the tables write it


def shown(hint: Any, meta: tuple[Any, ...] = ()) -> str:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return shown(inside[0], (*meta, *inside[1:]))
    if hint is int:
        bounds = next((one.ge, one.le) for one in meta if isinstance(one, Meta))
        return WHOLE.get(bounds, f"int {bounds[0]}…{bounds[1]}")
    if hint in (bytes, str):
        return hint.__name__ + bound(meta)
    if origin is tuple and inside[-1] is Ellipsis:
        return f"list{bound(meta)} of {shown(inside[0])}"
    if origin is tuple:
        return f"[{', '.join(map(shown, inside))}]"
    if isinstance(hint, type):
        return f"`{page_name(hint)}`"
    name = next(name for name, union in UNIONS.items() if set(inside) == members(union))
    return f"`{name}`"


def members(union: Any) -> set[Any]:
    return set(typing.get_args(union))


def bound(meta: tuple[Any, ...]) -> str:
    given = [one for one in meta if isinstance(one, Meta)]
    low = next((one.min_length for one in given if one.min_length is not None), None)
    high = next((one.max_length for one in given if one.max_length is not None), None)
    if low is not None and low == high:
        return f" {low}"
    if low is not None and high is not None:
        return f" {low}…{high}"
    return "" if high is None else f" ≤ {high}"


def pattern(hint: Any) -> str:
    """The expression a field of text must match, as the pages write it."""
    given = [one for one in typing.get_args(hint)[1:] if isinstance(one, Meta)]
    found = next((one.pattern for one in given if one.pattern), "")
    return str(found).removeprefix("^").removesuffix(r"\Z")
