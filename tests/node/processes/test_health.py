"""What `bystackd check` and a starting process say of a sidechain whose parts are not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.node.config import Config
from bystack.node.config.tables import Sidechain
from bystack.node.genesis_files import genesis_path, write_genesis
from bystack.node.processes.health import examine
from bystack.node.roles.sidechain import SidechainUnknown, installed_modules
from bystack.sidechain.modules.registry.certificates import RegistryConfig
from bystack.sidechain.params import ModuleConfig
from tests.federation.peg import RING
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import ASSETS, genesis_for, module_config

PLACE = str(genesis_path("trade"))
TABLE = Sidechain(name="trade", genesis=PLACE)
HERE = module_config("registry", RegistryConfig(ASSETS[0].asset, 0, 0))
VOTERS = RING.validators.validators


def said(home: Path, *modules: ModuleConfig) -> list[tuple[bool, str]]:
    """What is found about the sidechain in a home that runs it."""
    made = genesis_for(vault_chain(), modules=modules, validators=VOTERS)
    write_genesis(home / PLACE, made)
    found = examine(str(home), Config(network="regtest", sidechain=(TABLE,)))
    return [(one.good, one.text) for one in found if one.text.startswith("sidechain trade: ")]


def test_engine_and_modules_of_a_sidechain_are_named(tmp_path: Path) -> None:
    assert said(tmp_path, HERE) == [(True, "sidechain trade: bbft, registry")]


def test_a_module_that_is_not_installed_is_named_before_the_chain_is_started(
    tmp_path: Path,
) -> None:
    ((good, text),) = said(tmp_path, ModuleConfig("weather", b""))
    assert not good and "its package must be, on every node" in text and "name=weather" in text


def test_the_process_says_why_it_does_not_start() -> None:
    """A sentence that the log shows as one, not as a bug of ours with its stack."""
    made = genesis_for(vault_chain(), modules=(ModuleConfig("weather", b""),))
    with pytest.raises(SidechainUnknown, match=r"trade\.genesis\.toml: ModuleUnknown.*weather"):
        installed_modules(made, TABLE)
