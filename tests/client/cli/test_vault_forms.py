"""A vault operation as people read it: who signs what, since when, and the next step."""

from __future__ import annotations

from typing import Any

from bystack.client.cli.vault_forms import lines

DIGEST = "0d" * 32


def form(**fields: Any) -> dict[str, Any]:
    need = {
        "policy": "key(tower-1)", "digest": DIGEST, "accepts": False, "either": False,
        "signed": [], "missing": ["tower-1"], "weight": 0, "threshold": 0, "complete": False,
    }  # fmt: skip
    usual = {
        "operation": "veto", "id": "01" * 32, "vault": "02" * 32, "digest": DIGEST, "bytes": "",
        "needs": [need], "complete": False, "ready": 10, "until": 0, "height": 10,
        "refused": "", "sent": "",
    }  # fmt: skip
    return {**usual, **fields}


def said(**fields: Any) -> str:
    return "\n".join(lines("trade", form(**fields)))


def test_who_is_missing_is_told_how_to_sign() -> None:
    text = said()
    assert f"digest  {DIGEST}" in text and "missing some of tower-1" in text
    assert "bystackd key sign KEYFILE FILE --roster ROSTER" in text, "told what it signs"
    assert "bystack vault submit trade" in text


def test_what_is_complete_is_sent_next() -> None:
    assert said(complete=True).endswith("Next: bystack vault submit trade --operation veto")
    assert "it was sent as abcd" in said(complete=True, sent="abcd")


def test_times_are_told_where_they_matter() -> None:
    assert "from " not in said() and "until" not in said()
    text = said(ready=60, until=70)
    assert "block 60 on, 50 after the next" in text and "until   block 70" in text


def test_why_the_own_signer_refused_is_told() -> None:
    assert "did not sign: TermsUndecided" in said(refused="TermsUndecided")


def test_members_send_orders_and_touches_by_themselves() -> None:
    assert "members sign and send it" in said(operation="touch")
