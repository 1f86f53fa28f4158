"""Every value that the pages work out, computed by the second implementation from golden files."""

import re
from typing import Any

from tests.protocol import ledger, mainchain, peers, trees, vaults
from tests.protocol.pages import FOLDER, PAGES
from tests.protocol.reader import read, write

GOLDEN = FOLDER.parents[1] / "tests" / "vectors" / "bystack"
HEX = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{12,}(?![0-9a-zA-Z])")
CHAIN, VAULT = b"\x0c" * 32, b"\x0a" * 32
ADDRESS = re.compile(r"\b[a-z]{2}1[a-z0-9]{50,}\b")


def golden(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text())


def value(name: str, kind: str) -> Any:
    return read(kind, golden(name))


def shown(page: str) -> set[str]:
    """The hex strings of a page, each line's its own."""
    return {word for word in HEX.findall(PAGES.text[page]) if not word.isdigit()}


def encoding() -> list[bytes]:
    bare = golden("outpoint")
    elements = [bytes([at]) for at in range(5)]
    peaks: list[bytes] = []
    for at in range(5):
        peaks = trees.mountain_append(at, peaks, b"leaf %d" % at)
    return [
        bare,
        b"\xce" + bare[-4:],
        b"\xcf" + bytes(4) + bare[-4:],
        trees.h("transaction", b""),
        trees.merkle_root([]),
        trees.leaf(elements[2]),
        trees.merkle_root(elements),
        trees.mountain_root(5, peaks),
        trees.mountain_root(0, []),
        trees.h("multiset/digest", (1).to_bytes(384, "big")),
        trees.golomb([1, 1_000_000], 19),
    ]


def of_ledger() -> list[bytes]:
    tx, coin, place = value("transaction", "Transaction"), value("coin", "Coin"), value_of_place()
    body, policy = tx["body"], value("policy_thresh", "Policy")
    after = [{"type": "After", "height": height} for height in (1, 2)]
    terms, order = value("terms", "Terms"), value("vault_order", "vault.Order")
    return [
        ledger.transaction_id(tx),
        ledger.witness_id(tx),
        ledger.policy_root([policy]),
        ledger.policy_root([policy, *after]),
        ledger.signing_digest(CHAIN, body, [coin], 0, 0),
        ledger.signing_digest(CHAIN, body, [coin], 0, 1),
        ledger.coin_digest(place, coin),
        vaults.terms_hash(terms),
        vaults.vault_id(place, terms),
        vaults.operation_digest(CHAIN, VAULT, order),
        vaults.accept_digest(CHAIN, VAULT, terms),
        *signed_payment(),
    ]


def value_of_place() -> Any:
    return value("outpoint", "Outpoint")


def payment() -> tuple[Any, Any]:
    """The signed payment that the page shows whole, and the coin it spends, as its words say."""
    (block,) = re.findall(r"(?:    [0-9a-f]{96}\n)+    [0-9a-f]+", PAGES.text["ledger"])
    tx = read("Transaction", bytes.fromhex("".join(block.split())))
    key = {"type": "Key", "key": tx["witnesses"][0]["policy"]["key"]}
    lock = {"type": "PolicyLock", "root": ledger.policy_root([key])}
    coin = {"asset": ledger.BTM, "amount": 1000, "lock": lock, "height": 5}
    rest = {"coinbase": 0, "unit": 1, "state": b""}
    return tx, {"type": "Coin", **coin, **rest}


def signed_payment() -> list[bytes]:
    tx, coin = payment()
    (place,), (witness,) = tx["body"]["inputs"], tx["witnesses"]
    digest, (signature,) = ledger.coin_digest(place, coin), witness["items"]
    return [
        witness["policy"]["key"],
        coin["lock"]["root"],
        digest,
        trees.h("coins", digest),
        ledger.transaction_id(tx),
        ledger.signing_digest(CHAIN, tx["body"], [coin], 0, 0),
        signature,
        ledger.witness_id(tx),
        write(tx),
    ]


def params(**changes: Any) -> Any:
    """The main network's, or another's by the page's table."""
    return {**value("mainchain_params", "Params"), **changes}


TEST = {
    "name": "test",
    "magic": bytes.fromhex("42597401"),
    "hrp": "tm",
    "genesis_target": 0x1E00FFFF,
    "target_limit": 0x1F00FFFF,
}
REGTEST = {
    "name": "regtest",
    "magic": bytes.fromhex("42597201"),
    "hrp": "rm",
    "half_life": 86_400,
    "retarget": 0,
    "tolerance": 7_200,
    "genesis_target": 0x207FFFFF,
    "target_limit": 0x207FFFFF,
}


def of_mainchain() -> list[bytes]:
    networks = [params(), params(**TEST), params(**REGTEST)]
    header, block = value("mainchain_header", "Header"), value("mainchain_block", "Block")
    identity, found = mainchain.header_id(header), mainchain.filter_of(block)
    return [
        *(mainchain.header_id(mainchain.genesis_header(one)) for one in networks),
        *(mainchain.chain_id(one) for one in networks),
        identity,
        mainchain.sha256d(identity),
        ledger.asset_id(b"\x01" * 32, value("asset_definition", "AssetDefinition")),
        write(found),
        mainchain.filter_digest(mainchain.header_id(block["header"]), found),
    ]


def of_peers() -> list[bytes]:
    block = value("mainchain_compact_block", "CompactBlock")
    key = peers.compact_key(block["header"], block["salt"])
    return [
        peers.node_id(value("p2p_hello", "Hello")["key"]),
        peers.frame(200, b"payload"),
        peers.frame(2, golden("p2p_ping")),
        key,
        peers.short_id(key, ledger.witness_id(block["coinbase"])),
    ]


def addresses() -> list[str]:
    deposit = value("lock_deposit", "Lock")
    root = value("lock_policy", "Lock")["root"]
    whole = deposit["vault"] + deposit["note"]
    return [trees.address("rm", 0, root), trees.address("bm", 1, whole)]
