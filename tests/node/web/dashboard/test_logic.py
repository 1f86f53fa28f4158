"""What the pages compute, run by Node.js where there is one; the cases are in `logic.js`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bystack.node.web import showing

NODE = shutil.which("node")
CASES = Path(__file__).parent / "logic.js"


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine to run the pages' modules")
def test_what_the_pages_compute(tmp_path: Path) -> None:
    assert NODE is not None
    shutil.copytree(Path(showing.__file__).parent / "dashboard", tmp_path / "page")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(CASES, tmp_path / "logic.js")
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", "logic.js"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = len(re.findall(r"^test\(", CASES.read_text(), re.MULTILINE))
    assert f"# pass {run}\n" in done.stdout, done.stdout
