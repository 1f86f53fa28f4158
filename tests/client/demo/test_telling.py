"""The demo's steps show amounts as people write them; what is kept for JSON are counts."""

from __future__ import annotations

import pytest

from bystack.client.demo.telling import in_asset, in_assets
from bystack.client.report import Steps


def test_amounts_are_shown_in_units_of_their_asset(capsys: pytest.CaptureFixture[str]) -> None:
    steps, asked = Steps(), {"rule": "BucketExceeded", "asked": 3_000_000_001}
    assert steps.step("thief", lambda: asked, in_asset("BTM", "asked")) == asked
    assert steps.done[0]["asked"] == 3_000_000_001
    rows = {"height": 172, "BTM": {"vault": 8_001_000_000}, "GOLD": {"vault": 80_001}}
    assert steps.step("reserves", lambda: {"trade": rows}, in_assets) == {"trade": rows}
    said = capsys.readouterr().out
    assert "rule BucketExceeded  asked 30.00000001 BTM" in said
    for line in ("trade height: 172\n", "trade BTM: vault 80.01\n", "trade GOLD: vault 800.01\n"):
        assert line in said
