"""The shared network's tests run first and in one order, so that no second network runs beside."""

import pytest

ORDER = (
    "test_devnet", "test_modules", "test_reserves", "test_governing", "test_large_payouts",
    "test_people", "test_start_here", "test_clients", "test_indexing", "test_dashboard",
    "test_joining",
    "test_validators", "test_ports", "test_S02", "test_light", "test_failpoints", "test_kills",
)  # fmt: skip


def place(item: pytest.Item) -> int:
    """Tests of the shared network in the order given, the last of which stops it; then the rest."""
    module = item.nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    return ORDER.index(module) if module in ORDER else len(ORDER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)
