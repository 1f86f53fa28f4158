"""Tagged hashes, trees, coded numbers and addresses, after docs/protocol/encoding.md alone."""

from collections.abc import Sequence
from hashlib import sha256

from tests.protocol.reader import Refused

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def h(tag: str, *parts: bytes) -> bytes:
    """`H("tag", …)` of the pages."""
    prefix = sha256(f"bystack/{tag}".encode()).digest()
    return sha256(prefix + prefix + b"".join(parts)).digest()


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


# Merkle tree


def leaf(element: bytes) -> bytes:
    return h("merkle/leaf", element)


def node(left: bytes, right: bytes) -> bytes:
    return h("merkle/node", left, right)


def merkle_root(elements: Sequence[bytes]) -> bytes:
    if not elements:
        return h("merkle/empty")
    level = [leaf(one) for one in elements]
    while len(level) > 1:
        odd = level[len(level) // 2 * 2 :]
        level = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)] + odd
    return level[0]


def walk(element: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """The root that a proof leads to."""
    if not 0 <= index < count:
        raise Refused("ProofIndex")
    at, siblings = leaf(element), list(path)
    while count > 1:
        if index ^ 1 < count:
            if not siblings:
                raise Refused("ProofLength")
            sibling = siblings.pop(0)
            at = node(sibling, at) if index % 2 else node(at, sibling)
        index, count = index // 2, (count + 1) // 2
    if siblings:
        raise Refused("ProofLength")
    return at


def check_merkle(root: bytes, count: int, element: bytes, proof: dict) -> None:
    if proof["count"] != count:
        raise Refused("ProofCount")
    if walk(element, proof["index"], count, proof["path"]) != root:
        raise Refused("ProofMismatch")


# Mountain range


def mountain_append(count: int, peaks: Sequence[bytes], element: bytes) -> list[bytes]:
    """The peaks after one more leaf."""
    at, left = h("mountain/leaf", element), list(peaks)
    while count % 2:
        at, count = h("mountain/node", left.pop(), at), count // 2
    return [*left, at]


def mountain_root(count: int, peaks: Sequence[bytes]) -> bytes:
    if len(peaks) != bin(count).count("1"):
        raise Refused("PeaksMalformed")
    return h("mountain/root", u64(count), *peaks)


def check_mountain(root: bytes, element: bytes, proof: dict) -> None:
    index, count = proof["index"], proof["count"]
    if index >= count:
        raise Refused("ProofIndex")
    sizes = [1 << bit for bit in reversed(range(count.bit_length())) if count >> bit & 1]
    home, first = 0, 0
    while index >= first + sizes[home]:
        first, home = first + sizes[home], home + 1
    if (1 << len(proof["path"]), len(proof["peaks"])) != (sizes[home], len(sizes) - 1):
        raise Refused("ProofLength")
    at = h("mountain/leaf", element)
    for step, sibling in enumerate(proof["path"]):
        pair = (sibling, at) if index >> step & 1 else (at, sibling)
        at = h("mountain/node", *pair)
    peaks = [*proof["peaks"][:home], at, *proof["peaks"][home:]]
    if mountain_root(count, peaks) != root:
        raise Refused("ProofMismatch")


# Trie


def bit_of(path: bytes, depth: int) -> int:
    return path[depth // 8] >> (7 - depth % 8) & 1


def trie_top(path: bytes, at: bytes, siblings: Sequence[bytes]) -> bytes:
    for depth in reversed(range(len(siblings))):
        pair = (siblings[depth], at) if bit_of(path, depth) else (at, siblings[depth])
        at = h("trie/branch", *pair)
    return h("trie/empty") if at == bytes(32) else at


def check_presence(root: bytes, key: bytes, value: bytes, proof: dict) -> None:
    path = h("trie/path", key)
    own = h("trie/leaf", path, h("trie/value", value))
    if proof["other"]:
        raise Refused("ProofLength")
    if trie_top(path, own, proof["siblings"]) != root:
        raise Refused("ProofMismatch")


def check_absence(root: bytes, key: bytes, proof: dict) -> None:
    path, at = h("trie/path", key), bytes(32)
    for other in proof["other"]:
        at = h("trie/leaf", other["path"], other["value"])
        if other["path"] == path:
            raise Refused("ProofKey")
        bits = range(len(proof["siblings"]))
        if any(bit_of(other["path"], one) != bit_of(path, one) for one in bits):
            raise Refused("ProofPath")
    if trie_top(path, at, proof["siblings"]) != root:
        raise Refused("ProofMismatch")


# Golomb-Rice coding


def golomb(numbers: Sequence[int], bits: int) -> bytes:
    text, last = "", 0
    for number in numbers:
        distance, last = number - last, number
        text += "1" * (distance >> bits) + "0" + f"{distance % 2**bits:0{bits}b}"
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


# Addresses


def polymod(symbols: Sequence[int]) -> int:
    """The checksum of BIP 173 and 350."""
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    check = 1
    for symbol in symbols:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ symbol
        for at, term in enumerate(generator):
            check ^= term * (top >> at & 1)
    return check


def address(prefix: str, version: int, payload: bytes) -> str:
    text = "".join(f"{byte:08b}" for byte in payload)
    text += "0" * (-len(text) % 5)
    data = [version, *(int(text[at : at + 5], 2) for at in range(0, len(text), 5))]
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod([*spread, *data, *[0] * 6]) ^ 0x2BC830A3
    data += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return f"{prefix}1" + "".join(LETTERS[symbol] for symbol in data)
