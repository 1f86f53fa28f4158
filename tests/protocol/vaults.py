"""Terms, buckets and operations of vaults, after docs/protocol/ledger.md alone."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.protocol.ledger import BTM
from tests.protocol.reader import Refused, write
from tests.protocol.trees import h, u32, u64

Value = dict[str, Any]

BLOCKS = 2**32


def terms_hash(terms: Value) -> bytes:
    return h("vault/terms", write(terms))


def vault_id(first: Value, terms: Value) -> bytes:
    return h("vault", write(first), u32(0), terms_hash(terms))


def operation_digest(chain: bytes, vault: bytes, operation: Value) -> bytes:
    name = operation["type"].removeprefix("vault.").lower()
    counter = operation.get("seq", operation.get("turn", 0))
    return h(f"vault/{name}", chain, vault, u64(counter), write(operation))


def accept_digest(chain: bytes, vault: bytes, terms: Value) -> bytes:
    return h("vault/accept", chain, vault, u64(0), terms_hash(terms))


def policies_of(terms: Value) -> list[Value]:
    parts = [*terms["tiers"], terms["guard"], terms["govern"], terms["recover"]]
    return [part["policy"] for part in parts]


# Valid terms


def nodes(policy: Value, level: int = 1) -> Iterator[tuple[Value, int]]:
    yield policy, level
    for sub in policy.get("subs", ()):
        yield from nodes(sub, level + 1)


def keys(policy: Value) -> set[bytes]:
    return {one["key"] for one, _ in nodes(policy) if "key" in one}


def check_policy(policy: Value) -> None:
    every = list(nodes(policy))
    signing = sum("key" in one for one, _ in every)
    levels = max(level for _, level in every)
    if levels > 8 or len(every) > 64 or signing > 32:
        raise Refused("PolicyInvalid")
    for one, _ in every:
        if one["type"] == "Thresh" and not 1 <= one["k"] <= len(one["subs"]):
            raise Refused("PolicyInvalid")


def check_terms(terms: Value) -> None:
    every = policies_of(terms)
    for policy in every:
        check_policy(policy)
    plain = {"Key", "Bls", "Thresh", "All", "Any"}
    moving = set().union(*(keys(tier["policy"]) for tier in terms["tiers"]))
    moving |= keys(terms["govern"]["policy"])
    guard, recover = keys(terms["guard"]["policy"]), keys(terms["recover"]["policy"])
    fine = (
        all(one["type"] in plain for policy in every for one, _ in nodes(policy)),
        sum(len(write(policy)) for policy in every) <= 16_384,
        len(write(terms)) <= 20_000,
        all(map(tier_fine, terms["tiers"])),
        1 <= terms["guard"]["freeze"] <= 4032,
        1 <= terms["govern"]["delay"] <= BLOCKS,
        1 <= terms["recover"]["idle"] <= BLOCKS,
        not (moving & guard or moving & recover or guard & recover),
    )
    if not all(fine):
        raise Refused("TermsInvalid")


def tier_fine(tier: Value) -> bool:
    limits = tier["limits"]
    assets = {limit["asset"] for limit in limits}
    positive = all(one["capacity"] and one["refill"] and one["period"] for one in limits)
    short = all(one["period"] <= BLOCKS for one in limits)
    patient = bool(limits) or tier["delay"] >= 144
    return patient and tier["delay"] <= BLOCKS and len(assets) == len(limits) and positive and short


# Buckets


def refilled(bucket: Value, limit: Value, height: int) -> Value:
    n = (height - bucket["counted"]) // limit["period"]
    level = min(limit["capacity"], bucket["level"] + n * limit["refill"])
    return {**bucket, "level": level, "counted": bucket["counted"] + n * limit["period"]}


def limits_of(terms: Value) -> dict[tuple[int, bytes], Value]:
    tiers = enumerate(terms["tiers"])
    return {(at, limit["asset"]): limit for at, tier in tiers for limit in tier["limits"]}


def new_bucket(place: tuple[int, bytes], height: int) -> Value:
    tier, asset = place
    return {"type": "Bucket", "tier": tier, "asset": asset, "level": 0, "counted": height}


def carried(buckets: Sequence[Value], old: Value, new: Value, height: int) -> list[Value]:
    before = {(one["tier"], one["asset"]): one for one in buckets}
    limits, after = limits_of(old), []
    for place, limit in sorted(limits_of(new).items(), key=lambda pair: pair[0]):
        if place not in before:
            after.append(new_bucket(place, height))
            continue
        bucket, was = refilled(before[place], limits[place], height), limits[place]
        same = (was["refill"], was["period"]) == (limit["refill"], limit["period"])
        level = min(bucket["level"], limit["capacity"])
        after.append({**bucket, "level": level, "counted": bucket["counted"] if same else height})
    return after


def drawn(state: Value, terms: Value, order: Value, height: int) -> list[Value]:
    limits, number = limits_of(terms), order["tier"]
    sums = sums_of(order)
    if not terms["tiers"][number]["limits"]:
        return list(state["buckets"])
    if any((number, asset) not in limits for asset in sums):
        raise Refused("AssetNotListed")
    after = []
    for bucket in state["buckets"]:
        if bucket["tier"] == number and bucket["asset"] in sums:
            bucket = refilled(bucket, limits[number, bucket["asset"]], height)
            left = bucket["level"] - sums[bucket["asset"]]
            if left < 0:
                raise Refused("BucketExceeded")
            bucket = {**bucket, "level": left}
        after.append(bucket)
    return after


def sums_of(order: Value) -> dict[bytes, int]:
    sums: dict[bytes, int] = {}
    for output in order["outputs"]:
        if not output["amount"] or output["lock"]["type"] not in ("PolicyLock", "DepositLock"):
            raise Refused("OrderOutputInvalid")
        sums[output["asset"]] = sums.get(output["asset"], 0) + output["amount"]
        if sums[output["asset"]] >= 2**63:
            raise Refused("AmountOverflow")
    return sums


def payments(vault: bytes, terms: Value, order: Value) -> list[Value]:
    """What stands between anchor and remainders."""
    delay = terms["tiers"][order["tier"]]["delay"]
    if not delay:
        return list(order["outputs"])
    guard, made = h("vault/guard", write(terms["guard"]["policy"])), []
    for asset, amount in sorted(sums_of(order).items()):
        share = [output for output in order["outputs"] if output["asset"] == asset]
        lock = {"type": "PendingLock", "vault": vault, "guard": guard, "delay": delay}
        lock["outputs"] = h("vault/outputs", write(share))
        made.append({"type": "Output", "asset": asset, "amount": amount, "lock": lock})
    return made


def anchor(vault: bytes) -> Value:
    lock = {"type": "VaultLock", "vault": vault}
    return {"type": "Output", "asset": BTM, "amount": 0, "lock": lock}


# The state


def first_state(terms: Value, height: int) -> Value:
    check_terms(terms)
    buckets = [new_bucket(place, height) for place in sorted(limits_of(terms))]
    zero = dict.fromkeys(("seq", "turn", "since", "frozen_until", "freeze_from"), 0)
    made = {"terms": terms_hash(terms), "touched": height, "buckets": buckets, "announced": []}
    return {"type": "AnchorState", **zero, **made}


def after(state: Value, operation: Value, terms: Value, height: int) -> Value:
    """The state after an anchor operation, terms being those revealed."""
    if terms_hash(terms) != state["terms"]:
        raise Refused("TermsUnknown")
    rule = RULES[operation["type"].removeprefix("vault.")]
    check_counter(state, operation)
    return {**state, **rule(state, operation, terms, height), "seq": state["seq"] + 1}


def check_counter(state: Value, operation: Value) -> None:
    if "seq" in operation and operation["seq"] != state["seq"]:
        raise Refused("SeqMismatch")
    if "turn" in operation:
        lasting = operation["type"] in ("vault.Replace", "vault.Recover")
        least = state["since"] if lasting else state["turn"]
        if not least <= operation["turn"] <= state["turn"]:
            raise Refused("TurnMismatch")


def moving(state: Value, operation: Value, terms: Value, height: int) -> None:
    if operation["tier"] >= len(terms["tiers"]):
        raise Refused("TierUnknown")
    if height < state["frozen_until"]:
        raise Refused("VaultFrozen")


def order(state: Value, operation: Value, terms: Value, height: int) -> Value:
    moving(state, operation, terms, height)
    return {"buckets": drawn(state, terms, operation, height), "touched": height}


def touch(state: Value, operation: Value, terms: Value, height: int) -> Value:
    moving(state, operation, terms, height)
    return {"touched": height}


def announce(state: Value, operation: Value, terms: Value, height: int) -> Value:
    ripe = height + terms["govern"]["delay"]
    said = {"type": "Announced", "terms": operation["terms"], "ripe": ripe}
    return {"announced": [said], "touched": height}


def cancel(state: Value, operation: Value, terms: Value, height: int) -> Value:
    if operation["terms"] not in [one["terms"] for one in state["announced"]]:
        raise Refused("NotAnnounced")
    return {"announced": [], "turn": state["turn"] + 1}


def freeze(state: Value, operation: Value, terms: Value, height: int) -> Value:
    if height < state["freeze_from"]:
        raise Refused("FrozenTooOften")
    length = terms["guard"]["freeze"]
    until = height + length
    return {"frozen_until": until, "freeze_from": until + 4 * length, "turn": state["turn"] + 1}


def adopt(state: Value, operation: Value, terms: Value, height: int) -> Value:
    hashed = terms_hash(operation["terms"])
    ripe = [one["ripe"] for one in state["announced"] if one["terms"] == hashed]
    if not ripe:
        raise Refused("NotAnnounced")
    if height < ripe[0]:
        raise Refused("NotRipe")
    return renewed(state, operation["terms"], terms, height)


def renewed(state: Value, new: Value, old: Value, height: int) -> Value:
    check_terms(new)
    turn, buckets = state["turn"] + 1, carried(state["buckets"], old, new, height)
    fresh = {"terms": terms_hash(new), "buckets": buckets}
    return {**fresh, "announced": [], "turn": turn, "since": turn}


def replace(state: Value, operation: Value, terms: Value, height: int) -> Value:
    changed = {**renewed(state, operation["terms"], terms, height), "touched": height}
    if height < state["frozen_until"]:
        rest = state["freeze_from"] - state["frozen_until"]
        changed |= {"frozen_until": height, "freeze_from": height + rest}
    return changed


def recover(state: Value, operation: Value, terms: Value, height: int) -> Value:
    if height < state["touched"] + terms["recover"]["idle"]:
        raise Refused("NotIdle")
    return replace(state, operation, terms, height)


RULES = {
    "Order": order,
    "Touch": touch,
    "Announce": announce,
    "Cancel": cancel,
    "Adopt": adopt,
    "Freeze": freeze,
    "Replace": replace,
    "Recover": recover,
}
