"""RPC about a sidechain's peers: as on the main chain, and who of them votes."""

from __future__ import annotations

from bystack import __version__
from bystack.node.mainchain.forms import Json
from bystack.node.mainchain.rpc_peers import PeerMethods
from bystack.node.sidechain.voting.driver import Driver


class SidePeerMethods(PeerMethods):
    """Answers from the sidechain's peer host."""

    def __init__(self, driver: Driver, node_id: bytes) -> None:
        super().__init__(driver.host, node_id, driver.host.listening, __version__)
        self._driver = driver

    def peers(self) -> list[Json]:
        """One object per peer; `validator` is its index in this epoch, -1 for one that follows."""
        indexes = self._driver.era.validators.by_node
        return [
            {**one, "validator": indexes.get(bytes.fromhex(one["nodeid"]), -1)}
            for one in super().peers()
        ]
