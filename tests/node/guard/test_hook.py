"""The operator's program is given every alarm, and nothing it does stops the guard."""

from __future__ import annotations

import json
from pathlib import Path

import trio
import trio.testing

from bystack.node.guard import hook as hooks
from bystack.node.guard.hook import WAITING, Hook
from tests.node.guard.post import in_trio


def program(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return str(path)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def until_written(path: Path, lines: int) -> list[str]:
    with trio.fail_after(180):
        while len(lines_of(path)) < lines:  # noqa: ASYNC110 (another process writes it)
            await trio.sleep(0.01)
    return lines_of(path)


@in_trio
async def test_each_alarm_in_its_order_and_a_failure_stops_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = Hook(program(tmp_path, f"cat >> {out}; echo >> {out}; exit 3"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hook.run)
        for number in range(3):
            hook.tell(json.dumps({"number": number}).encode())
        lines = await until_written(out, 3)
        nursery.cancel_scope.cancel()
    assert [json.loads(line)["number"] for line in lines] == [0, 1, 2]


@in_trio
async def test_a_program_that_is_not_there_or_hangs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    missing, hanging = Hook(str(tmp_path / "none")), Hook(program(tmp_path, "sleep 600"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(missing.run)
        missing.tell(b"{}")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    for _ in range(WAITING + 5):
        hanging.tell(b"{}")  # beyond the queue it is left to the log
    assert hanging._send.statistics().current_buffer_used == WAITING
    assert not out.exists() and hooks.SECONDS == 30


def test_no_program_no_queue() -> None:
    hook = Hook("")
    hook.tell(b"{}")
    assert hook._send.statistics().current_buffer_used == 0
