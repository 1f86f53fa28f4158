import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.p2p.gossip import (
    SILENCE_POINTS,
    Accepted,
    AcceptedAll,
    Deliver,
    Dropped,
    Fetch,
    Forgive,
    Gossip,
    GossipEvent,
    GossipOutput,
    Heard,
    Joined,
    Left,
    Offer,
    Penalise,
    Refused,
    Rejected,
    Remind,
    SendTo,
    Supply,
    SupplyAll,
    Taken,
    Tick,
    Topic,
    payload_cap,
)
from bystack.p2p.items import PACK, Announce, Get, Item, Items, Missing, read
from bystack.primitives.codec import encode
from bystack.primitives.errors import Misuse
from bystack.primitives.hashes import sha256

TX = Topic(1, cap=100)
A, B, C = b"A" * 32, b"B" * 32, b"C" * 32
ID = b"i" * 32


def ids(count: int, salt: bytes = b"") -> tuple[bytes, ...]:
    return tuple(sha256(salt + i.to_bytes(4, "big")) for i in range(count))


def machine(*peers: bytes, topic: Topic = TX) -> Gossip:
    gossip = Gossip([topic])
    for peer in peers:
        assert gossip.handle(Joined(peer), 0.0) == []
    return gossip


def heard(gossip: Gossip, peer: bytes, message: object, now: float = 0.0) -> list[GossipOutput]:
    return gossip.handle(Heard(peer, encode(message)), now)


def get(peer: bytes, *wanted: bytes) -> SendTo:
    return SendTo(peer, encode(Get(1, wanted)))


def announce(peer: bytes, *held: bytes) -> SendTo:
    return SendTo(peer, encode(Announce(1, held)))


def test_announce_get_item_and_on() -> None:
    gossip = machine(A, B, C)
    assert heard(gossip, A, Announce(1, (ID,))) == [get(A, ID)]
    assert heard(gossip, A, Item(1, ID, b"body")) == [Deliver(A, 1, ID, b"body")]
    assert gossip.handle(Accepted(1, ID), 0.0) == [announce(B, ID), announce(C, ID)]
    assert gossip.pending(1) == 0
    assert heard(gossip, B, Get(1, (ID,))) == [Fetch(B, 1, ID)]
    supplied = gossip.handle(Supply(B, 1, ID, b"body"), 0.0)
    assert supplied == [SendTo(B, encode(Item(1, ID, b"body")))]


def test_an_item_is_announced_to_each_peer_once() -> None:
    gossip = machine(A, B)
    assert len(gossip.handle(Accepted(1, ID), 0.0)) == 2
    assert gossip.handle(Accepted(1, ID), 0.0) == []
    assert heard(gossip, A, Announce(1, (ID,))) == []


def test_many_travel_together_both_ways() -> None:
    gossip, all_ids = machine(A, B), ids(3)
    heard(gossip, A, Announce(1, all_ids))
    bodies = tuple((id, b"body %d" % i) for i, id in enumerate(all_ids))
    assert heard(gossip, A, Items(1, bodies)) == [Deliver(A, 1, *one) for one in bodies]
    assert gossip.handle(AcceptedAll(1, all_ids), 0.0) == [announce(B, *all_ids)]
    assert heard(gossip, B, Get(1, all_ids)) == [Fetch(B, 1, id) for id in all_ids]
    answer = gossip.handle(SupplyAll(B, 1, (*bodies[:2], (all_ids[2], None))), 0.0)
    assert answer == [
        SendTo(B, encode(one)) for one in (Items(1, bodies[:2]), Missing(1, all_ids[2:]))
    ]


def test_what_is_taken_is_held_and_announced_when_offered() -> None:
    gossip, all_ids = machine(A, B), ids(2)
    heard(gossip, A, Announce(1, all_ids))
    heard(gossip, A, Items(1, tuple((id, b"body") for id in all_ids)))
    assert gossip.handle(Taken(1, all_ids), 0.0) == []
    assert gossip.pending(1) == 0 and heard(gossip, B, Announce(1, all_ids[:1])) == []
    assert gossip.handle(Offer(A, 1, all_ids), 0.0) == []
    assert gossip.handle(Offer(B, 1, all_ids), 0.0) == [announce(B, all_ids[1])]


def test_who_dropped_an_announcement_is_reminded() -> None:
    gossip, other = machine(A, B), b"o" * 32
    gossip.handle(AcceptedAll(1, (ID, other)), 0.0)
    assert gossip.handle(Offer(B, 1, (ID,)), 0.0) == []
    assert gossip.handle(Remind(1, (ID,)), 0.0) == [announce(A, ID), announce(B, ID)]
    assert heard(gossip, B, Get(1, (ID,))) == [Fetch(B, 1, ID)]
    assert gossip.handle(Remind(1, ()), 0.0) == []


def test_what_was_refused_is_asked_for_once_it_is_forgiven_and_a_late_body_is_no_fault() -> None:
    gossip = machine(A, B)
    heard(gossip, A, Announce(1, (ID,)))
    heard(gossip, B, Announce(1, (ID,)))
    gossip.handle(Tick(), 10.0)  # A is late, B gives it
    heard(gossip, B, Item(1, ID, b"body"), 10.0)
    gossip.handle(Refused(1, ID), 10.0)
    gossip.handle(Forgive(1), 10.0)
    assert heard(gossip, A, Item(1, ID, b"body"), 10.0) == []
    assert heard(gossip, B, Announce(1, (ID,)), 10.0) == [get(B, ID)]
    gossip.handle(Refused(1, ID), 10.0)
    gossip.handle(Forgive(1), 10.0)
    gossip.handle(Forgive(1), 10.0)
    [fine] = heard(gossip, A, Item(1, ID, b"body"), 10.0)
    assert isinstance(fine, Penalise) and fine.reason == "UnsolicitedItem"


def test_of_a_message_with_one_item_nobody_asked_for_nothing_is_taken() -> None:
    gossip, other = machine(A), b"o" * 32
    heard(gossip, A, Announce(1, (ID,)))
    [fine] = heard(gossip, A, Items(1, ((ID, b"body"), (other, b"body"))))
    assert isinstance(fine, Penalise) and fine.reason == "UnsolicitedItem"
    assert gossip.pending(1) == 1 and not gossip._topics[1].wants[ID].judging


def test_items_are_packed_within_the_cap_of_a_frame() -> None:
    topic = Topic(1, cap=PACK + 10)
    gossip = machine(A, topic=topic)
    sizes = [PACK + 10, 1, PACK, PACK - 1, 1, *[0] * 300]
    bodies = tuple((id, bytes(size)) for id, size in zip(ids(len(sizes)), sizes, strict=True))
    packs = gossip.handle(SupplyAll(A, 1, bodies), 0.0)
    read_all = [read(o.payload, payload_cap([topic])) for o in packs if isinstance(o, SendTo)]
    counts = [len(one.items) if isinstance(one, Items) else 1 for one in read_all]
    assert counts == [1, 1, 1, 256, 46]


def test_one_announcer_is_asked_at_a_time() -> None:
    gossip = machine(A, B)
    heard(gossip, A, Announce(1, (ID,)))
    assert heard(gossip, B, Announce(1, (ID, ID))) == []
    assert gossip.deadline() == 10.0
    assert gossip.handle(Tick(), 9.9) == []
    late = gossip.handle(Tick(), 10.0)
    assert late == [get(B, ID), Penalise(A, SILENCE_POINTS, "RequestTimeout")]


def test_who_is_late_with_much_pays_once() -> None:
    gossip = machine(A)
    heard(gossip, A, Announce(1, ids(30)))
    fines = [o for o in gossip.handle(Tick(), 10.0) if isinstance(o, Penalise)]
    assert fines == [Penalise(A, SILENCE_POINTS, "RequestTimeout")]
    assert gossip.pending(1) == 0 and gossip.deadline() == float("inf")


def test_the_rest_is_asked_for_after_a_timeout() -> None:
    gossip = machine(A)
    heard(gossip, A, Announce(1, ids(100)))
    asked = [o for o in gossip.handle(Tick(), 10.0) if isinstance(o, SendTo)]
    assert asked == [get(A, *ids(100)[32:64])]


@pytest.mark.parametrize("end", [Left(A), Heard(A, encode(Missing(1, (ID,))))])
def test_another_is_asked_when_the_first_leaves_or_lacks(end: GossipEvent) -> None:
    gossip = machine(A, B)
    heard(gossip, A, Announce(1, (ID,)))
    heard(gossip, B, Announce(1, (ID,)))
    assert gossip.handle(end, 1.0) == [get(B, ID)]
    assert gossip.handle(Left(B), 1.0) == []
    assert gossip.pending(1) == 0


def test_a_bad_body_does_not_spoil_the_id() -> None:
    gossip = machine(A, B)
    heard(gossip, A, Announce(1, (ID,)))
    heard(gossip, B, Announce(1, (ID,)))
    heard(gossip, A, Item(1, ID, b"bad"))
    assert gossip.handle(Rejected(1, ID), 1.0) == [get(B, ID)]
    assert heard(gossip, B, Item(1, ID, b"good")) == [Deliver(B, 1, ID, b"good")]


def test_a_refused_item_is_not_asked_for_again_until_dropped() -> None:
    gossip = machine(A, B)
    heard(gossip, A, Announce(1, (ID,)))
    heard(gossip, A, Item(1, ID, b"bad"))
    assert gossip.handle(Refused(1, ID), 1.0) == []
    assert heard(gossip, B, Announce(1, (ID,))) == []
    assert gossip.handle(Dropped(1, ID), 1.0) == []
    assert heard(gossip, B, Announce(1, (ID,))) == [get(B, ID)]


def test_a_driver_that_never_answers_costs_one_timeout() -> None:
    gossip = machine(A, B)
    heard(gossip, A, Announce(1, (ID,)))
    heard(gossip, B, Announce(1, (ID,)))
    heard(gossip, A, Item(1, ID, b"body"))
    assert gossip.handle(Tick(), 10.0) == [get(B, ID)]


def test_unsolicited_and_late_items() -> None:
    gossip = machine(A, B)
    [fine] = heard(gossip, A, Item(1, ID, b"body"))
    assert isinstance(fine, Penalise) and fine.reason == "UnsolicitedItem"
    heard(gossip, A, Announce(1, (ID,)))
    heard(gossip, B, Announce(1, (ID,)))
    gossip.handle(Tick(), 10.0)  # B is asked instead
    assert heard(gossip, A, Item(1, ID, b"late")) == []
    heard(gossip, B, Item(1, ID, b"body"))
    gossip.handle(Accepted(1, ID), 11.0)
    assert heard(gossip, A, Item(1, ID, b"late")) == []


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (encode(Item(1, ID, bytes(101))), "ItemTooLong"),
        (encode(Announce(2, (ID,))), "UnknownTopic"),
        (encode(Announce(1, ())), "Malformed"),
        (encode(Announce(1, ids(257))), "Malformed"),
        (b"", "Malformed"),
        (bytes(payload_cap([TX]) + 1), "TooLong"),
    ],
)
def test_breaches_are_named_and_fined(payload: bytes, rule: str) -> None:
    gossip = machine(A)
    heard(gossip, A, Announce(1, (ID,)))
    [fine] = gossip.handle(Heard(A, payload), 0.0)
    assert fine == Penalise(A, 20, rule)


@given(st.binary(max_size=200))
def test_garbage_is_fined(payload: bytes) -> None:
    outputs = machine(A).handle(Heard(A, payload), 0.0)
    assert all(isinstance(output, Penalise | SendTo) for output in outputs)


def test_only_what_we_announced_is_looked_up() -> None:
    gossip = machine(A)
    gossip.handle(Accepted(1, ID), 0.0)
    other = b"o" * 32
    outputs = heard(gossip, A, Get(1, (other, ID, ID)))
    assert outputs == [Fetch(A, 1, ID), SendTo(A, encode(Missing(1, (other,))))]
    gone = gossip.handle(Supply(A, 1, ID, None), 0.0)
    assert gone == [SendTo(A, encode(Missing(1, (ID,))))]


def test_offers_are_cut_to_size_and_say_nothing_twice() -> None:
    gossip = machine(A)
    offered = ids(600)
    outputs = gossip.handle(Offer(A, 1, offered), 0.0)
    limit = payload_cap([TX])
    announced = [read(o.payload, limit) for o in outputs if isinstance(o, SendTo)]
    assert [len(message.ids) for message in announced] == [256, 256, 88]  # type: ignore[union-attr]
    assert gossip.handle(Offer(A, 1, offered), 0.0) == []
    assert gossip.handle(Offer(B, 1, offered), 0.0) == []  # not here


def test_a_body_beyond_its_cap_is_our_mistake() -> None:
    with pytest.raises(Misuse):
        machine(A).handle(Supply(A, 1, ID, bytes(101)), 0.0)
    with pytest.raises(Misuse):
        heard(machine(A), B, Announce(1, (ID,)))


def test_requests_under_way_are_bounded_and_refilled() -> None:
    gossip = machine(A, B)
    all_ids = ids(100)
    assert heard(gossip, A, Announce(1, all_ids)) == [get(A, *all_ids[:32])]
    outputs: list[GossipOutput] = []
    for id in all_ids[:16]:
        outputs += heard(gossip, A, Item(1, id, b""))
        gossip.handle(Accepted(1, id), 0.0)
    assert [o for o in outputs if isinstance(o, SendTo)] == [get(A, *all_ids[32:48])]
    assert heard(gossip, B, Announce(1, all_ids)) == [get(B, *all_ids[48:80])]


def test_a_flood_of_announcements_takes_bounded_memory_and_leaves_room() -> None:
    topic = Topic(1, cap=100, wanted=2000, per_peer=500, memory=1000)
    gossip = machine(A, B, topic=topic)
    tracemalloc.start()
    try:
        for i in range(400):
            heard(gossip, A, Announce(1, ids(256, b"%d" % i)))
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()
    assert gossip.pending(1) == 500
    assert heard(gossip, B, Announce(1, (ID,))) == [get(B, ID)]
    gossip.handle(Left(A), 0.0)
    assert gossip.pending(1) == 1


class Net:
    """Some machines, a network that loses messages, and drivers that hold bodies."""

    def __init__(self, dice: Random, size: int) -> None:
        self.dice = dice
        self.names = [bytes([i]) * 32 for i in range(size)]
        self.nodes = {name: machine(*(o for o in self.names if o != name)) for name in self.names}
        self.bodies: dict[bytes, dict[bytes, bytes]] = {name: {} for name in self.names}
        self.flying: list[tuple[bytes, bytes, bytes]] = []
        self.fines = 0
        self.bodies_sent = 0

    def act(self, name: bytes, event: GossipEvent, now: float) -> None:
        for output in self.nodes[name].handle(event, now):
            match output:
                case SendTo(peer, payload):
                    self.flying.append((name, peer, payload))
                case Deliver(_, topic, id, body):
                    assert sha256(body) == id
                    self.bodies[name][id] = body
                    self.act(name, Accepted(topic, id), now)
                case Fetch(peer, topic, id):
                    self.bodies_sent += 1
                    self.act(name, Supply(peer, topic, id, self.bodies[name].get(id)), now)
                case Penalise():
                    self.fines += 1

    def settle(self, now: float, loss: float) -> None:
        while self.flying:
            at = self.dice.randrange(len(self.flying))
            sender, receiver, payload = self.flying.pop(at)
            if self.dice.random() >= loss:
                self.act(receiver, Heard(sender, payload), now)


@given(st.integers(0, 10**6))
def test_items_reach_all_despite_loss_and_each_travels_once_without(seed: int) -> None:
    dice = Random(seed)
    loss = dice.choice([0.0, 0.2])
    net = Net(dice, size=5)
    for i in range(8):
        body = b"%d" % i
        name = dice.choice(net.names)
        net.bodies[name][sha256(body)] = body
        net.act(name, Accepted(1, sha256(body)), 0.0)
    net.settle(0.0, loss)
    for step in range(1, 12):  # a lossless network ends at once; the lossy one by asking again
        for name in net.names:
            net.act(name, Tick(), step * 10.0)
            for peer in net.names:  # what a driver does on reconnecting: offer it all
                if loss and peer != name:
                    net.act(name, Left(peer), step * 10.0)
                    net.act(name, Joined(peer), step * 10.0)
        for name in net.names if loss else []:
            for peer in net.names:
                net.act(name, Offer(peer, 1, tuple(net.bodies[name])), step * 10.0)
        net.settle(step * 10.0, loss if step < 8 else 0.0)
    assert all(len(held) == 8 for held in net.bodies.values())
    assert all(node.pending(1) == 0 for node in net.nodes.values())
    if not loss:
        assert net.bodies_sent == 8 * 4 and net.fines == 0


@given(st.integers(0, 10**6))
def test_counts_stay_true_under_any_conversation(seed: int) -> None:
    """Requests open, offers and wants agree whatever peers say and in whatever order."""
    dice = Random(seed)
    topic = Topic(1, cap=10, wanted=12, per_peer=8, announcers=2, requests=4, memory=20)
    gossip = machine(A, B, C, topic=topic)
    some, now = ids(20), 0.0
    for _ in range(120):
        now += dice.choice([0, 0, 1, 6])
        chosen = tuple(dice.sample(some, dice.randint(1, 6)))
        peer, id = dice.choice([A, B, C]), chosen[0]
        verdicts: list[GossipEvent] = [Accepted(1, id), Rejected(1, id), Refused(1, id)]
        verdicts += [Dropped(1, id), AcceptedAll(1, chosen), Taken(1, chosen)]
        verdicts += [Remind(1, chosen), Forgive(1)]
        events: list[GossipEvent] = [
            Heard(peer, encode(Announce(1, chosen))),
            Heard(peer, encode(Announce(1, chosen))),
            Heard(peer, encode(Item(1, id, b"x"))),
            Heard(peer, encode(Items(1, tuple((one, b"y") for one in chosen)))),
            Heard(peer, encode(Missing(1, chosen))),
            Heard(peer, encode(Get(1, chosen))),
            dice.choice(verdicts),
            Tick(),
        ]
        gossip.handle(dice.choice(events), now)
        if dice.random() < 0.05:
            gossip.handle(Left(peer), now)
            gossip.handle(Joined(peer), now)
        check_counts(gossip, topic)


def check_counts(gossip: Gossip, topic: Topic) -> None:
    state = gossip._topics[1]
    assert len(state.wants) <= topic.wanted
    for name, known in state.peers.items():
        asked = [id for id, want in state.wants.items() if want.asked == name]
        assert known.requests == len(asked) <= topic.requests
        assert set(asked) <= set(known.offers)
        assert len(known.offers) <= topic.per_peer and len(known.known) <= 2 * topic.memory
        assert set(known.offers) == {i for i, w in state.wants.items() if name in w.announcers}
    for id, want in state.wants.items():
        assert len(want.announcers) <= topic.announcers
        assert not (want.asked and want.judging)
        assert want.announcers or want.judging, "an id nobody can give is forgotten"
        assert want.due or not (want.asked or want.judging)
        assert id not in state.held and id not in state.refused
