"""The example of a module in a package of its own, installed from its folder as people do it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "modules" / "names"

BROKEN = """
class Broken:
    def __init__(self):
        raise ImportError("no library of that kind")

class Sour:
    def __init__(self):
        raise ValueError

class Nameless:
    free = approved = ()
    queries = (7,)
"""
OFFERED = """[bystack.modules]
broken = offered_modules:Broken
nowhere = offered_modules:Nowhere
sour = offered_modules:Sour
nameless = offered_modules:Nameless
lost = no_such_package:Module
"""


def install(folder: Path, example: Path = EXAMPLE) -> Path:
    """A folder for `sys.path` with an example in it, as `pip install` puts it there.

    It builds a copy, and asks no index: what it needs is here.
    """
    source, site = folder / "source", folder / "site"
    shutil.copytree(example, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    where = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(site), str(source)]
    done = subprocess.run([*pip, *where], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return site


def install_broken(folder: Path) -> Path:
    """A folder for `sys.path` with modules that cannot be loaded."""
    metadata = folder / "offered_modules-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "offered_modules.py").write_text(BROKEN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: offered-modules\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(OFFERED)
    return folder
