"""A signer states what was proved to it, once a block; a draft that says otherwise is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from bystack.federation.module.actions import STATE, action_digest
from bystack.federation.module.records import SIGNER_VERSION
from bystack.federation.reserves import Auditor
from bystack.federation.statements import Statement, take_statement
from bystack.federation.stating import StatementUnproved, drafted, needed
from bystack.federation.watch import Watch
from bystack.node.signer.vault.approvals import Approvals, StatementUnchecked
from bystack.node.signer.vault.deciding import Deciding
from bystack.node.signer.vault.stating import StatedAlready, Stating
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.keys import public_key, verify
from bystack.sidechain.modules.base import BlockContext, PrefixedState
from bystack.sidechain.proofs import check_state_proofs
from bystack.sidechain.state import SystemState
from tests.federation.test_reserves import LATE, proofs_of, reader
from tests.sidechain.test_orphans import founded
from tests.sidechain.world import K, World

SECRET = b"\x21" * 32
LOG = b"\x22" * 32


def draft_of(world: World) -> Statement:
    """What the sidechain's process of a member's node drafts, here by an auditor's reckoning."""
    auditor: Auditor = reader(world)
    entries = check_state_proofs(proofs_of(world, auditor.wanted()))
    verdict = auditor.judge(world.side.header, entries)
    block = world.main.entries[verdict.height].id
    place = (verdict.height, block)
    return drafted(world.genesis, world.side.header, world.relayed, place, verdict.rows)


class Room:
    """A signer's room with nothing but what it needs, on a folder."""

    def __init__(self, folder: Path, world: World) -> None:
        watch = Watch(world.genesis)
        start = world.genesis.checkpoint.header.height
        watch.headers([entry.header for entry in world.main.entries[start + 1 :]], LATE)
        self.finals: list[Any] = []
        client = SimpleNamespace(verify=self.finals.append)
        followed = SimpleNamespace(client=client, keep=lambda: None)
        held = SimpleNamespace(
            folder=str(folder), name="trade", watch=watch, followed=followed,
            genesis=lambda: world.genesis,
        )  # fmt: skip
        self.asked: list[Any] = []
        audit = SimpleNamespace(head=SimpleNamespace(hash=LOG))
        deciding = cast(Deciding, SimpleNamespace(check=self.asked.append, audit=audit))
        self.view = cast(View, held)
        self.stating = Stating(self.view, deciding, SECRET)
        self.approvals = Approvals(self.view, deciding, SECRET)
        self.proofs = encode(proofs_of(world, needed(world.genesis)))

    def state(self, draft: Statement) -> tuple[Statement, bytes]:
        data, signature = self.stating.state(encode(draft), self.proofs)
        return decode(Statement, data, 40_000), signature


def test_what_was_proved_is_signed_and_the_chain_takes_it(tmp_path: Path) -> None:
    world = founded()
    world.burn(300)
    room, draft = Room(tmp_path, world), draft_of(world)
    said, signature = room.state(draft)
    assert said == replace(draft, version=SIGNER_VERSION, log=LOG) and said.holds
    digest = action_digest(world.genesis.id, STATE, encode(said))
    assert verify(public_key(SECRET), digest, signature)
    assert len(room.finals) == 1 and room.asked[0].digest == digest
    world.idle()
    block = BlockContext(world.genesis.id, world.side.header.height + 1, 0, world.relayed)
    take_statement(PrefixedState(SystemState({}), "federation"), block, SECRET, said, 144, 1)


def test_one_block_is_stated_once_also_after_a_restart(tmp_path: Path) -> None:
    world = founded()
    draft = draft_of(world)
    Room(tmp_path, world).state(draft)
    with pytest.raises(StatedAlready):
        Room(tmp_path, world).state(draft)
    world.idle()
    assert Room(tmp_path, world).state(draft_of(world))[0].height == draft.height + 1


def changes(world: World) -> dict[str, dict[str, Any]]:
    terms, shallow = draft_of(world).assets, world.relayed - K + 1
    lied = {
        name: {"assets": (replace(terms[0], **{name: getattr(terms[0], name) + 1}), *terms[1:])}
        for name in ("circulating", "pool", "owed", "deficit")
    }
    return {
        **lied,
        "fewer": {"assets": terms[:1]},
        "chain": {"chain": bytes(32)},
        "height": {"height": 10_000},
        "header": {"header": bytes(32)},
        "relay_height": {"relay_height": world.relayed - 1},
        "too shallow": {"main_height": shallow, "main_block": world.main.line[shallow - 1].id},
        "main_block": {"main_block": bytes(32)},
    }


@pytest.mark.parametrize("what", sorted(changes(founded())))
def test_what_is_not_proved_is_not_signed(tmp_path: Path, what: str) -> None:
    world = founded()
    room, draft = Room(tmp_path, world), draft_of(world)
    with pytest.raises(StatementUnproved):
        room.state(replace(draft, **changes(world)[what]))
    assert not room.asked
    room.state(draft)


def test_forged_proofs_and_other_ways_to_the_key_are_refused(tmp_path: Path) -> None:
    world = founded()
    room, draft = Room(tmp_path, world), draft_of(world)
    shown = proofs_of(world, needed(world.genesis))
    room.proofs = encode(replace(shown, coin_digest=bytes(32)))
    with pytest.raises(Invalid):
        room.state(draft)
    room.proofs = encode(replace(shown, entries=shown.entries[1:]))
    with pytest.raises(StatementUnproved):
        room.state(draft)
    with pytest.raises(StatementUnchecked):
        room.approvals.approve(STATE, encode(draft))
    assert not room.asked
