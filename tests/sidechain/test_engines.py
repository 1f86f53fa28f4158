"""Engines by name: built in, of a package in a folder, missing, broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bystack.sidechain import engines
from bystack.sidechain.consensus import bbft_type
from bystack.sidechain.engines import BUILT_IN, ConsensusError, installed
from tests.node.offered_consensus import install
from tests.sidechain.consensus.conformance.world import World


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = install(tmp_path / "package")
    monkeypatch.syspath_prepend(str(folder))
    engines.installed.cache_clear()
    yield folder
    engines.installed.cache_clear()
    sys.modules.pop("offered_consensus", None)


def test_those_of_the_design_are_built_in() -> None:
    assert set(BUILT_IN) == {"bbft", "authority", "solo"}


def test_an_engine_of_a_package_is_found_by_name_and_runs(package: Path) -> None:
    world = World(installed("patient"), 1, followers=1)
    world.reach(6)
    assert type(world.type).__module__ == "offered_consensus"


@pytest.mark.parametrize("name", ["bbft", "patient"])
def test_what_it_brings_is_looked_at_when_it_is_loaded(
    package: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """And once: the library ends a process of which two threads look at a type at once."""
    looked = list[str]()
    monkeypatch.setattr(engines, "prepare", lambda: looked.append(name))
    assert installed(name) is installed(name)
    assert looked == [name]


def test_what_a_machine_brings_is_looked_at_when_one_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = list[int]()
    monkeypatch.setattr(bbft_type, "prepare", lambda: made.append(1))
    World(installed("bbft"), 1)
    assert made


def test_a_package_cannot_take_a_built_in_name(package: Path) -> None:
    offered = package / "offered_consensus-1.dist-info" / "entry_points.txt"
    offered.write_text("[bystack.consensus]\nbbft = offered_consensus:Patient\n")
    assert type(installed("bbft")).__name__ == "BbftType"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "no library of that kind"),
        ("partial", "has no verifier"),
        ("arguments", "does not load"),
        ("nowhere", "does not load"),
        ("lost", "no_such_module"),
        ("elsewhere", "is not installed"),
    ],
)
def test_what_cannot_be_used_says_why(package: Path, name: str, said: str) -> None:
    with pytest.raises(ConsensusError, match=said):
        installed(name)
