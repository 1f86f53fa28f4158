"""When a main chain is far behind: it knows the headers of blocks that it lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bystack.node.mainchain.measuring import FAR, far_behind


def entry(height: int) -> Any:
    return SimpleNamespace(header=SimpleNamespace(height=height))


@pytest.mark.parametrize(("lacks", "behind"), [(0, False), (FAR, False), (FAR + 1, True)])
def test_so_many_blocks_are_far(lacks: int, behind: bool) -> None:
    machine = SimpleNamespace(tip=entry(100), tree=SimpleNamespace(best=lambda: entry(100 + lacks)))
    driver: Any = SimpleNamespace(machine=machine)
    assert far_behind(driver) is behind
