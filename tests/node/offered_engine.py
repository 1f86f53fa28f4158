"""A proof-of-work engine of somebody else's package, installed as folders are: without pip."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''
import hashlib


class Blake:
    """BLAKE2s of seed and id."""

    def digest(self, id, seed, /):
        return hashlib.blake2s(seed + id).digest()


class Short:
    def digest(self, id, seed, /):
        return b""


class Chatty(Blake):
    def digest(self, id, seed, /):
        print("warming up")
        return super().digest(id, seed)


class Broken:
    def __init__(self):
        raise ImportError("no library of that kind")


class Empty:
    pass


def takes_arguments(one):
    return one
'''

OFFERED = """[bystack.work]
blake = offered_work:Blake
short = offered_work:Short
chatty = offered_work:Chatty
broken = offered_work:Broken
empty = offered_work:Empty
arguments = offered_work:takes_arguments
nowhere = offered_work:Nowhere
lost = no_such_module:Engine
"""


def install(folder: Path) -> Path:
    """A folder for `sys.path` with the package and the metadata that name its entry points."""
    metadata = folder / "offered_work-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "offered_work.py").write_text(SOURCE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: offered-work\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(OFFERED)
    return folder
