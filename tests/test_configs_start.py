"""Each example under configs/ runs: with keys made as it says, its roles start and answer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bystack.ledger.terms import Terms
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.params import REGTEST
from bystack.node import federation_files, keytool
from bystack.node.config import FILE, load_config
from bystack.node.genesis_files import write_genesis
from bystack.node.metrics.families import FAMILIES
from bystack.node.metrics.figures import (
    Figures,
    GuardFigures,
    LightFigures,
    MainFigures,
    MemberFigures,
    SideFigures,
    SignerFigures,
    WalletFigures,
)
from bystack.node.processes.plan import plan
from bystack.primitives import bls
from bystack.sidechain.params import Genesis, Validator
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for
from tests.started_roles import FOUND

ROOT = Path(__file__).parent.parent
CONFIGS = ROOT / "configs"
CHARTER = CONFIGS / "member" / "federations" / "trade.charter.toml"
HOMES = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())
LISTENING = re.compile(r"127\.0\.0\.1:[0-9]+")
PEERS = re.compile(r"^peers = \[.*\]", re.M)
MADE = re.compile(r"^# +bystackd key new ((?:[a-z]+:[a-z0-9-]+ ?)+)", re.M)
KINDS: dict[str, type[Figures]] = {
    "federation": MemberFigures,
    "guard": GuardFigures,
    "mainchain": MainFigures,
    "sidechain": SideFigures,
    "signer": SignerFigures,
    "wallet": WalletFigures,
}
SIGNED_FOR = {"validator": 1, "member": 2, "guard": 1}
"""Sockets of keys that the signer serves; a member's has one for its operator too."""


def home_of(name: str, folder: Path, patch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Any]]:
    """A copy that binds free ports and knows no peers, with the keys that the text makes."""
    home = Path(shutil.copytree(CONFIGS / name, folder / name))
    text = (home / FILE).read_text()
    patch.chdir(home)
    (home / "keys").mkdir()
    public: dict[str, Any] = {}
    for kind, _, owner in (
        one.partition(":") for found in MADE.findall(text) for one in found.split()
    ):
        public[kind] = keytool.MAKERS[kind](owner, None, True)
    free = LISTENING.sub("127.0.0.1:0", PEERS.sub("peers = []", text))
    (home / FILE).write_text(free)
    return home, public


def terms(guard: str) -> Terms:
    """What the example's charter and roster compile to, with a guard's key in the roster."""
    charter = federation_files.read_charter(CHARTER)
    file = federation_files.read_roster(CHARTER.with_name("trade.roster.toml"))
    file = replace(file, keys={**file.keys, "tower-1": guard})
    return federation_files.terms_of(charter, file, bls.sk_to_pk(bls.key_gen(bytes(32))))


def founded(validator: dict[str, str], terms: Terms) -> Genesis:
    """A genesis on regtest, with one validator."""
    keys = [bytes.fromhex(validator[one]) for one in ("key", "proof", "node")]
    return genesis_for(
        vault_chain(),
        main=REGTEST,
        checkpoint=genesis_entry(REGTEST),
        terms=terms,
        validators=(Validator(keys[0], keys[1], 1, keys[2]),),
    )


def join(home: Path, member: dict[str, str]) -> None:
    """Put the keys that were made into the roster, in the place of its first member's."""
    path = home / federation_files.roster_path("trade")
    text = path.read_text()
    for word, value in member.items():
        text = re.sub(rf'^{word} = ".*"', f'{word} = "{value}"', text, count=1, flags=re.M)
    path.write_text(text)


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Every example, made ready as its text says."""
    made = {name: home_of(name, tmp_path, monkeypatch) for name in HOMES}
    genesis = founded(made["validator"][1]["validator"], terms(made["guard"][1]["named"]["key"]))
    for name in ("validator", "follower", "guard"):
        (made[name][0] / "sidechains").mkdir()
        write_genesis(made[name][0] / "sidechains" / "trade.genesis.toml", genesis)
    (made["guard"][0] / "federations").mkdir()
    shutil.copy(CHARTER, made["guard"][0] / "federations")
    join(made["member"][0], made["member"][1]["member"])
    return {name: home for name, (home, _) in made.items()}


@pytest.mark.processes
def test_every_example_starts_and_each_of_its_processes_answers(homes: dict[str, Path]) -> None:
    words = [sys.executable, "-m", "tests.started_roles", *map(str, homes.values())]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    for name, home in homes.items():
        found = msgspec.json.decode((home / FOUND).read_bytes())
        assert set(found) == {spec.label for spec in plan(load_config(home))}
        for label, figures in found.items():
            role = label.partition("-")[0]
            kind = LightFigures if (name, role) == ("light", "mainchain") else KINDS[role]
            assert set(figures) == set(kind.__struct_fields__) <= set(FAMILIES), (name, label)
        if "signer" in found:
            assert found["signer"] == {"keys_served": SIGNED_FOR[name], "keys_refused": 0}, name
