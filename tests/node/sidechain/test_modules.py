"""Which code a module's name stands for; a package's module on a chain of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Action
from bystack.node.sidechain import modules
from bystack.node.sidechain.modules import ModuleUnfit, module_named, modules_of
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.custody import held
from bystack.sidechain.modules.base import ModuleUnknown, read_only
from bystack.sidechain.modules.containment import Contained
from bystack.sidechain.modules.exchange.orders import ExchangeConfig, Market, MarketInvalid
from bystack.sidechain.modules.registry.certificates import RegistryConfig, RegistryInvalid
from bystack.sidechain.params import Asset, ModuleConfig
from tests.ledger.people import CAROL
from tests.node.offered_module import EXAMPLE, install, install_broken
from tests.sidechain.mainside import GOLD, VaultChain, vault_chain
from tests.sidechain.modules.desk import approved
from tests.sidechain.world import ASSETS, K, World, genesis_for

MARKET = Market(GOLD, BTM, 1, 1, 1, 1, 0, 0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("package"))


def test_the_examples_own_tests_pass_where_it_is_installed(site: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    done = subprocess.run(
        [*command, str(EXAMPLE), str(EXAMPLE / "tests")],
        capture_output=True,
        text=True,
        env={
            "PYTHONPATH": f"{site}:{EXAMPLE.parent.parent.parent}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        timeout=240,
        cwd=site,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("..."), done.stdout


def named_world(main: VaultChain) -> World:
    from bystack_names.module import NamesConfig  # type: ignore[import-not-found]

    config = ModuleConfig("names", encode(NamesConfig(BTM, 100, 5)))
    genesis = genesis_for(main, modules=(config,))
    made = World(main, genesis, modules_of(genesis))
    made.relay(K)
    made.block(made.anchor_tx(main.created))
    made.relay(12)
    made.pegged(2_000)
    return made


def test_what_a_package_stores_is_looked_at_before_there_are_threads(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library ends a process of which two threads look at a type at once for the first time."""
    known = list[str]()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(modules, "prepare", lambda: known.extend(map(str, Wire.__subclasses__())))
    module_named("names")
    assert any("bystack_names" in kind for kind in known)


def test_a_packages_module_runs_on_a_sidechain(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(site)
    from bystack_names.module import CLAIM, RELEASE, Claim, Release

    on, root = named_world(vault_chain()), CAROL.lock.root
    (module,) = on.side.modules.modules
    assert isinstance(module, Contained) and module.queries == ("resolvename", "getnames")
    claim = Action(256 + CLAIM, encode(Claim(b"carol", root)))
    on.block(on.transact(CAROL, actions=(claim,), destroyed=100))
    assert held(on.view, "names", BTM) == 100
    assert ("names.claimed", {"label": b"carol", "owner": root}) in on.side.events
    found = module.query(read_only(on.side.state, "names"), "resolvename", ["carol"])
    assert found == {"owner": root.hex(), "target": root.hex()}
    release = Action(256 + RELEASE, encode(Release(root, b"carol")))
    draft = on.transact(CAROL, actions=(release,))
    witness = approved(CAROL, draft.id, chain=on.genesis.id)
    before = on.balance(CAROL)
    on.block(on.transact(CAROL, actions=(release,), witnesses=(witness,)))
    assert on.balance(CAROL) == before + 100 - 1 and held(on.view, "names", BTM) == 0
    on.block(on.transact(CAROL, actions=(claim,), destroyed=100))
    on.idle(6)
    assert held(on.view, "names", BTM) == 0 and on.supply(BTM) == on.sums().circulating
    with pytest.raises(Invalid, match="NameUnknown"):
        module.query(read_only(on.side.state, "names"), "resolvename", ["carol"])


def test_what_is_not_installed_or_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModuleUnknown, match="weather"):
        module_named("weather")
    monkeypatch.syspath_prepend(install_broken(tmp_path))
    for name in ("broken", "nowhere", "lost", "sour", "nameless"):
        with pytest.raises(ModuleUnfit) as caught:
            module_named(name)
        assert caught.value.name == name


@pytest.mark.parametrize("name", ["exchange", "federation", "registry", "stake", "transfer"])
def test_what_is_built_in(name: str) -> None:
    module = module_named(name)
    assert module.name == name and not isinstance(module, Contained)


def of(*modules: ModuleConfig, assets: tuple[Asset, ...] = ASSETS) -> None:
    modules_of(genesis_for(vault_chain(), modules=modules, assets=assets))


@pytest.mark.parametrize(
    "changed", [{"base": b"\x99" * 32}, {"quote_unit": 5, "tick": 5}, {"lot": 2, "base_unit": 2}]
)
def test_markets_are_of_the_chains_assets_in_its_units(changed: dict[str, object]) -> None:
    good = ExchangeConfig((MARKET,), 100)
    of(ModuleConfig("exchange", encode(good)))
    bad = ExchangeConfig((msgspec.structs.replace(MARKET, **changed),), 100)
    with pytest.raises(MarketInvalid):
        of(ModuleConfig("exchange", encode(bad)))


def test_registry_fees_are_of_the_chains_assets_in_its_units() -> None:
    in_fives = (msgspec.structs.replace(ASSETS[0], unit=5), ASSETS[1])
    of(ModuleConfig("registry", encode(RegistryConfig(BTM, 10, 5))), assets=in_fives)
    of(ModuleConfig("registry", encode(RegistryConfig(b"\x99" * 32, 0, 0))))
    for config in (RegistryConfig(b"\x99" * 32, 1, 0), RegistryConfig(BTM, 5, 4)):
        with pytest.raises(RegistryInvalid):
            of(ModuleConfig("registry", encode(config)), assets=in_fives)
        assert decode(RegistryConfig, encode(config), 100) == config
