"""How far the vault is on its way to a new key: announced, ripe, adopted; as its member sees it."""

from __future__ import annotations

from typing import Any

from bystack.ledger.terms import terms_hash
from bystack.node.federation.assembling import anchor_among
from bystack.node.federation.membership import Membership


async def vault_step(member: Membership, following: bytes) -> dict[str, Any] | None:
    """The vault on the main chain's tip; None without a key to come (`following`, 48 bytes).

    `ripe`: from which block on what is announced may be adopted, None where nothing is; `next`: the
    next block; `adopted`: the terms with that key are in force, and the sidechain is to see it.
    """
    genesis = member.setting.genesis()
    if genesis is None or not following:
        return None
    coins = await member.links.vault_coins(genesis.vault)
    state = anchor_among(genesis.vault, coins).state
    return {
        "adopted": state.terms == terms_hash(member.setting.terms(following)),
        "ripe": max((one.ripe for one in state.announced), default=None),
        "next": member.purse.height + 1,
    }
