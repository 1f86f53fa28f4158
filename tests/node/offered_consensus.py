"""An engine of consensus of somebody else's package, installed as folders are: without pip."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''
from bystack.sidechain.consensus.solo import SoloType


class Patient(SoloType):
    """As solo, under a name of its own."""


class Broken:
    def __init__(self):
        raise ImportError("no library of that kind")


class Partial:
    def check(self, validators, changing):
        pass


def takes_arguments(one):
    return one
'''

OFFERED = """[bystack.consensus]
patient = offered_consensus:Patient
broken = offered_consensus:Broken
partial = offered_consensus:Partial
arguments = offered_consensus:takes_arguments
nowhere = offered_consensus:Nowhere
lost = no_such_module:Engine
"""


def install(folder: Path) -> Path:
    """A folder for `sys.path` with the package and the metadata that name its entry points."""
    metadata = folder / "offered_consensus-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "offered_consensus.py").write_text(SOURCE)
    name = "Metadata-Version: 2.1\nName: offered-consensus\nVersion: 1\n"
    (metadata / "METADATA").write_text(name)
    (metadata / "entry_points.txt").write_text(OFFERED)
    return folder
