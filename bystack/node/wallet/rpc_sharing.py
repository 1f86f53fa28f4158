"""RPC of keys and addresses that several people hold: any policy, or one key of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from bystack.ledger.policies import Key, Policy
from bystack.ledger.policy_text import parse_policy, print_policy
from bystack.ledger.pst_auditing import leaves_of
from bystack.ledger.transactions import PolicyLock
from bystack.node.mainchain.forms import Json, address_of
from bystack.node.rpc import Methods, calling_chain
from bystack.node.wallet import shapes_drafts
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.rpc_money import Text
from bystack.primitives.errors import Invalid
from bystack.primitives.keys import valid_public_key
from bystack.primitives.musig2 import aggregate

PolicyText = Annotated[str, Meta(max_length=20_000, description="a policy")]
Policies = Annotated[list[PolicyText], Meta(min_length=1, max_length=1024)]
Point = Annotated[str, Meta(pattern=r"^0[23][0-9a-fA-F]{64}\Z", description="a 33-byte key in hex")]
Points = Annotated[list[Point], Meta(min_length=1, max_length=100)]


class KeyNobodys(Invalid):
    """A key in the policy is no point of the curve: it was mistyped, and nobody can sign for it."""


def policies_of(texts: Iterable[str]) -> tuple[Policy, ...]:
    """The policies that people wrote. Raises `KeyNobodys`, and as `parse_policy`."""
    policies = tuple(parse_policy(text) for text in texts)
    for leaf in (leaf for policy in policies for leaf in leaves_of(policy)):
        if isinstance(leaf, Key) and not valid_public_key(leaf.key):
            raise KeyNobodys(key=leaf.key)
    return policies


class SharingMethods:
    """Shared keys and policies of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._desk = Desk(keeper)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getnewpublickey",
            self.new_key,
            scope="wallet",
            help="A key to share a policy with.",
            returns=shapes_drafts.PublicKey,
        )
        add(
            "createmusig",
            self.musig,
            scope="wallet",
            help="One key, held by several people.",
            returns=shapes_drafts.SharedKey,
        )
        add(
            "createpolicyaddress",
            self.policy,
            scope="wallet",
            help="An address of any policy.",
            returns=shapes_drafts.PolicyAddress,
        )

    async def new_key(self, chain: Text = "") -> Json:
        """A key of ours for others: x-only for policies, `point` for shared keys."""
        _, _, ring = self._desk.at(chain)
        key = ring.fresh()
        return {"key": key.public.hex(), "point": key.point.hex()}

    async def musig(self, points: Points, chain: Text = "") -> Json:
        """The key that only all of these sign for together (MuSig2), and its address."""
        wallet, _, ring = self._desk.at(chain)
        ordered = ring.remember(bytes.fromhex(point) for point in points)
        key = aggregate(ordered)
        address = await _watch(wallet, chain or calling_chain(), (Key(key),))
        shown = [point.hex() for point in ordered]
        named = {"key": key.hex(), "policy": print_policy(Key(key))}
        return {**named, "address": address, "points": shown}

    async def policy(self, branches: Policies, chain: Text = "") -> Json:
        """The address that any of these branches opens; the wallet watches it from now on."""
        wallet, _, _ = self._desk.at(chain)
        policies = policies_of(branches)
        address = await _watch(wallet, chain or calling_chain(), policies)
        return {"address": address, "branches": [print_policy(policy) for policy in policies]}


async def _watch(wallet: Opened, chain: str, policies: tuple[Policy, ...]) -> str:
    purse = wallet.purse(chain)
    root = purse.watch(policies)
    await purse.save()
    return str(address_of(PolicyLock(root), purse.chain.hrp))
