"""A machine below a folder, on which docs/deployment.md is typed: its paths are the folder's.

What asks for root there is done as whoever runs the tests, and no package index is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid

from tests.processes.pages import ROOT, Reader

OWN = re.compile(r"bystack|_?_?editable")
"""Of this environment's packages, those that are the project itself."""
PLACE = re.compile(r"^/(?=(opt|etc|var|new\.example)/)|^(?=dist\b|\S+\.whl\b)")
"""Where a path begins that is the machine's, or a file that was made on it."""
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "1",
           "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}  # fmt: skip


class Machine(Reader):
    """Somebody who types the page in the checkout, with all of the machine below `root`."""

    def __init__(self, root: Path) -> None:
        user, group = getpwuid(os.geteuid()).pw_name, getgrgid(os.getegid()).gr_name
        super().__init__(
            {
                "-o bystack -g bystack": f"-o {user} -g {group}",
                "runuser -u bystack -- ": "",
                "new.example:": "/new.example",
            }
        )
        self.root = root

    def at(self, path: str) -> Path:
        """Where a path of the machine is."""
        return self.root / path.removeprefix("/")

    def borrow(self, place: str) -> None:
        """Have an environment know this one's packages, but for the project."""
        folder = self.at("/borrowed")
        if not folder.exists():
            folder.mkdir()
            for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
                if not OWN.match(entry.name.lower()):
                    (folder / entry.name).symlink_to(entry)
        (packages,) = self.at(place).glob("lib/python*/site-packages")
        (packages / "borrowed.pth").write_text(f"{folder}\n")

    def meant(self, words: str) -> list[str]:
        return [PLACE.sub(f"{self.root}/", one) for one in super().meant(words)]

    def type(self, words: list[str], answers: str = "") -> tuple[int, str]:
        match words:
            case ["pip", "wheel", *rest]:
                words = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", *rest]
            case ["pip", *rest]:
                words = [str(self.at("/opt/bystack/bin/pip")), *rest]
            case ["python3", *rest]:
                words = [sys.executable, *rest]
        done = subprocess.run(
            words, cwd=ROOT, env={**os.environ, **OFFLINE}, capture_output=True, text=True,
            timeout=600,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr
