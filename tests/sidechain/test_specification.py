"""What a genesis says that says nothing: the numbers of the design (bbft.md, sections 1, 9, 10)."""

import msgspec

from bystack.sidechain.consensus.events import Config
from bystack.sidechain.specification import GenesisSpec

SAID = {
    "name": "trade",
    "hrp": "tr",
    "time": 0,
    "validators": [],
    "assets": [
        {"name": "BTM", "id": "ff" * 32, "decimals": 8, "confirmations": 6, "pegin_limit": 1}
    ],
}


def test_numbers_left_out_are_those_of_the_design() -> None:
    found = msgspec.convert(SAID, GenesisSpec).engine
    assert (found.type, found.election) == ("bbft", "fixed")
    assert (found.interval, found.empty_interval, found.timeout) == (500, 5_000, 1_500)
    assert (found.blocks_per_leader, found.gateways) == (1, 0)
    assert (found.epoch, found.freeze) == (1_200, 40), "the next set stands 40 blocks before"
    config = Config()
    assert (config.fallback, config.tolerance) == (400, 2_000)
