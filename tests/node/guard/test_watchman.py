"""The guard's task: what the machine finds is written down, said once, done once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bystack.federation.guarding.alarms import Kind
from bystack.federation.guarding.machine import Rules
from bystack.federation.offline import NO_NAMES
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_operations import CANCEL, FREEZE, VETO, Announce, Cancel, Freeze
from bystack.node.federation.events import MainRestarted
from bystack.node.guard.acting import STUCK_BLOCKS
from bystack.node.guard.requests import GuardSignatureInvalid
from bystack.node.ipc import RemoteError
from bystack.node.key_signing import read_request
from bystack.node.key_signing import shown as carried
from bystack.primitives.codec import encode
from bystack.primitives.keys import public_key, sign
from bystack.sidechain.records import Sums, sums_key
from bystack.sidechain.stops import STOPS, Stop
from tests.federation.guarding.test_machine import NEW
from tests.federation.guarding.tower import paid
from tests.node.guard.post import BTM, Killed, Post, in_trio
from tests.sidechain.mainside import KEYS, SLOW, TERMS

POINTS = (
    "guard.after_alarm", "guard.before_act", "guard.after_act", "guard.before_warrant",
    "guard.after_warrant", "guard.before_submit", "guard.after_submit",
)  # fmt: skip


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    return Post(tmp_path, monkeypatch)


@in_trio
async def test_an_unknown_spend_is_frozen_before_the_next_block(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    height = post.main.height
    await post.later()
    assert post.kinds == ["unknown_spend"] and post.main.height == height
    assert post.operations == [FREEZE]
    await post.mined()
    assert post.main.state.frozen_until == post.main.height + TERMS.guard.freeze
    assert post.guard.acting.jobs == []


@in_trio
async def test_a_delayed_one_is_vetoed_too(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)], SLOW)
    await post.later()
    assert sorted(post.operations) == [VETO, FREEZE]
    await post.mined()
    assert post.main.pendings() == [] and post.main.state.frozen_until
    await post.later()
    assert post.guard.acting.jobs == [] and post.pool == []


@in_trio
async def test_a_batch_is_left_alone(post: Post) -> None:
    post.batch(0, [paid(900)])
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    await post.later()
    assert (post.kinds, post.pool) == ([], [])


@in_trio
async def test_undecided_terms_are_cancelled(post: Post) -> None:
    await post.follow()
    await post.later()
    post.main.send(post.main.spend(Announce(0, terms_hash(NEW))))
    await post.follow()
    await post.later()
    assert post.kinds == ["undecided_terms"] and post.operations == [CANCEL]
    await post.mined()
    assert post.main.state.announced == ()


@pytest.mark.parametrize("point", POINTS)
@in_trio
async def test_killed_anywhere_it_acts_once(post: Post, point: str) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    post.armed = point
    with pytest.raises(Killed):
        await post.later()
    post.restart()
    await post.follow()
    await post.later(8)
    assert post.operations == [FREEZE], "a transaction sent twice displaces itself"
    told = post.guard.metrics()
    assert (told["height"], told["seeing"], told["acts"]) == (post.main.height, 1, 1)
    assert (told["alarms"], told["alarms_standing"]) == (1, 0), "a spend is over when it is told"
    await post.mined()
    for _ in range(STUCK_BLOCKS + 1):
        await post.later()
        await post.mined()
    assert post.main.state.turn == 1 and post.pool == []
    assert post.kinds.count("unknown_spend") == 1
    assert len(list(post.signed.records())) == 1


@in_trio
async def test_what_was_done_is_not_done_again_after_the_rest(post: Post) -> None:
    """Read again from the start, the same old spend is no reason for a second freeze."""
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    await post.later()
    await post.mined()
    while post.main.height + 1 < post.main.state.freeze_from:
        post.main.mine()
    post.restart()
    await post.follow()
    await post.later()
    assert post.pool == [] and post.main.state.turn == 1


@in_trio
async def test_a_cancellation_that_took_the_turn_does_not_take_the_freeze(post: Post) -> None:
    await post.follow()
    await post.later()
    post.main.send(post.main.spend(Announce(0, terms_hash(NEW))))
    post.state.clear()
    await post.rob([paid(900)])
    await post.later()
    assert set(post.kinds) == {"unknown_spend", "undecided_terms"}
    cancel = [tx for tx in post.pool if tx.body.actions[0].kind == CANCEL]
    if not cancel:  # both spend the anchor: the later one displaced the other
        cancel = [post.main.spend(Cancel(0, terms_hash(NEW)))]
    post.pool.clear()
    post.main.send(cancel[0])
    await post.follow()
    await post.later()
    assert post.operations == [FREEZE]
    await post.mined()
    assert post.main.state.turn == 2 and post.main.state.frozen_until


@in_trio
async def test_another_guards_freeze_is_enough(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    await post.later()
    post.pool.clear()
    post.main.send(post.main.spend(Freeze(0)))
    await post.follow()
    await post.later()
    assert post.pool == [] and post.guard.acting.jobs == []


@in_trio
async def test_what_does_not_get_in_pays_more(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    await post.later()
    fees = []
    for _ in range(3):
        (tx,) = post.pool
        fees.append(10_000_000 - sum(output.amount for output in tx.body.outputs))
        for _ in range(STUCK_BLOCKS):
            post.main.mine()
        await post.follow()
        await post.later()
    assert fees[0] < fees[1] < fees[2]
    digests = {job.digest for job in post.guard.acting.jobs}
    assert len(digests) == 1, "and no new signature"


@in_trio
async def test_an_anchor_that_moved_on_is_followed_at_once(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    await post.later()
    (before,) = post.pool
    post.main.send(post.main.touch())
    await post.follow()
    await post.later()
    (after,) = post.pool
    assert before.body.inputs[0] != after.body.inputs[0] == post.main.anchor
    assert post.guard.acting.jobs[0].raises == 0


@in_trio
async def test_what_is_refused_is_an_alarm_once(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    post.refuse = "FeeTooLow"
    await post.later(20)
    assert post.kinds == ["unknown_spend", "act_failed"]
    post.refuse = ""
    await post.later()
    assert post.operations == [FREEZE]


@in_trio
async def test_a_node_that_is_not_synced_raises_nothing(post: Post) -> None:
    post.syncing = True
    await post.follow()
    await post.rob([paid(900)])
    await post.later(10)
    assert (post.kinds, post.pool) == ([], [])
    post.syncing = False
    await post.later()
    assert post.kinds == ["unknown_spend"]


@in_trio
async def test_by_rule_or_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post(tmp_path, monkeypatch, Rules(act=frozenset()))
    await post.follow()
    await post.later()
    await post.rob([paid(900)], SLOW)
    await post.later()
    assert post.kinds == ["unknown_spend"] and post.pool == []
    from bystack.node.guard.requests import _perform

    shown = await _perform(post.guard, "freeze")
    assert shown["sent"] and shown["refused"] == ""
    ((point, _),) = post.main.pendings()
    await _perform(post.guard, "veto", point.transaction, point.index)
    assert sorted(post.operations) == [VETO, FREEZE]
    with pytest.raises(RemoteError, match="no pending payout"):
        await _perform(post.guard, "veto", bytes(32), 0)
    with pytest.raises(RemoteError, match="announced"):
        await _perform(post.guard, "cancel", bytes(32))
    info = await _perform(post.guard, "info")
    assert info["seeing"] and info["acts"] == 2 and info["vault"]["turn"] == 0


@in_trio
async def test_two_guards_sign_with_files_and_a_wrong_signature_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is what `bystackd key sign` reads; whose a signature is, is found out."""
    from bystack.node.guard.requests import _perform

    post = Post(tmp_path, monkeypatch, Rules(act=frozenset()))
    await post.follow()
    await post.later()
    post.refuse = "SignaturesInsufficient"  # as if the charter asked for a second guard
    shown = await _perform(post.guard, "freeze")
    file = tmp_path / "freeze.json"
    file.write_bytes(msgspec.json.encode(shown["request"]))
    request = read_request(str(file))
    guard, digest = public_key(KEYS["guard"]), bytes.fromhex(shown["digest"])
    lines, (wanted,) = carried(request, guard, NO_NAMES)
    assert wanted.digest == digest and any("FREEZE" in line for line in lines)
    strange = sign(KEYS["super"], digest, bytes(32))
    job = post.guard.acting.jobs[0]
    before = dict(job.signatures)
    good = sign(KEYS["guard"], digest, bytes(32))
    for given in ({"tower-2": strange}, {"tower-1": good, "tower-2": strange}, {"": bytes(64)}):
        with pytest.raises(GuardSignatureInvalid):
            await _perform(post.guard, "sign", digest, given)
    assert job.signatures == before
    post.refuse = ""
    await _perform(post.guard, "sign", digest, {"tower-1": good})
    await post.later(1)
    assert job.signatures == {guard: good} and post.operations == [FREEZE]


@in_trio
async def test_a_freeze_that_is_soon_allowed_waits_and_one_that_is_not_is_given_up(
    post: Post,
) -> None:
    await post.follow()
    await post.later()
    post.main.send(post.main.spend(Freeze(0)))
    rest = post.main.state.freeze_from
    await post.follow()
    while post.main.height < post.main.state.frozen_until:
        post.main.mine()
    await post.rob([paid(100)])
    await post.later()
    assert "act_failed" in post.kinds and post.guard.acting.jobs == [], "refused for good"
    while post.main.height < rest - TERMS.guard.freeze:
        post.main.mine()
    await post.rob([paid(100)])
    await post.later()
    assert len(post.guard.acting.jobs) == 1 and post.kinds.count("act_failed") == 1
    post.restart()
    while post.main.height + 1 < rest:
        assert FREEZE not in post.operations
        post.main.mine()
    await post.follow()
    await post.later()
    assert post.operations == [FREEZE]
    await post.mined()
    assert post.main.state.turn == 2 and post.guard.acting.jobs == []


@in_trio
async def test_a_payout_that_is_past_vetoing_leaves_the_acts(post: Post) -> None:
    await post.follow()
    await post.later()
    await post.rob([paid(900)], SLOW)
    await post.later()
    assert VETO in post.operations
    (coin,) = post.guard.machine.vault.waiting.values()
    while post.main.height + 1 < coin.mature:
        post.main.mine()
    await post.follow()
    await post.later()
    assert [job.name for job in post.guard.acting.jobs] == ["freeze"]


@in_trio
async def test_contradicting_validators_and_an_unbacked_mint_are_answered(post: Post) -> None:
    """The whole of a guard's node: what its follower's state says, to a freeze in the pool."""
    await post.follow()
    await post.later()
    held = sum(coin.amount for _, coin in post.main.vault_coins(BTM))
    post.state[sums_key(BTM)] = encode(Sums(held, 0, 0, 0, 0))
    await post.later()
    assert post.kinds == []
    post.state[sums_key(BTM)] = encode(Sums(held + 1, 0, 0, 0, 0))
    await post.later(2)
    assert post.kinds == ["unbacked_mint"] and post.operations == [FREEZE]
    assert post.guard.book.alarms[-1].height == post.main.height, "before another block"
    await post.mined()
    while post.main.height + 1 < post.main.state.freeze_from:
        post.main.mine()
    await post.follow()
    height = post.main.height
    post.state[STOPS] = encode(int(Stop.EQUIVOCATION))
    await post.later(1)
    assert "equivocation" in post.kinds
    assert post.operations == [FREEZE] and post.main.height == height, "before another block"
    await post.mined()
    assert post.main.state.turn == 2


@in_trio
async def test_validators_who_keep_their_contradiction_out_of_the_chain_are_answered(
    post: Post,
) -> None:
    """The proof lies with the guard's own follower; that the chain takes it tells nothing new."""
    await post.follow()
    await post.later()
    post.accused = 1
    await post.later(1)
    assert post.kinds == ["equivocation"] and post.operations == [FREEZE]
    await post.mined()
    post.state[STOPS], post.accused = encode(int(Stop.EQUIVOCATION)), 0
    await post.later()
    assert post.kinds.count("equivocation") == 1 and post.pool == []
    assert post.guard.machine.view is not None and post.guard.machine.view.stops
    post.state[STOPS] = encode(0)
    await post.later()
    assert [one for one in post.guard.book.standing if one.kind == Kind.EQUIVOCATION] == []


@in_trio
async def test_a_start_goes_on_from_what_was_followed(post: Post) -> None:
    """The robbery lies below the last block kept: it is judged, answered and seen through."""
    await post.follow()
    await post.later()
    await post.rob([paid(900)], SLOW)
    post.main.grow(1)
    await post.follow()
    vault, purse = post.guard.machine.vault, post.guard.purse
    before = vault.holdings, vault.waiting, vault.anchor, vault.height, purse.kept
    await post.remembered()
    vault, purse = post.guard.machine.vault, post.guard.purse
    assert (vault.holdings, vault.waiting, vault.anchor, vault.height, purse.kept) == before
    assert len(post.told) == post.main.height, "nothing is left to read"
    await post.follow()
    await post.later()
    assert post.kinds == ["unknown_spend"] and sorted(post.operations) == [VETO, FREEZE]
    post.main.reorganise(1)
    await post.follow()
    await post.mined()
    assert post.main.pendings() == [] and post.main.state.frozen_until


@in_trio
async def test_what_cannot_be_followed_again_is_forgotten(post: Post) -> None:
    """Blocks without the one that created the vault: what was kept is worth one reading."""
    post.main.send(post.main.touch())
    post.guard.excerpts.connect(post.main.line[-1])
    await post.remembered()
    assert post.guard.known[1:] == () and post.guard.machine.vault.height == 0
    assert post.guard.known[0].height == post.genesis.checkpoint.header.height
    post.told = []
    await post.follow()
    assert post.guard.machine.vault.known


@in_trio
async def test_from_the_chains_start_again_nothing_is_known(post: Post) -> None:
    await post.follow()
    await post.guard._handle(MainRestarted())
    assert post.guard.known[1:] == () and post.guard.purse.height == 0
    assert not post.guard.machine.vault.known
