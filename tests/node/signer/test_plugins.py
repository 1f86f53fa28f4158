"""Policies from packages: the example installed from its folder, and ones that are no good."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from bystack.federation.policies.judging import ALLOWED
from bystack.federation.policies.policy import Plugin
from bystack.federation.policies.requests import Decision, Outcome
from bystack.node.signer import plugins
from bystack.node.signer.plugins import opinion_of
from tests.federation.policies.asked import asked, pays
from tests.ledger.people import BOB, CAROL
from tests.node.offered_module import install

EXAMPLE = Path(__file__).parents[3] / "examples" / "policies" / "screening"
REQUEST = asked(pays(5, to=CAROL.lock))


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    plugins._loaded.clear()
    yield
    plugins._loaded.clear()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("policy"), EXAMPLE)


def test_the_example_is_found_once_it_is_installed(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "screened.txt"
    rule = opinion_of(Plugin("screening", {"file": str(listed)}))
    assert rule(REQUEST).reason == "plugin_failed", "not installed"
    monkeypatch.syspath_prepend(str(site))
    assert rule(REQUEST).reason == "plugin_failed", "there is no list"
    listed.write_text(f"{BOB.lock.root.hex()}\n")
    assert rule(REQUEST) == ALLOWED
    listed.write_text(f"{CAROL.lock.root.hex()} # since today\n")
    assert rule(REQUEST)[:2] == (Outcome.DENY, "screened")


def test_the_examples_own_tests_pass_where_it_is_installed(site: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    done = subprocess.run(
        [*command, str(EXAMPLE), str(EXAMPLE / "tests")],
        capture_output=True,
        text=True,
        env={
            "PYTHONPATH": f"{site}:{EXAMPLE.parents[2]}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.environ["PATH"],
        },
        timeout=240,
        cwd=site,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def waits(_: object, settings: dict[str, Any]) -> Decision:
    return Decision(Outcome.WAIT, "not_yet", settings["words"])


def crashes(*_: object) -> None:
    raise KeyError("settings")


def no_decision(*_: object) -> str:
    return "deny"


def no_reason(*_: object) -> Decision:
    return Decision(Outcome.ALLOW, "Not A Code!")


@pytest.mark.parametrize(
    "function, outcome, reason",
    [
        ("waits", Outcome.WAIT, "not_yet"),
        ("crashes", Outcome.DENY, "plugin_failed"),
        ("no_decision", Outcome.DENY, "plugin_failed"),
        ("no_reason", Outcome.DENY, "plugin_failed"),
        ("nowhere", Outcome.DENY, "plugin_failed"),
    ],
)
def test_one_that_is_no_good_denies(
    function: str, outcome: Outcome, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = EntryPoint("mine", f"{__name__}:{function}", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda **_: [found])
    said = opinion_of(Plugin("mine", {"words": "later"}))(REQUEST)
    assert (said.outcome, said.reason) == (outcome, reason)
