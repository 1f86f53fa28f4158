"""Headers, work, difficulty, proofs and filters, after docs/protocol/mainchain.md alone."""

from collections import Counter
from hashlib import sha256
from typing import Any

from tests.protocol.ledger import opened_root, transaction_id, witness_id
from tests.protocol.reader import Refused, write
from tests.protocol.trees import (
    check_merkle,
    check_mountain,
    golomb,
    h,
    merkle_root,
    mountain_append,
    mountain_root,
    u32,
)

Value = dict[str, Any]


def header_id(header: Value) -> bytes:
    return h("mainchain/header", write(header))


def genesis_header(params: Value) -> Value:
    return {
        "type": "Header",
        "version": 1,
        "height": 0,
        "previous": h("mainchain/params", write(params)),
        "transaction_root": merkle_root([]),
        "witness_root": merkle_root([]),
        "transaction_count": 0,
        "history_root": mountain_root(0, []),
        "time": params["genesis_time"],
        "target": params["genesis_target"],
        "nonce": bytes(8),
    }


def chain_id(params: Value) -> bytes:
    return h("mainchain/chain", write(params), header_id(genesis_header(params)))


# Targets and difficulty


def target(compact: int) -> int:
    size, mantissa = compact >> 24, compact & 0x7FFFFF
    full = mantissa * 256 ** (size - 3) if size >= 3 else mantissa // 256 ** (3 - size)
    if not 1 <= full < 2**256 or compact_of(full) != compact:
        raise Refused("TargetInvalid")
    return full


def compact_of(full: int) -> int:
    size = (full.bit_length() + 7) // 8
    mantissa = full * 256**3 // 256**size
    if mantissa > 0x7FFFFF:
        size, mantissa = size + 1, mantissa // 256
    return size * 2**24 + mantissa


def work(full: int) -> int:
    return 2**256 // (full + 1)


def next_target(params: Value, time: int, height: int) -> int:
    """The compact target of the children of a header with this time and height."""
    if not params["retarget"]:
        return int(params["genesis_target"])
    late = time - params["genesis_time"] - params["spacing"] * height
    anchor, limit = target(params["genesis_target"]), target(params["target_limit"])
    e = abs(late) * 65536 // params["half_life"]
    n, p = divmod(e if late >= 0 else -e, 65536)
    if n > 256:
        return compact_of(limit)
    f = 65536 + (195766423245049 * p + 971821376 * p**2 + 5127 * p**3 + 2**47) // 2**48
    full = anchor * f * 2 ** (n - 16) if n >= 16 else anchor * f // 2 ** (16 - n)
    return compact_of(min(max(full, 1), limit))


def subsidy(params: Value, height: int) -> int:
    return int(params["subsidy"] // 2 ** min(height // params["halving"], 63)) if height else 0


def sha256d(identity: bytes) -> bytes:
    return sha256(sha256(identity).digest()).digest()


class Chain:
    """A branch of headers of sha256d, each judged on the one before."""

    def __init__(self, params: Value) -> None:
        self.params, self.work, self.peaks = params, 0, list[bytes]()
        self.headers, self.seeds = list[Value](), list[bytes]()
        self._take(genesis_header(params))

    def _take(self, header: Value) -> None:
        self.work += work(target(header["target"]))
        leaf = header_id(header) + self.work.to_bytes(32, "big")
        self.peaks = mountain_append(len(self.headers), self.peaks, leaf)
        self.headers.append(header)

    def seed(self) -> bytes:
        """Of the next header."""
        return header_id(self.headers[(len(self.headers) - 1) // 256 * 256])

    def add(self, header: Value) -> None:
        parent, height = self.headers[-1], len(self.headers)
        times = sorted(one["time"] for one in self.headers[-11:])
        rules = {
            "HeaderVersion": header["version"] == 1,
            "HeaderOrphan": header["previous"] == header_id(parent),
            "HeaderHeight": header["height"] == height,
            "HeaderCount": 1 <= header["transaction_count"] <= 65_536,
            "HeaderTimeOld": header["time"] > times[len(times) // 2],
            "HeaderHistory": header["history_root"] == mountain_root(height, self.peaks),
            "HeaderTarget": header["target"]
            == next_target(self.params, parent["time"], parent["height"]),
        }
        for rule, held in rules.items():
            if not held:
                raise Refused(rule)
        if int.from_bytes(sha256d(header_id(header)), "big") > target(header["target"]):
            raise Refused("HeaderWork")
        self._take(header)


# Blocks and proofs


def check_roots(block: Value) -> None:
    header, transactions = block["header"], block["transactions"]
    if header["transaction_count"] != len(transactions):
        raise Refused("TransactionCount")
    if header["transaction_root"] != merkle_root(list(map(transaction_id, transactions))):
        raise Refused("TransactionRoot")
    if header["witness_root"] != merkle_root(list(map(witness_id, transactions))):
        raise Refused("WitnessRoot")


def check_transaction_proof(header: Value, proof: Value, tx: Value) -> None:
    if (proof["header"], proof["height"]) != (header_id(header), header["height"]):
        raise Refused("ProofHeader")
    count = header["transaction_count"]
    check_merkle(header["witness_root"], count, witness_id(tx), proof["branch"])


def check_history(newer: Value, proof: Value) -> None:
    old, path = proof["header"], proof["path"]
    if (path["count"], path["index"]) != (newer["height"], old["height"]):
        raise Refused("HistoryCount")
    check_mountain(newer["history_root"], header_id(old) + proof["work"], path)


# Filters


def keys_of(tx: Value) -> set[bytes]:
    found = set()
    for output in tx["body"]["outputs"]:
        lock = output["lock"]
        if lock["type"] in ("PolicyLock", "VaultLock", "DepositLock", "TreasuryLock"):
            found.add(lock["root"] if lock["type"] == "PolicyLock" else lock["vault"])
        elif lock["type"] == "PendingLock":
            found.add(lock["vault"])
    for place, witness in zip(tx["body"]["inputs"], tx["witnesses"], strict=False):
        spent = witness["type"] == "Spend"
        found.add(opened_root(witness) if spent else h("mainchain/filter/outpoint", write(place)))
    return found


def filter_of(block: Value) -> Value:
    identity = header_id(block["header"])
    found = Counter(key for tx in block["transactions"] for key in keys_of(tx))
    n = sum(found.values())
    elements = sorted(
        element(identity, key, at, n) for key, times in found.items() for at in range(times)
    )
    return {"type": "BlockFilter", "count": n, "data": golomb(elements, 19)}


def element(block: bytes, key: bytes, ordinal: int, n: int) -> int:
    u = int.from_bytes(h("mainchain/filter/element", block, key, u32(ordinal))[:8], "big")
    return u * n * 784931 // 2**64


def filter_digest(block: bytes, found: Value) -> bytes:
    return h("mainchain/filter", block, write(found))


def issue_digest(chain: bytes, transaction: bytes, position: int) -> bytes:
    return h("issue", chain, transaction, u32(position))
