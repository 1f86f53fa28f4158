"""Who approves what: known for what is built in, told by the chain for packages, which stay out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bystack.ledger.transactions import Action
from bystack.mainchain.issues import ISSUE_APPROVALS
from bystack.node.sidechain import modules
from bystack.node.wallet.approvals import approvals_on
from bystack.node.wallet.chains import MAIN, Chain
from bystack.primitives.codec import encode
from bystack.sidechain.modules.registry.certificates import RegistryConfig, Transfer
from bystack.sidechain.modules.registry.module import REGISTER, TRANSFER
from bystack.sidechain.params import ModuleConfig
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for, module_config

OWNER = b"\x07" * 32
BODY = encode(Transfer(OWNER, bytes(32), bytes(32)))


@pytest.fixture(autouse=True)
def _no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(**_: Any) -> Callable[[], None]:
        raise AssertionError("a package is looked for beside the keys")

    monkeypatch.setattr(modules, "entry_points", looked)


def chain() -> Chain:
    configs = (module_config("registry", RegistryConfig(OWNER, 0, 0)), ModuleConfig("names", b""))
    genesis = genesis_for(vault_chain(), modules=configs)
    return Chain("trade", genesis.id, genesis.hrp, EASY, genesis)


def test_what_is_built_in_is_known_whatever_the_chain_says() -> None:
    for told in ((), (256 + REGISTER,)):
        approvals = approvals_on(chain(), told)
        assert approvals.root(Action(256 + TRANSFER, BODY)) == OWNER
        assert approvals.root(Action(256 + REGISTER, BODY)) is None


def test_of_a_package_the_chain_tells() -> None:
    assert approvals_on(chain()).root(Action(512 + 3, BODY)) is None
    approvals = approvals_on(chain(), (512 + 3, 768 + 1, 5))
    assert approvals.root(Action(512 + 3, BODY)) == OWNER
    assert approvals.root(Action(768 + 1, BODY)) is None
    assert approvals.root(Action(5, BODY)) is None


def test_the_main_chain_has_its_issues() -> None:
    assert approvals_on(Chain(MAIN, bytes(32), "bm", EASY)) is ISSUE_APPROVALS
