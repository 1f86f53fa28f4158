"""What installed packages offer (engines, modules, policies), looked up only when it is asked for.

The standard library's reader of package metadata draws in the one for mail: two megabytes for each
of a node's processes, hardly any of which ever asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(*, group: str, name: str) -> Iterable[EntryPoint]:
    """The entry points of this name in a group, of all installed packages."""
    from importlib.metadata import entry_points as found

    return found(group=group, name=name)
