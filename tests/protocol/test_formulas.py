"""The second implementation's formulas against the golden files, the pages and the program."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.policies import Policy, check_policy
from bystack.ledger.satisfaction import Context, policy_root, prove_branch, satisfies
from bystack.ledger.transactions import Transaction
from bystack.ledger.validation import Rules, apply_transaction, weight
from bystack.primitives import golomb, merkle, mountain, trie
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from bystack.primitives.codec import decode, decode_union, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from tests.ledger.strategies import leaves, policies
from tests.protocol import examples, ledger, trees
from tests.protocol.pages import PAGES
from tests.protocol.reader import Refused, read, write
from tests.wire import golden

FEW = settings(max_examples=60)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("README", list),
        ("encoding", examples.encoding),
        ("ledger", examples.of_ledger),
        ("mainchain", examples.of_mainchain),
        ("peers", examples.of_peers),
    ],
)
def test_every_hex_of_a_page_is_what_its_text_gives(page: str, found: Any) -> None:
    computed = [one.hex() for one in found()]
    said = [word for word in examples.shown(page) if not any(word in one for one in computed)]
    assert said == []
    text = re.sub(r"\s", "", PAGES.text[page])
    assert [one for one in computed if one not in text] == []


def test_addresses_of_the_page() -> None:
    assert examples.ADDRESS.findall(PAGES.text["encoding"]) == examples.addresses()


@FEW
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=96, max_size=96))
def test_addresses(root: bytes, deposit: bytes) -> None:
    assert trees.address("bm", 0, root) == encode_address(Address("bm", POLICY, root))
    assert trees.address("side", 1, deposit) == encode_address(Address("side", DEPOSIT, deposit))


@FEW
@given(st.lists(st.binary(max_size=40), max_size=3), st.sampled_from(("coin", "vault/terms")))
def test_tagged_hashes(parts: list[bytes], tag: str) -> None:
    assert trees.h(tag, *parts) == tagged(tag)(*parts)


def test_digests_of_the_golden_file() -> None:
    tx, coin = examples.value("transaction", "Transaction"), examples.value("coin", "Coin")
    policy, place = examples.value("policy_thresh", "Policy"), examples.value_of_place()
    after = [{"type": "After", "height": height} for height in (1, 2)]
    digests = [
        ledger.signing_digest(examples.CHAIN, tx["body"], [coin], 0, 0),
        ledger.signing_digest(examples.CHAIN, tx["body"], [coin], 0, 1),
        ledger.coin_digest(place, coin),
        ledger.policy_root([policy]),
        ledger.policy_root([policy, *after]),
    ]
    assert b"".join(digests) == golden("ledger_digests")
    assert ledger.transaction_id(tx) + ledger.witness_id(tx) == golden("transaction_ids")


# Trees


@FEW
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=20), st.data())
def test_merkle(elements: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(elements) - 1))
    root, proof = merkle.merkle_root(elements), merkle.merkle_prove(elements, index)
    shown = read("MerkleProof", encode(proof))
    assert trees.merkle_root(elements) == root
    trees.check_merkle(root, len(elements), elements[index], shown)
    for bad in (
        {**shown, "index": (shown["index"] + 1) % (len(elements) + 1)},
        {**shown, "count": shown["count"] + 1},
        {**shown, "path": [*shown["path"], bytes(32)]},
        {**shown, "path": [bytes(32) for _ in shown["path"]]},
    ):
        ours, theirs = merkle_verdicts(root, len(elements), elements[index], bad)
        assert ours == theirs


def merkle_verdicts(root: bytes, count: int, element: bytes, proof: Any) -> tuple[bool, bool]:
    theirs = decode(merkle.MerkleProof, write(proof), 10_000)
    return (
        refused(lambda: trees.check_merkle(root, count, element, proof)),
        refused(lambda: merkle.merkle_verify(root, count, element, theirs)),
    )


def refused(check: Any) -> bool:
    try:
        check()
    except (Refused, Invalid):
        return True
    return False


@FEW
@given(st.integers(1, 40), st.data())
def test_mountain(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    theirs, nodes = mountain.EMPTY_PEAKS, dict[tuple[int, int], bytes]()
    ours: list[bytes] = []
    for at in range(count):
        theirs, new = mountain.append(theirs, b"leaf %d" % at)
        nodes.update({(level, place): hash for level, place, hash in new})
        ours = trees.mountain_append(at, ours, b"leaf %d" % at)
    root = mountain.mountain_root(theirs)
    assert (tuple(ours), trees.mountain_root(count, ours)) == (theirs.hashes, root)
    proof = mountain.mountain_prove(lambda *place: nodes[place], count, index)
    shown = read("MountainProof", encode(proof))
    trees.check_mountain(root, b"leaf %d" % index, shown)
    for bad in (
        {**shown, "index": (index + 1) % count},
        {**shown, "path": [*shown["path"], bytes(32)]},
        {**shown, "peaks": shown["peaks"][1:]},
    ):
        if bad != shown:
            with pytest.raises(Refused):
                trees.check_mountain(root, b"leaf %d" % index, bad)


@FEW
@given(st.sets(st.binary(min_size=1, max_size=2), max_size=12), st.binary(min_size=1, max_size=2))
def test_trie(keys: set[bytes], key: bytes) -> None:
    made = trie.update({}, trie.EMPTY_ROOT, {one: b"value" for one in keys})
    shown = read("TrieProof", encode(trie.prove(made.added, made.root, key)))
    present = not refused(lambda: trees.check_presence(made.root, key, b"value", shown))
    absent = not refused(lambda: trees.check_absence(made.root, key, shown))
    assert (present, absent) == (key in keys, key not in keys)
    assert refused(lambda: trees.check_presence(made.root, key, b"other", shown))


@FEW
@given(st.lists(st.integers(0, 10**8), max_size=12).map(sorted))
def test_golomb(numbers: list[int]) -> None:
    assert trees.golomb(numbers, 19) == golomb.golomb_encode(numbers, 19)


# Policies and payments


def signatures(kinds: Any) -> list[tuple[str, bytes, bytes]]:
    return [({32: "Key", 48: "Bls"}[len(one.key)], one.key, one.signature) for one in kinds]


FORMS = {"Key": bytes(64), "Bls": bytes(96), "Sha256": bytes(32)}
WRONG = (b"\x02", bytes(63), bytes(64), bytes(32))


@st.composite
def items_for(draw: st.DrawFn, policy: Any) -> list[bytes]:
    """Items most of which have the form that their leaf asks for, or are empty."""
    found = [draw(one_item(leaf)) for leaf in leaves_of(policy)]
    surplus = draw(st.sampled_from((0, 0, 0, 0, 0, 1, -1)))
    return [*found, b""] if surplus > 0 else found[: len(found) + surplus]


def one_item(leaf: Any) -> st.SearchStrategy[bytes]:
    form = FORMS.get(leaf["type"], b"\x01")
    return st.sampled_from((b"", b"", form, form, form, draw_wrong(form)))


def draw_wrong(form: bytes) -> bytes:
    return next(one for one in WRONG if len(one) != len(form))


def leaves_of(policy: Any) -> list[Any]:
    if "subs" not in policy:
        return [policy]
    return [leaf for sub in policy["subs"] for leaf in leaves_of(sub)]


@settings(max_examples=120)
@given(policies(), st.data(), st.sampled_from((0, 5, 2**63)), st.integers(0, 9))
def test_policies(policy: Policy, data: st.DataObject, height: int, age: int) -> None:
    shown = read("Policy", encode(policy))
    assert ledger.policy_root([shown]) == policy_root([policy])
    items = data.draw(items_for(shown))
    born = max(height - age, 0)
    try:
        wanted = signatures(satisfies(policy, items, Context(height, born, bytes(32))))
    except Invalid:
        wanted = None
    try:
        found = ledger.satisfied(shown, items, height, born)
    except Refused:
        found = None
    assert found == wanted


@FEW
@given(st.lists(leaves(), min_size=1, max_size=6), st.data())
def test_branches(branches: list[Any], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(branches) - 1))
    proof = read("MerkleProof", encode(prove_branch(branches, index)))
    spend = {"policy": read("Policy", encode(branches[index])), "branch": proof}
    assert ledger.opened_root(spend) == policy_root(branches)
    assert check_policy(branches[index]) == 1


def test_the_signed_payment_of_the_page() -> None:
    tx, coin = examples.payment()
    theirs = decode(Transaction, write(tx), 1000)
    place, held = theirs.body.inputs[0], decode(Coin, write(coin), 1000)
    rules = Rules(examples.CHAIN, 100)
    applied = apply_transaction({place: held}, theirs, 10, NO_EFFECTS, rules)
    assert verify_checks(applied.checks)
    ours = ledger.check_payment(examples.CHAIN, tx, [coin], 10)
    assert ours == (weight(theirs, applied.checks), applied.fees[ledger.BTM])
    stated = re.search(r"has (\d+) bytes and weighs (\d+)", PAGES.text["ledger"])
    assert stated and (int(stated[1]), int(stated[2])) == (theirs.size, ours[0])


def test_a_payment_changed_is_refused() -> None:
    tx, coin = examples.payment()
    more = {**tx["body"], "outputs": [{**tx["body"]["outputs"][0], "amount": 1001}]}
    other = {**tx["body"], "memo": b"x"}
    for body in (more, other):
        with pytest.raises(Refused, match="SignatureWrong"):
            ledger.check_payment(examples.CHAIN, {**tx, "body": body}, [coin], 10)
    with pytest.raises(Refused, match="SignatureWrong"):
        ledger.check_payment(bytes(32), tx, [coin], 10)
    with pytest.raises(Refused, match="SignatureWrong"):
        ledger.check_payment(examples.CHAIN, tx, [{**coin, "amount": 1001}], 10)


def test_an_asset_named_by_its_definition() -> None:
    definition = decode_union(Any, golden("asset_definition"), 100)
    assert definition[0] == "GOLD"
    shown = examples.value("asset_definition", "AssetDefinition")
    assert ledger.asset_id(b"\x01" * 32, shown).hex() in PAGES.text["mainchain"]
