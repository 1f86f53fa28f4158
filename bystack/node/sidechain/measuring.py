"""The figures of a sidechain's process."""

from __future__ import annotations

from typing import Final, NamedTuple

from bystack.node.ipc import RemoteError
from bystack.node.metrics.figures import SideFigures
from bystack.node.peering import peers_told
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.relaying import Relaying
from bystack.node.sidechain.voting.driver import Driver
from bystack.sidechain.batches import open_seqs
from bystack.sidechain.gates import Gatekeeper
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState

OLD: Final = 60_000
LATELY: Final = 10_000


class Pegs(NamedTuple):
    """How the pegs stand on one state."""

    relayed: int
    ways: dict[str, int]
    batches: int


def far_behind(driver: Driver) -> bool:
    """Whether it lacks what the others have: it is too old for the chain's rules, or blocks that
    were made `OLD` milliseconds ago become final here only now. Where the whole chain stands still
    none do, and nobody is behind.
    """
    late = driver.now() - driver.store.header.time > OLD and driver.since_final < LATELY
    return late or driver.upgrade.outdated


def figures(driver: Driver, reader: Reader, relaying: Relaying | None) -> SideFigures:
    """As they are now; `relaying`: None where nobody reads the vault."""
    header, pool = driver.store.header, driver.pooling.pool.machine
    pegs, reserves = _pegs(driver, reader), _reserves(driver, relaying)
    return SideFigures(
        height=header.height,
        tip_timestamp_seconds=header.time / 1000,
        **peers_told(driver.host),
        store_bytes=driver.store.size,
        mempool_transactions=len(driver.pooling),
        mempool_weight=pool.weight,
        view=driver.machine.view,
        since_final_seconds=driver.since_final / 1000,
        epoch=header.epoch,
        validators=len(driver.era.validators),
        voting=int(driver.index is not None),
        outdated=int(driver.upgrade.outdated),
        evidence=sum(1 for _ in driver.store.evidence()),
        relay_height=pegs.relayed,
        pegs_open=pegs.ways,
        batches_open=pegs.batches,
        reserve_vault={name: row[0] for name, row in reserves.items()},
        reserve_circulating={name: row[1] for name, row in reserves.items()},
        reserve_difference={name: row[2] for name, row in reserves.items()},
    )


def _pegs(driver: Driver, reader: Reader) -> Pegs:
    with driver.store.snapshot() as snapshot:
        base = driver.store.base(snapshot)
        state, last = SystemState(base.state), base.parent
        keeper = Gatekeeper(driver.genesis, reader.modules, state, last.height, last.time)
        ways = {gate.way: int(gate.open) for gate in keeper.gates()}
        return Pegs(RelayView(state).best().header.height, ways, len(open_seqs(state)))


def _reserves(driver: Driver, relaying: Relaying | None) -> dict[str, tuple[int, int, int]]:
    """Vault, circulation and difference by asset; none while the own main chain is behind."""
    if relaying is None:
        return {}
    names = {asset.asset: asset.name for asset in driver.genesis.assets}
    try:
        with driver.store.snapshot() as snapshot:
            _, rows = relaying.reserves(snapshot)
    except RemoteError:
        return {}
    told = {names.get(asset, asset.hex()): row for asset, row in rows.items()}
    return {name: (row.vault, row.circulating, row.difference) for name, row in told.items()}
