"""The examples under configs/ are homes that load as they stand, together on one machine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bystack.federation.charter_explaining import explain
from bystack.federation.messages import KeyCertificate
from bystack.federation.roster_file import roster_of
from bystack.ledger.terms import check_terms
from bystack.node import federation_files
from bystack.node.config import FILE, Config, ConfigErrors, load_config, parse_config
from bystack.node.processes.plan import plan
from bystack.primitives import bls
from bystack.primitives.codec import decode
from bystack.sidechain.modules.specification import StakeSpec, configured
from bystack.sidechain.modules.stake.records import MAX_CONFIG, StakeConfig, check_asset
from bystack.sidechain.specification import GenesisSpec

CONFIGS = Path(__file__).parent.parent / "configs"
HOMES = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())
ROLES = {
    "main-node": {"wallet", "mainchain"},
    "light": {"wallet", "mainchain"},
    "miner": {"wallet", "mainchain"},
    "private": {"wallet", "mainchain"},
    "public-rpc": {"mainchain"},
    "follower": {"wallet", "mainchain", "sidechain"},
    "validator": {"signer", "wallet", "mainchain", "sidechain"},
    "member": {"signer", "wallet", "mainchain", "federation"},
    "guard": {"signer", "mainchain", "sidechain", "guard"},
}


def test_there_is_an_example_of_every_kind():
    assert set(HOMES) == set(ROLES)


@pytest.mark.parametrize("name", HOMES)
def test_an_example_loads_and_plans_its_processes(name):
    assert {spec.role for spec in plan(load_config(CONFIGS / name))} == ROLES[name]


@pytest.mark.parametrize("name", HOMES)
def test_what_an_example_comments_out_loads_too(name):
    lines = (CONFIGS / name / FILE).read_text().splitlines()
    text = "\n".join(
        line[1:] if line.startswith("#") and line[1:2] not in ("", " ") else line for line in lines
    )
    tables = [line for line in lines if line.startswith("#[[")]
    live = load_config(CONFIGS / name)
    assert len(parse_config(text).sidechain) == len(live.sidechain) + len(tables)


def test_an_example_with_a_slip_is_refused(tmp_path):
    home = shutil.copytree(CONFIGS / "miner", tmp_path / "home")
    file = home / FILE
    file.write_text(file.read_text().replace("threads = 1", 'thread = "one"'))
    with pytest.raises(ConfigErrors) as caught:
        load_config(home)
    assert [(error.key, error.hint) for error in caught.value.errors] == [("thread", "threads")]


def addresses(config: Config) -> Iterator[str]:
    yield config.mainchain.listen
    yield config.rpc.listen
    yield from (table.listen for table in (*config.sidechain, *config.federation))


def test_all_examples_run_side_by_side_on_loopback():
    every = [address for name in HOMES for address in addresses(load_config(CONFIGS / name))]
    assert len(set(every)) == len(every)
    assert {address.partition(":")[0] for address in every} == {"127.0.0.1"}


def test_the_light_example_finds_full_nodes_enough_among_the_others():
    light = load_config(CONFIGS / "light").mainchain
    full = {
        config.listen
        for config in (load_config(CONFIGS / name).mainchain for name in ("main-node", "miner"))
        if config.mode == "full"
    }
    assert light.mode == "light" and set(light.peers) <= full
    assert len(light.peers) >= light.filter_peers


def test_charter_and_roster_of_the_example_compile_to_terms():
    home = CONFIGS / "member"
    (table,) = load_config(home).federation
    charter = federation_files.read_charter(home / table.charter)
    file = federation_files.read_roster(home / federation_files.roster_path(table.name))
    roster = roster_of(file)
    assert (roster.threshold, roster.total) == (5, 7)
    assert set(file.keys) == set(charter.keys) - set(charter.group_keys)
    terms = federation_files.terms_of(charter, file, bls.sk_to_pk(bls.key_gen(bytes(32))))
    check_terms(terms)
    assert terms.note == charter.hash
    assert [len(tier.limits) for tier in terms.tiers] == [2, 0]
    assert explain(charter)
    session = federation_files.session_of(bytes(32), charter, file, 0)
    certificate = KeyCertificate(session, bytes(32), (bytes(48),) * 5, (), bytes(96))
    config = federation_files.module_config(charter, file, certificate)
    assert config.key.roster == config.standing.roster == roster


def test_the_request_for_a_chain_that_elects_makes_a_genesis_of_it():
    """`creation`, `time` and `validators` are for the founders to fill in."""
    spec = msgspec.json.decode((CONFIGS / "elections.json").read_bytes(), type=GenesisSpec)
    assets = tuple(one.asset for one in spec.assets)
    (stake,) = configured(spec.modules, assets)
    config = decode(StakeConfig, stake.config, MAX_CONFIG)
    check_asset(config, {one.asset: one.unit for one in assets})
    assert spec.election == stake.name == "stake"
    defaults = msgspec.convert({"asset": "BTM", "own": 1, "vote": 1}, StakeSpec)
    assert all(
        getattr(defaults, name) == getattr(config, name)
        for name in ("seats", "least_set", "unbonding", "proposer", "slash", "presence")
    )
