"""A second reader of the sidechain's protocol, written from docs/protocol alone.

It knows nothing of `bystack`: hashes, MessagePack and BLS come from other hands. What it finds must
be what the pages say and the program does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgpack

from tests.protocol.pairings import Suite

PROPOSE, PREPARE, COMMIT, TIMEOUT = 0, 1, 2, 3
STEPS = ("propose", "prepare", "commit", "timeout")


# -- encoding.md: bytes and hashes


def read(data: bytes) -> Any:
    """The one object in `data`, arrays as tuples."""
    return msgpack.unpackb(data, use_list=False)


def write(value: Any) -> bytes:
    """The one encoding of a value."""
    return msgpack.packb(value)


def tagged(tag: str, *parts: bytes) -> bytes:
    """H(tag; parts…)."""
    prefix = hashlib.sha256(f"bystack/{tag}".encode()).digest()
    return hashlib.sha256(prefix + prefix + b"".join(parts)).digest()


def fixed(number: int, size: int = 8) -> bytes:
    """A number in a preimage."""
    return number.to_bytes(size, "big")


# -- consensus.md, 1: weight, bitmaps, leaders


def quorum(total: int) -> int:
    """The least weight that decides."""
    return 2 * total // 3 + 1


def weak(total: int) -> int:
    """The least weight with an honest validator in it."""
    return total // 3 + 1


def members(bitmap: bytes, size: int) -> list[int]:
    """The indexes in a bitmap of exactly the bytes its set needs."""
    if len(bitmap) != -(-size // 8):
        raise ValueError("bitmap length")
    named = [i for i in range(8 * len(bitmap)) if bitmap[i // 8] >> i % 8 & 1]
    if named and named[-1] >= size:
        raise ValueError("bitmap bits")
    return named


def leader(seed: bytes, size: int, height: int, view: int, blocks_per_leader: int) -> int:
    """Who proposes."""
    return (int.from_bytes(seed, "big") % size + height // blocks_per_leader + view) % size


def set_hash(validators: tuple[Any, ...]) -> bytes:
    """What headers name as `validators_hash`."""
    return tagged("bbft/validators", write(validators))


# -- consensus.md, 2 and 3: what is signed, certificates


def digest(step: int, chain: bytes, place: Sequence[int], payload: bytes) -> bytes:
    """What a validator signs; `place`: epoch, height, view."""
    return tagged(f"bbft/{STEPS[step]}", chain, *map(fixed, place), payload)


def voted(vote: Sequence[Any], chain: bytes) -> bytes:
    """The digest of a Vote, Aggregate or Certificate (tag first)."""
    _, kind, epoch, height, view, block, justify = vote[:7]
    payload = block + justify if kind == PREPARE else block
    return digest(kind, chain, (epoch, height, view), payload)


def certificate_hash(certificate: Sequence[Any]) -> bytes:
    """The hash of a certificate."""
    return tagged("bbft/certificate", write(certificate))


def timeouts_hash(timeouts: Sequence[Any]) -> bytes:
    """The hash of a timeout certificate."""
    return tagged("bbft/timeout-certificate", write(timeouts))


def header_id(header: Sequence[Any]) -> bytes:
    """A sidechain block's id."""
    return tagged("sidechain/header", write(header))


def final(header: Sequence[Any], certificate: Sequence[Any], voters: tuple[Any, ...]) -> None:
    """Refuse a header that a COMMIT certificate of these voters does not make final."""
    keys = signed_by(header, certificate, voters)
    if not Suite.FastAggregateVerify(keys, voted(certificate, header[1]), certificate[8]):
        raise ValueError("signature")


def signed_by(
    header: Sequence[Any], certificate: Sequence[Any], voters: tuple[Any, ...]
) -> list[bytes]:
    """The keys that must have signed; every rule of `final` but the signature."""
    _, kind, epoch, height, _, block, justify, bitmap, _ = certificate
    if (kind, justify) != (COMMIT, bytes(32)) or epoch != voters[0]:
        raise ValueError("kind or epoch")
    if (block, height, epoch) != (header_id(header), header[2], header[3]):
        raise ValueError("another block")
    if header[13] != set_hash(voters):
        raise ValueError("another set")
    signers = members(bitmap, len(voters[1]))
    weights = [one[2] for one in voters[1]]
    if sum(weights[i] for i in signers) < quorum(sum(weights)):
        raise ValueError("no quorum")
    return [voters[1][i][0] for i in signers]


# -- consensus.md, 7 and 8: gateways, timers


def gateways(size: int, seed: bytes, wanted: int = 0) -> list[int]:
    """The gateways of an epoch."""
    root = next(r for r in range(size + 1) if (2 * r + 1) ** 2 > 4 * size)  # nearest to √size
    count = min(wanted or (1 if size <= 10 else root), size)
    return [(int.from_bytes(seed, "big") + k) % size for k in range(count)]


def view_timer(tau0: int, view: int) -> int:
    """How long a view lasts."""
    return tau0 * 2 ** min(view, 6)


def waits(measured: Sequence[int], fallback: int) -> tuple[int, int]:
    """d_fb and d_agg after these times from vote to certificate."""
    if not measured:
        return fallback, min(60, fallback)
    eighths = 8 * measured[0]
    for time in measured:
        eighths += time - eighths // 8
    smooth = eighths // 8
    return min(max(2 * smooth, 60), fallback), min(max(smooth, 10), 60, fallback)


# -- encoding.md: trees


def merkle(leaves: Sequence[bytes]) -> bytes:
    """The root of a list."""
    if not leaves:
        return tagged("merkle/empty")
    level = [tagged("merkle/leaf", leaf) for leaf in leaves]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [tagged("merkle/node", left, right) for left, right in pairs] + odd
    return level[0]


def trie_root(key: bytes, value: bytes | None, proof: Sequence[Any]) -> bytes:
    """The root to which a proof leads from a key's value, or from its absence."""
    siblings, other = proof
    path = tagged("trie/path", key)
    at = bytes(32)
    if value is not None:
        if other:
            raise ValueError("another leaf beside a value")
        at = tagged("trie/leaf", path, tagged("trie/value", value))
    elif other:
        if other[0][0] == path or bits(other[0][0], len(siblings)) != bits(path, len(siblings)):
            raise ValueError("the leaf does not stand in the key's place")
        at = tagged("trie/leaf", *other[0])
    for sibling, side in reversed(list(zip(siblings, bits(path, len(siblings)), strict=True))):
        at = tagged("trie/branch", sibling, at) if side else tagged("trie/branch", at, sibling)
    return tagged("trie/empty") if at == bytes(32) else at


def bits(path: bytes, count: int) -> list[int]:
    """The first bits of a path, the highest of each byte first."""
    return [path[i // 8] >> 7 - i % 8 & 1 for i in range(count)]


def state_root(system_root: bytes, coin_digest: bytes) -> bytes:
    """What a header commits to."""
    return tagged("sidechain/state", system_root, coin_digest)


def trie_of(entries: dict[bytes, bytes]) -> bytes:
    """The root of a whole map."""
    paths = {tagged("trie/path", k): tagged("trie/value", v) for k, v in entries.items()}
    return subtree(sorted(paths.items()), 0) if paths else tagged("trie/empty")


def subtree(leaves: list[tuple[bytes, bytes]], depth: int) -> bytes:
    """The hash over some leaves, all of one path down to this depth."""
    if len(leaves) < 2:
        return tagged("trie/leaf", *leaves[0]) if leaves else bytes(32)
    halves = [[one for one in leaves if bits(one[0], depth + 1)[-1] == side] for side in (0, 1)]
    return tagged("trie/branch", *(subtree(half, depth + 1) for half in halves))


def coin_digest(coins: dict[tuple[bytes, int], bytes]) -> bytes:
    """The digest of a set of encoded coins by their outpoints."""
    product = 1
    for outpoint, coin in coins.items():
        asset, amount, lock = read(coin)[:3]
        element = tagged("coin", write((outpoint, asset, amount, lock))) + coin
        spread = hashlib.shake_256(tagged("multiset/element", element)).digest(384)
        product = product * int.from_bytes(spread, "big") % (2**3072 - 1103717)
    return tagged("multiset/digest", product.to_bytes(384, "big"))


def range_root(leaves: Sequence[bytes]) -> bytes:
    """The root of a whole mountain range."""
    peaks, start = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            level = [tagged("mountain/leaf", one) for one in leaves[start : start + (1 << bit)]]
            while len(level) > 1:
                pairs = zip(level[::2], level[1::2], strict=True)
                level = [tagged("mountain/node", *pair) for pair in pairs]
            peaks, start = [*peaks, level[0]], start + (1 << bit)
    return tagged("mountain/root", fixed(len(leaves)), *peaks)


def mountain_root(leaf: bytes, proof: Sequence[Any]) -> bytes:
    """The root to which the proof of an outbox leaf leads."""
    index, count, path, peaks = proof
    heights = [bit for bit in reversed(range(count.bit_length())) if count >> bit & 1]
    first, home = 0, 0
    while index >= first + (1 << heights[home]):
        first += 1 << heights[home]
        home += 1
    if (len(path), len(peaks)) != (heights[home], len(heights) - 1):
        raise ValueError("proof length")
    at = tagged("mountain/leaf", leaf)
    for level, sibling in enumerate(path):
        pair = (sibling, at) if index >> level & 1 else (at, sibling)
        at = tagged("mountain/node", *pair)
    return tagged("mountain/root", fixed(count), *peaks[:home], at, *peaks[home:])


# -- sidechain.md: light client, elections, rewards


def follow(genesis: tuple[Any, ...], proofs: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The validator sets of a chain's epochs, each proved by the one before."""
    sets = [(0, genesis[14])]
    for (header, certificate, _), validators in proofs:
        final(header, certificate, sets[-1])
        following = (sets[-1][0] + 1, validators or sets[-1][1])
        if header[14] != set_hash(following):
            raise ValueError("another next set")
        sets.append(following)
    return sets


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """The largest remainder's division of an amount."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    rests = sorted((-(total * w % whole), at) for at, w in enumerate(weights))
    for _, at in rests[: total - sum(parts)]:
        parts[at] += 1
    return parts


def elected(
    candidates: Iterable[tuple[bytes, int, int, int, bool]], own: int, seats: int, least: int
) -> list[bytes]:
    """Keys of the next set, of candidates (key, stake, own stake, jailed, convicted)."""
    able = [(-stake, key) for key, stake, mine, jailed, convicted in candidates
            if mine >= own and not jailed and not convicted]  # fmt: skip
    chosen = sorted(key for _, key in sorted(able)[:seats])
    return chosen if len(chosen) >= least else []


# -- consensus.md, 11 and 13: evidence, finality by depth


def unlawful(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether no honest validator signs both: votes, sums of votes, TIMEOUTs, by the table."""
    if first[0] == 4 or second[0] == 4:
        return forgotten(first, second) or forgotten(second, first)
    if first[0] == 1 and first[7] != second[7]:
        return False
    said = [one[5:7] if one[1] == PREPARE else one[5:6] for one in (first, second)]
    common = first[0] == 1 or bool(numbered(first[7]) & numbered(second[7]))
    return first[1:5] == second[1:5] and said[0] != said[1] and common


def forgotten(one: Sequence[Any], timeout: Sequence[Any]) -> bool:
    """E4 and E5: against a TIMEOUT, another of its place, or a COMMIT that it forgets."""
    if timeout[0] != 4:
        return False
    if one[0] == 4:
        same = one[1:4] == timeout[1:4] and one[6] == timeout[6]
        return same and one[4] != timeout[4]
    early = one[4] <= timeout[3] and one[4] > timeout[4]
    return one[1:4] == (COMMIT, *timeout[1:3]) and one[7] == timeout[6] and early


def numbered(bitmap: bytes) -> int:
    """A bitmap as a number."""
    return int.from_bytes(bitmap, "little")


def sealed_final(slots: Sequence[int], weights: Sequence[int]) -> int:
    """How many blocks after a final one, sealed in these slots (its own first), are final."""
    size, done = len(weights), 0
    rounds: dict[int, int] = {}
    targets = {slots[0] // size: 0}
    justified = {slots[0] // size}  # the final block's own round passes for justified
    for height, slot in enumerate(slots[1:], start=1):
        number = slot // size
        targets.setdefault(number, height - 1)
        rounds[number] = rounds.get(number, 0) + weights[slot % size]
        if rounds[number] >= quorum(sum(weights)):
            justified.add(number)
        if number in justified and number - 1 in justified:
            done = max(done, targets[number - 1])
    return done
