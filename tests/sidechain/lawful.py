"""The reserves law on a world whose history a test wrote itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from bystack.ledger.transactions import Outpoint
from bystack.sidechain.claims import claimed_at
from tests.sidechain.law import Ledger, deposits, prove_all
from tests.sidechain.world import World


def pegouts(world: World) -> list[bytes]:
    """Every peg-out there ever was."""
    return [key[len(b"pegout/") :] for key in world.side.state if key.startswith(b"pegout/")]


def lawful(world: World, claims: Collection[Outpoint] = ()) -> None:
    """Prove what can be proved and check the law; `claims`: those whose deposits may be gone."""
    prove_all(world)
    known = {p for p, _ in deposits(world, world.main.height) if _claimed(world, p)}
    Ledger(world, known | set(claims), pegouts(world)).check(Counter())


def _claimed(world: World, place: Outpoint) -> bool:
    return claimed_at(world.view, place) is not None
