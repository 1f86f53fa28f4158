"""The version that processes tell is the one that packages have."""

from __future__ import annotations

import tomllib
from pathlib import Path

from bystack import __version__


def test_the_package_and_the_program_have_one_version() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
