"""Ids, policies, digests, buckets and vaults, after docs/protocol/ledger.md alone."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from btclib_secp256k1 import ssa

from tests.protocol.reader import Refused, write
from tests.protocol.trees import h, merkle_root, u32, u64, walk

Value = dict[str, Any]
BTM = b"\xff" * 32


# Ids and digests


def transaction_id(tx: Value) -> bytes:
    return h("transaction", write(tx["body"]))


def witness_id(tx: Value) -> bytes:
    return h("witness", transaction_id(tx), write(tx["witnesses"]))


def coin_digest(outpoint: Value, coin: Value) -> bytes:
    return h("coin", write([outpoint, coin["asset"], coin["amount"], coin["lock"]]))


def signing_digest(
    chain: bytes, body: Value, coins: Sequence[Value], index: int, mode: int
) -> bytes:
    digests = [coin_digest(*pair) for pair in zip(body["inputs"], coins, strict=True)]
    if mode == 0:
        every = h("coins", *digests)
        identity = h("transaction", write(body))
        return h("signing", chain, b"\x00", identity, every, u32(index))
    if mode != 1:
        raise Refused("ModeUnknown")
    if index >= len(body["outputs"]):
        raise Refused("OutputBesideMissing")
    window = body["version"].to_bytes(2, "big"), u64(body["valid_from"]), u64(body["valid_until"])
    beside = write(body["outputs"][index])
    return h("signing", chain, b"\x01", *window, digests[index], beside)


def asset_id(issuance: bytes, definition: Value) -> bytes:
    return h("asset", issuance, write(definition))


# Policies


def policy_root(policies: Sequence[Value]) -> bytes:
    leaves = [write(policy) for policy in policies]
    while len(leaves) & (len(leaves) - 1):
        leaves.append(b"")
    return merkle_root(leaves)


def opened_root(spend: Value) -> bytes:
    """The root that a spend's branch stands under."""
    branch = spend["branch"]
    count = branch["count"]
    if not 1 <= count <= 1024 or count & (count - 1):
        raise Refused("BranchInvalid")
    return walk(write(spend["policy"]), branch["index"], count, branch["path"])


Signatures = list[tuple[str, bytes, bytes]]


def satisfied(policy: Value, items: Sequence[bytes], height: int, born: int) -> Signatures:
    """The signatures that a policy's items hold, as (kind, key, signature)."""
    queue, signatures = iter(items), Signatures()
    if not judge(policy, queue, height - born, height, signatures):
        raise Refused("PolicyUnsatisfied")
    if list(queue):
        raise Refused("ItemsSurplus")
    return signatures


def judge(policy: Value, queue: Iterator[bytes], age: int, height: int, found: Signatures) -> bool:
    if "subs" in policy:
        subs = policy["subs"]
        needed = {"Thresh": policy.get("k"), "All": len(subs), "Any": 1}[policy["type"]]
        given = sum([judge(sub, queue, age, height, found) for sub in subs])
        if given not in (0, needed):
            raise Refused("PolicyUnsatisfied")
        return given == needed
    item = next(queue, None)
    if item is None:
        raise Refused("ItemsMissing")
    if not item:
        return False
    check_item(policy, item, age, height)
    if policy["type"] in ("Key", "Bls"):
        found.append((policy["type"], policy["key"], item))
    return True


def check_item(leaf: Value, item: bytes, age: int, height: int) -> None:
    kind = leaf["type"]
    form = {"Key": 64, "Bls": 96, "Sha256": 32}
    if kind in form and len(item) != form[kind]:
        raise Refused("ItemMalformed")
    if kind == "Sha256" and sha256(item).digest() != leaf["hash"]:
        raise Refused("PreimageWrong")
    if kind in ("After", "Older") and item != b"\x01":
        raise Refused("ItemMalformed")
    if kind == "After" and height < leaf["height"]:
        raise Refused("HeightTooLow")
    if kind == "Older" and age < leaf["blocks"]:
        raise Refused("CoinTooYoung")


# A transaction of policy locks without actions, judged whole


def check_payment(chain: bytes, tx: Value, coins: Sequence[Value], height: int) -> tuple[int, int]:
    """Weight, and fee in BTM, of a valid payment; coins are those of its inputs."""
    body, signatures, fee = tx["body"], 0, 0
    for index, coin in enumerate(coins):
        witness = tx["witnesses"][index]
        if opened_root(witness) != coin["lock"]["root"]:
            raise Refused("ProofMismatch")
        digest = signing_digest(chain, body, coins, index, witness["mode"])
        for _, key, signature in satisfied(
            witness["policy"], witness["items"], height, coin["height"]
        ):
            signatures += 1
            if not schnorr(key, digest, signature):
                raise Refused("SignatureWrong")
    for asset in {coin["asset"] for coin in coins} | {out["asset"] for out in body["outputs"]}:
        left = sum_of(coins, asset) - sum_of(body["outputs"], asset)
        if left < 0:
            raise Refused("Overspent")
        if asset != BTM and left:
            raise Refused("FeeAsset")
        fee += left
    return len(write(tx)) + 50 * signatures, fee


def sum_of(values: Sequence[Value], asset: bytes) -> int:
    return sum(value["amount"] for value in values if value["asset"] == asset)


def schnorr(key: bytes, digest: bytes, signature: bytes) -> bool:
    """BIP 340."""
    try:
        return bool(ssa.verify(digest, key, signature))
    except ValueError:
        return False
