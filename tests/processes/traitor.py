"""A validator that signs whatever it likes, with real keys, as a process of its own.

`python -m tests.processes.traitor HOME CHAIN INDEX PEER...`: at every height it hears of it sends
all its peers two PREPAREs and two COMMITs for blocks that never were. It keeps no journal.
"""

from __future__ import annotations

import os
import sys

import trio

from bystack.node.genesis_files import genesis_path, read_genesis
from bystack.node.keyfiles import read_key
from bystack.p2p.host import Class, Host, HostConfig, Message
from bystack.p2p.identity import Identity
from bystack.primitives import bls
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.messages import Status
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    Vote,
)
from bystack.sidechain.messages import CAPS, read_message, write_message
from bystack.sidechain.params import Genesis


class Traitor:
    """The keys of a validator, and a proper peer host."""

    def __init__(self, name: str, index: int, peers: tuple[str, ...]) -> None:
        self.genesis: Genesis = read_genesis(genesis_path(name))
        self._index = index
        self._secret = read_key(f"keys/{name}.validator.key", "validator")
        identity = Identity.from_seed(read_key(f"keys/{name}.node.key", "node"))
        caps = dict.fromkeys(range(16, 256), max(CAPS.values()))
        config = HostConfig(self.genesis.id, self.genesis.main.magic, "", peers, caps=caps)
        self.host = Host(identity, config)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.host.run)
            async for event in self.host.events:
                if isinstance(event, Message):
                    self._hear(event.kind, event.payload)

    def _hear(self, kind: int, payload: bytes) -> None:
        try:
            said = read_message(kind, payload)
        except Invalid:
            return
        certificate = said.certificate if isinstance(said, Status) else said
        if isinstance(certificate, Certificate) and certificate.kind == COMMIT:
            self._betray(certificate.epoch, certificate.height + 1)

    def _betray(self, epoch: int, height: int) -> None:
        if height % self.genesis.consensus.epoch == 0:
            return  # the next epoch's, of which it knows nothing
        for kind in (PREPARE, COMMIT):
            for _ in range(2):
                block = os.urandom(32)
                justify = os.urandom(32) if kind == PREPARE else NO_HASH
                vote = Vote(kind, epoch, height, 0, block, justify, self._index, NO_SIGNATURE)
                signature = bls.sign(self._secret, vote.digest(self.genesis.id))
                signed = Vote(kind, epoch, height, 0, block, justify, self._index, signature)
                self.host.broadcast(*write_message(signed), Class.CONSENSUS)


def main() -> None:
    home, name, index, *peers = sys.argv[1:]
    os.chdir(home)
    trio.run(Traitor(name, int(index), tuple(peers)).run)


if __name__ == "__main__":
    main()
