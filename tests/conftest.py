"""How properties are searched (`ci` repeats the same examples, `dev` looks for new ones); the
network that process tests share, and which tests share it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from bystack.client.devnet.network import Devnet

# No deadlines: two cores shared with other tests say nothing about speed.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(tryfirst=True)  # before anything is chosen by its marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who uses the shared network is marked so: scripts/test runs these in a lane of their own."""
    for item in items:
        if "network" in getattr(item, "fixturenames", ()):
            item.add_marker("network")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """What a test logs to is closed when it ends; the next ones must not write there."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _nothing_said_of_slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine makes any command slow: what it prints is the same for all that."""
    monkeypatch.setattr("bystack.client.patience.Patience._say", lambda mine, seconds: None)


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """The network of real processes that the process tests share; started at its first use."""
    from tests.processes.network import running

    with running(tmp_path_factory.mktemp("network")) as net:
        yield net
