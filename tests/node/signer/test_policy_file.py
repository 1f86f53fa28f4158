"""The policy file as a signer reads it: again when it changed, and nothing in place of a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.federation.policies.policy import OPEN
from bystack.node.signer.policy_file import NONE, PolicyFile, policy_path, read_policy
from tests.node.signer.vault.test_deciding import ROSTER


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("federations").mkdir()
    Path("federations/trade.roster.toml").write_text(ROSTER)
    return tmp_path


def write(text: str) -> None:
    Path(policy_path("trade")).write_text(text)


def test_without_a_file_proofs_alone_decide() -> None:
    assert read_policy("trade", "rm") == (OPEN, NONE, "")


def test_it_is_read_again_when_it_or_the_roster_changed() -> None:
    file = PolicyFile("trade", "rm")
    assert file.now.policy == OPEN
    write("state_age = 5\n")
    first = file.now
    assert first.policy.state_age == 5 and first.digest != NONE
    write("state_age = 60\n")
    assert file.now.policy.state_age == 60 and file.now.digest != first.digest
    write('[manual.above]\nGOLD = "1"\n')
    assert "GOLD" in file.now.fault
    with Path("federations/trade.roster.toml").open("a") as roster:
        roster.write(f'[assets.GOLD]\nid = "{"22" * 32}"\ndecimals = 0\n')
    assert file.now.fault == "" and file.now.policy.manual == {b"\x22" * 32: 1}
    Path(policy_path("trade")).unlink()
    assert file.now == (OPEN, NONE, "")


def test_what_cannot_be_read_is_a_fault() -> None:
    write("state_age = 'x'\n[none]\n")
    fault = read_policy("trade", "rm").fault
    assert "state_age" in fault and "none" in fault and policy_path("trade") in fault
    write("#" * 1_000_001)
    assert "larger than" in read_policy("trade", "rm").fault
    Path(policy_path("trade")).unlink()
    Path(policy_path("trade")).mkdir()
    assert read_policy("trade", "rm").fault
    Path(policy_path("trade")).rmdir()
    write("state_age = 5\n")
    Path("federations/trade.roster.toml").unlink()
    assert "roster" in read_policy("trade", "rm").fault
