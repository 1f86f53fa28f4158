"""Recovery by files: a request is carried to a machine without a node, read there, and signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.ledger.fulfilment import items_for
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_building import AnchorCoin, approval, build_anchor_spend
from bystack.ledger.vault_operations import Freeze, Recover, Replace, encode_operation
from bystack.node.keyfiles import write_key
from bystack.node.main import main
from bystack.node.signer.keys import NAMED
from bystack.primitives.codec import encode
from bystack.primitives.keys import public_key
from tests.federation.test_offline import FRESH, NEW
from tests.sidechain.mainside import CHAIN, KEYS, TERMS, VaultChain, vault_chain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets = {**KEYS, "r9": b"\x07" * 32}
    for name, secret in secrets.items():
        write_key(tmp_path / f"{name}.named.key", NAMED, secret, None, cheap=True)
    return tmp_path


def form(vault: bytes, operation: Any, **changes: Any) -> dict[str, Any]:
    return {
        "federation": "trade",
        "operation": type(operation).__name__.lower(),
        "id": "5e" * 32,
        "vault": vault.hex(),
        "chain": CHAIN.hex(),
        "digest": "00" * 32,
        "bytes": encode_operation(operation).body.hex(),
        "terms": encode(TERMS).hex(),
        "needs": [],
        **changes,
    }


def run(folder: Path, name: str, request: dict[str, Any], *more: str, said: str = "y") -> Result:
    (folder / "request.json").write_text(json.dumps(request))
    words = [str(folder / f"{name}.named.key"), str(folder / "request.json"), "--cheap", *more]
    return CliRunner().invoke(main, ["key", "sign", *words], input=f"{said}\n")


def signed(result: Result) -> dict[str, bytes]:
    assert result.exit_code == 0, result.output
    lines = dict(line.split("=") for line in result.stdout.splitlines())
    return {name: bytes.fromhex(one) for name, one in lines.items()}


def idle(chain: VaultChain) -> VaultChain:
    for _ in range(TERMS.recover.idle):
        chain.mine()
    return chain


@pytest.mark.parametrize("way", ["recover", "replace"])
def test_keys_that_never_saw_a_node_put_new_terms_in_force(folder: Path, way: str) -> None:
    chain = idle(vault_chain())
    operation: Any = Recover(0, NEW) if way == "recover" else Replace(0, NEW)
    request = form(chain.vault, operation)
    holders = {"recover": "recover", "r9": "r9"} | ({"guard": "guard"} if way == "replace" else {})
    by_key = {}
    for holder in holders:
        result = run(folder, holder, request)
        assert "NEW TERMS" in result.stderr
        secret = KEYS.get(holder, b"\x07" * 32)
        by_key[public_key(secret)] = signed(result)[holder]
    wanted = demands(CHAIN, chain.vault, operation, TERMS)
    groups = [
        items_for(one.policy, by_key) if place != 1 or way == "recover" else ()
        for place, one in enumerate(wanted)
    ]
    anchor = AnchorCoin(chain.anchor, chain.vault)
    body = build_anchor_spend(anchor, operation, chain.sponsor())
    chain.send(chain.signed(body, approval(TERMS, groups)))
    assert chain.state.terms == terms_hash(NEW)


def test_a_no_signs_nothing(folder: Path) -> None:
    result = run(folder, "guard", form(b"\x09" * 32, Freeze(0)), said="n")
    assert result.exit_code == 1 and not result.stdout
    assert "FREEZE" in result.stderr and "It moves nothing" in result.stderr
    assert "nothing was done; answer y, or give --yes" in result.stderr


def test_the_digest_in_the_file_is_passed_over(folder: Path) -> None:
    honest = run(folder, "guard", form(b"\x09" * 32, Freeze(0), digest="11" * 32))
    digest = honest.stderr.split("Signs ")[1][:64]
    assert digest != "11" * 32 and "11" * 32 not in honest.stderr


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("recover", {}, "KeyUninvolved"),
        ("guard", {"operation": "touch"}, "OperationMisnamed"),
        ("guard", {"bytes": "00"}, "OperationMisnamed"),
        ("guard", {"terms": "00"}, "Malformed"),
        ("guard", {"terms": ""}, "TermsClaimMissing"),
        ("guard", {"chain": "00"}, "chain"),
        ("guard", {"vault": None}, "vault"),
    ],
)
def test_a_request_that_is_not_in_order_is_refused(
    folder: Path, name: str, changes: dict[str, Any], rule: str
) -> None:
    result = run(folder, name, form(b"\x09" * 32, Freeze(0)) | changes)
    assert result.exit_code == 1 and rule in result.stderr and not result.stdout


def test_a_request_or_a_digest(folder: Path) -> None:
    key = str(folder / "guard.named.key")
    for words in ([], [str(folder / "guard.named.key"), "--digest", "00" * 32]):
        result = CliRunner().invoke(main, ["key", "sign", key, *words, "--cheap"])
        assert result.exit_code == 2 and "not both" in result.stderr


def test_the_charter_must_be_that_of_the_new_terms(folder: Path) -> None:
    from tests.federation.charters import TRADE

    (folder / "charter.toml").write_bytes(TRADE)
    request = form(b"\x09" * 32, Replace(0, NEW))
    result = run(folder, "recover", request, "--charter", str(folder / "charter.toml"))
    assert result.exit_code == 1 and "CharterForeign" in result.stderr
    assert public_key(KEYS["recover"]) != FRESH
