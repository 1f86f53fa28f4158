"""Processes load what they use: thirty of them at rest are mostly imported code."""

from __future__ import annotations

import subprocess
import sys

ROLES = ("signer", "wallet", "mainchain", "federation")
UNUSED = (
    "bystack.node.light.process",
    "bystack.node.sidechain.modules",
    "bystack.sidechain.actions",
    "bystack.sidechain.consensus.authority.machine",
    "bystack.sidechain.consensus.bbft",
    "difflib",
    "importlib.metadata",
)
LOAD = """
import sys
from importlib import import_module
roles, unused = (words.split(",") for words in sys.argv[1:])
for role in roles:
    import_module(f"bystack.node.roles.{role}")
    print(*(f"{role}: {name}" for name in unused if name in sys.modules), sep="\\n", end="")
"""


def test_roles_without_a_chain_of_blocks_to_execute_load_nothing_for_it() -> None:
    command = [sys.executable, "-c", LOAD, ",".join(ROLES), ",".join(UNUSED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout == ""
