"""One PostgreSQL server for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.client.indexing.database import Server, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.fixture
def address(postgres: Server) -> str:
    """An empty database."""
    return postgres.database()
