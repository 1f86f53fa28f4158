"""Logs: one JSON object a line, no secret at any depth, rotated files."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path
from typing import get_args

import pytest
import structlog

from bystack.node.config import Log
from bystack.node.config.tables import Module
from bystack.node.ipc import traced
from bystack.node.processes import logs


@pytest.fixture
def out() -> io.StringIO:
    text = io.StringIO()
    logs.configure("signer", Log(), text)
    return text


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_line_carries_process_level_time_and_trace(out: io.StringIO) -> None:
    with traced("abc"):
        structlog.get_logger("x").info("hello", height=3)
    (line,) = lines(out)
    assert (line["event"], line["process"], line["level"]) == ("hello", "signer", "info")
    assert (line["height"], line["trace"]) == (3, "abc")
    assert str(line["timestamp"]).endswith("Z")


def test_secrets_are_blotted_out_at_any_depth(out: io.StringIO) -> None:
    structlog.get_logger().info(
        "made",
        secret="S3CRET",
        member_key=b"S3CRET",
        nested={"password": "S3CRET", "list": [{"api_token": "S3CRET"}]},
        Cookie="S3CRET",
        phrase="S3CRET",
        privkey="S3CRET",
        public_key="shown",
        key_epoch=4,
    )
    assert "S3CRET" not in out.getvalue()
    assert b"S3CRET".hex() not in out.getvalue()
    (line,) = lines(out)
    assert (line["public_key"], line["key_epoch"]) == ("shown", 4)
    assert line["nested"]["list"][0]["api_token"] == logs.BLOT  # type: ignore[index]


def test_level_and_the_standard_library(out: io.StringIO) -> None:
    structlog.get_logger().debug("unseen")
    logging.getLogger("other").warning("seen %d", 5)
    assert [line["event"] for line in lines(out)] == ["seen 5"]


def test_exception_is_one_line(out: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    (line,) = lines(out)
    assert "ValueError: broken" in str(line["exception"])


def test_hostile_text_cannot_forge_a_line(out: io.StringIO) -> None:
    structlog.get_logger().info("peer says", text='x\n{"event":"forged"}')
    assert len(lines(out)) == 1


def test_deep_and_cyclic_values_end(out: io.StringIO) -> None:
    loop: list[object] = []
    loop.append(loop)
    structlog.get_logger().info("loop", value=loop)
    assert len(lines(out)) == 1


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_files_are_rotated_and_few_are_kept(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.log"
    file = logs.RotatingFile(str(path), 100, keep)
    for number in range(10):
        file.write(b"%d" % number * 60 + b"\n")
    file.close()
    held = sorted(tmp_path.iterdir())
    assert [p.name for p in held] == ["x.log", "x.log.1", "x.log.2"][: keep + 1]
    assert path.read_bytes()[:1] == b"9"
    assert [p.read_bytes()[:1] for p in held] == [b"9", b"8", b"7"][: keep + 1]
    assert path.stat().st_mode & 0o777 == 0o600
    logs.RotatingFile(str(path), 100, keep).write(b"more")
    assert path.read_bytes().endswith(b"more")


def test_a_full_disk_costs_lines_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.log"
    file = logs.RotatingFile(str(path), 100, 1)
    file.write(b"a" * 90 + b"\n")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as without_room:
        without_room.setattr("os.open", full)
        file.write(b"b" * 90 + b"\n")  # no room for a new file
        file.write(b"c" * 90 + b"\n")
    file.write(b"d\n")
    file.close()
    assert path.read_bytes() == b"d\n"
    assert (tmp_path / "x.log.1").read_bytes()[:1] == b"a"


def test_a_line_that_cannot_be_written_is_lost() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    logs.configure("x", Log(), Full())
    logger = structlog.get_logger()
    for say in (logger.info, logger.warning, logger.error, logger.exception):
        say("nobody reads this")


def test_modules_have_levels_of_their_own_and_are_named() -> None:
    text = io.StringIO()
    logs.configure("x", Log(level="warning", levels={"p2p": "debug", "web": "error"}), text)
    for module in ("p2p", "web", "wallet"):
        logger = structlog.get_logger(module)
        logger.debug("debug")
        logger.warning("warning")
        logger.error("error")
    said = [(line["module"], line["event"]) for line in lines(text)]
    assert said == [
        ("p2p", "debug"),
        ("p2p", "warning"),
        ("p2p", "error"),
        ("web", "error"),
        ("wallet", "warning"),
        ("wallet", "error"),
    ]


def test_a_logger_that_is_older_than_the_settings_goes_by_them() -> None:
    text, logger = io.StringIO(), structlog.get_logger("relay")
    logs.configure("x", Log(level="error"), text)
    logger.info("unseen")
    logs.configure("x", Log(level="error", levels={"relay": "info"}), text)
    logger.info("seen")
    assert [line["event"] for line in lines(text)] == ["seen"]


def test_every_module_that_logs_may_have_a_level() -> None:
    found = set()
    for path in Path(logs.__file__).parents[2].rglob("*.py"):
        for name in re.findall(r"get_logger\(([^)]*)\)", path.read_text()):
            found.add(name.strip('"'))
    named = set(get_args(Module)) - {"hypercorn"}
    assert found - {"record.name"} == named, "tables.Module names who logs"
