"""What a member tells of itself."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.node.federation.members import Net


def test_whom_the_charter_names_is_told_by_name(tmp_path: Path) -> None:
    async def play() -> None:
        net = Net(tmp_path, founded=False)
        keys = net.members[0].setting.charter_keys
        assert keys and (await net.ask(0, "info"))["keys"] == {
            name: key.hex() for name, key in keys.items()
        }

    trio.run(play)
