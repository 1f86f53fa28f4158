"""The homes that are made once go with the last test."""

from collections.abc import Iterator

import pytest

from . import homes


@pytest.fixture(scope="session", autouse=True)
def _clean() -> Iterator[None]:
    yield
    homes.clean()
