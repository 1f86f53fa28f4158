"""The federation's module: who may pause, for how long, and what only a quorum does."""

import msgspec
import pytest

from bystack.federation.module.actions import (
    GOVERN,
    PAUSE,
    REFUND,
    RESUME,
    ApprovalMissing,
    Govern,
    MemberApproval,
    MemberTwice,
    MemberUnknown,
    NonceWrong,
    Pause,
    QuorumMissing,
    RefundRequests,
    Resume,
    action_digest,
    next_nonce,
)
from bystack.federation.module.pauses import (
    BURNS,
    CLAIMS,
    EVERYTHING,
    FederationPaused,
    PausedTooOften,
    PauseEmpty,
)
from bystack.federation.module.records import (
    DEFAULT_RULES,
    PAUSE_BLOCKS,
    PAUSE_REST,
    Change,
    TermsDecision,
)
from bystack.ledger.transactions import Action, Approval, NoWitness, Transaction, TransactionBody
from bystack.primitives.codec import Malformed, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import read_only
from bystack.sidechain.parameters import Parameters, ParametersLeap, changed, decided, in_force
from bystack.sidechain.payments import SignatureWrong
from bystack.sidechain.records import PegoutState
from bystack.sidechain.state import SystemState
from tests.attacks.test_W18 import federated_funds
from tests.sidechain.federations import CONFIG, MEMBERS, approved, nonce_of
from tests.sidechain.world import K, World
from tests.wire import check_wire

ALL = EVERYTHING
CHOSEN = Parameters(2, 400, 4_000, 1_200, 2, 3, 900, 30, 3_000_000)


def pause(world: World, what: int, member: int = 0) -> Transaction:
    return approved(world, PAUSE, lambda nonce: Pause(nonce, what, "why"), (member,))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config", CONFIG),
        ("seated", CONFIG.standing.seats[0]),
        ("standing", CONFIG.standing),
        ("key_epoch", CONFIG.key),
        ("change", Change(3, 2, 1, CONFIG.standing, 40, 50)),
        ("terms_decision", TermsDecision(4, b"\x09" * 32, b"\x08" * 32, 60)),
        ("rules", DEFAULT_RULES),
        ("work", DEFAULT_RULES.work),
        ("pause", Pause(3, 7, "why")),
        ("resume", Resume(4)),
        ("refund_requests", RefundRequests(5, (b"\x01" * 32,))),
        ("govern", Govern(6, CHOSEN)),
        ("member_approval", MemberApproval(1, 3, b"\x02" * 64)),
    ],
)
def test_on_the_wire(name: str, value: object) -> None:
    check_wire(f"federation_module_{name}", value)


def test_one_member_pauses_what_it_names() -> None:
    world = federated_funds()
    paid = world.deposit(1_000)
    world.relay(K)
    claim, burn = world.claim_tx(paid), world.burn_tx(300)
    for what, refused in ((CLAIMS, [claim]), (BURNS, [burn]), (ALL, [claim, burn])):
        paused = world.copy()
        paused.block(pause(paused, what))
        built = paused.side.build([claim, burn], paused.now)
        assert [tx for tx, _ in built.refused] == refused
        assert all(isinstance(error, FederationPaused) for _, error in built.refused)


def test_a_pause_ends_by_itself_and_overlaps_do_not_add() -> None:
    world = federated_funds()
    world.block(pause(world, BURNS, 0))
    first = world.relayed
    world.relay(100)
    world.block(pause(world, BURNS, 1))
    last = world.relayed + PAUSE_BLOCKS
    assert last - first == 100 + PAUSE_BLOCKS
    world.relay(last - world.relayed - 1)
    with pytest.raises(FederationPaused):
        world.burn(300)
    world.relay(1)
    assert world.stands(world.burn(300)) == PegoutState.BATCHED


def test_a_member_pauses_once_in_a_while() -> None:
    world = federated_funds()
    world.block(pause(world, ALL))
    for _ in range(3):
        world.relay(1_000)
        with pytest.raises(PausedTooOften):
            world.block(pause(world, ALL))
    world.block(pause(world, ALL, 1))
    assert PAUSE_REST == 8_064


def test_only_a_quorum_resumes_and_refunds() -> None:
    world = federated_funds()
    world.block(pause(world, ALL))
    waiting = b"\x01" * 32
    for kind, make in ((RESUME, Resume), (REFUND, lambda n: RefundRequests(n, (waiting,)))):
        with pytest.raises(QuorumMissing):
            world.block(approved(world, kind, make, (2,)))
    world.block(approved(world, RESUME, Resume, (0, 2)))
    assert world.stands(world.burn(300)) == PegoutState.BATCHED


def govern(world: World, members: tuple[int, ...], **changes: int) -> Transaction:
    present = in_force(SystemState(world.side.state))
    chosen = changed(present, changes)
    return approved(world, GOVERN, lambda nonce: Govern(nonce, chosen), members)


def test_a_quorum_governs_and_the_epochs_turn_applies_it() -> None:
    world = federated_funds()
    state = SystemState(world.side.state)
    with pytest.raises(QuorumMissing):
        world.block(govern(world, (2,), interval=400))
    with pytest.raises(ParametersLeap):
        world.block(govern(world, (0, 2), interval=10_000, empty_interval=10_000))
    world.block(govern(world, (0, 2), interval=400))
    state = SystemState(world.side.state)
    waiting = decided(state)
    assert waiting is not None
    assert (waiting.interval, in_force(state).interval) == (400, 500)
    world.block(govern(world, (0, 1), timeout=2_000))
    waiting = decided(SystemState(world.side.state))
    assert waiting is not None
    assert (waiting.interval, waiting.timeout) == (500, 2_000), "the later decision stands alone"


@pytest.mark.parametrize("what", [0, 16, 255])
def test_a_pause_names_something_known(what: int) -> None:
    world = federated_funds()
    with pytest.raises(PauseEmpty):
        world.block(pause(world, what))


def with_witness(tx: Transaction, revealed: bytes, *signatures: tuple[bytes, ...]) -> Transaction:
    return Transaction(tx.body, (Approval(revealed, signatures),))


def test_approvals_are_members_own_each_once() -> None:
    world = federated_funds()
    good = approved(world, RESUME, Resume)
    digest = action_digest(world.genesis.id, RESUME, encode(Resume(nonce_of(world))))
    own = [MemberApproval(i, 1, m.sign(digest)) for i, m in enumerate(MEMBERS)]
    stranger = MemberApproval(3, 1, own[0].signature)
    borrowed = MemberApproval(1, 1, own[0].signature)
    cases: list[tuple[type[Invalid], Transaction]] = [
        (MemberTwice, with_witness(good, encode((own[0], own[0])))),
        (MemberUnknown, with_witness(good, encode((own[0], stranger)))),
        (SignatureWrong, with_witness(good, encode((own[0], borrowed)))),
        (Malformed, with_witness(good, encode(()))),
        (Malformed, with_witness(good, b"")),
        (ApprovalMissing, with_witness(good, encode((own[0], own[1])), (b"more",))),
        (ApprovalMissing, Transaction(good.body, (NoWitness(),))),
    ]
    for error, tx in cases:
        with pytest.raises(error):
            world.block(tx)
    world.block(good)


def test_an_approval_serves_once_one_kind_one_chain_one_body() -> None:
    world = federated_funds()
    first = approved(world, RESUME, Resume)
    world.block(first)
    assert nonce_of(world) == 1
    for nonce in (0, 2, 2**63 - 1):
        with pytest.raises(NonceWrong):
            world.block(approved(world, RESUME, Resume, nonce=nonce))
    with pytest.raises(NonceWrong):
        world.block(first)
    good = approved(world, RESUME, Resume)
    other = Action(256 + PAUSE, encode(Pause(1, ALL, "")))
    changed = Transaction(msgspec.structs.replace(good.body, actions=(other,)), good.witnesses)
    with pytest.raises(SignatureWrong):
        world.block(changed)
    elsewhere = action_digest(b"\x01" * 32, RESUME, good.body.actions[0].body)
    foreign = tuple(MemberApproval(i, 1, m.sign(elsewhere)) for i, m in enumerate(MEMBERS))
    with pytest.raises(SignatureWrong):
        world.block(with_witness(good, encode(foreign)))


def test_an_unknown_action_is_refused() -> None:
    world = federated_funds()
    with pytest.raises(Exception, match="ActionUnknown"):
        world.block(approved(world, 99, Resume))
    body = TransactionBody(1, (), (), (Action(256 + PAUSE, b"\xff"),), 0, 0, b"")
    with pytest.raises(Malformed):
        world.block(Transaction(body, (Approval(b"\xff", ()),)))


def test_queries() -> None:
    world = federated_funds()
    (module,) = world.side.modules.modules
    world.block(pause(world, CLAIMS))
    state = read_only(world.side.state, "federation")
    listed = module.query(state, "listmembers", ())
    assert listed is not None and listed["threshold"] == 2 and listed["nonce"] == 1
    assert [member["name"] for member in listed["members"]] == ["m0", "m1", "m2"]
    pauses = module.query(state, "getpauses", ())
    assert pauses == {
        "claims": world.relayed + PAUSE_BLOCKS, "burns": 0, "batches": 0, "signing": 0,
    }  # fmt: skip
    assert module.query(state, "nothing", ()) is None and next_nonce(state) == 1
