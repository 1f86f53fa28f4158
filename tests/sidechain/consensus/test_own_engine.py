"""An engine of a package of one's own, judged by the suite as docs/engines.md says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.processes.pages import ROOT, Part, reading
from tests.processes.pages import Reader as Somebody

SUITE = Part("docs/engines.md", "Write one")
PACKAGE = """
from bystack.sidechain.consensus.authority.machine import AuthorityType

class MyType(AuthorityType):
    pass
"""
OFFERED = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/engines.md").read_text(), re.M | re.S)
"""What the page puts into the package's pyproject.toml."""


class Reader(Somebody):
    """Has the package where Python looks for it, and the programs of this environment."""

    def type(self, words: list[str], answers: str = "") -> tuple[int, str]:
        case, program, *rest = words
        name, _, value = case.partition("=")
        done = subprocess.run(
            [sys.executable, "-m", program, "-p", "no:cacheprovider", *rest],
            cwd=ROOT,
            env={**os.environ, name: value, "PYTHONPATH": str(self.home)},
            capture_output=True,
            text=True,
            timeout=900,
        )
        return done.returncode, done.stdout + done.stderr


def test_the_suite_judges_an_installed_engine(tmp_path: Path) -> None:
    (table,) = OFFERED
    assert shlex.split(table)[-1] == "my_package:MyType"
    (tmp_path / "my_package.py").write_text(PACKAGE)
    metadata = tmp_path / "my_package-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    table = table.replace('[project.entry-points."bystack.consensus"]', "[bystack.consensus]")
    (metadata / "entry_points.txt").write_text(table.replace('"', ""))
    with reading(Reader({}, tmp_path), SUITE) as page:
        said = page.type("BYSTACK_ENGINE=")
    assert re.search(r"^\.{20,}", said, re.M), said
