"""What a guard knows of the sidechain at one moment, from its own follower's final state.

The follower executed every block itself, so this is nobody's word. It may be behind the network,
though: what is not in it yet is not known to be false (K18).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bystack.sidechain.records import Batch, Sums
from bystack.sidechain.stops import Stop


@dataclass(frozen=True)
class View:
    """The sidechain's final state at `height`; `time` is its header's, in milliseconds.

    `peers`: how many the follower has. `attached`: the relayed tip, of `relay_height`, is on this
    node's own best main chain. `mirrored`: the vault's seq as the sidechain has it proved.
    `next_seq`: above every seq that was ever given to a batch. `batches`: of the seqs asked for,
    None where there is none. `decided`: terms (hashes) that governance or a certified key allows.
    `accused`: proofs of misbehaviour that the follower holds and the chain has not taken.
    """

    height: int
    time: int
    peers: int
    relay_height: int
    attached: bool
    mirrored: int = -1
    next_seq: int = 0
    stops: Stop = field(default_factory=lambda: Stop(0))
    batches: Mapping[int, Batch | None] = field(default_factory=dict)
    sums: Mapping[bytes, Sums] = field(default_factory=dict)
    decided: frozenset[bytes] = frozenset()
    accused: int = 0


@dataclass(frozen=True)
class Heard:
    """What the shell tells at each tick: `now` in milliseconds, and how the own node stands.

    `caught_up`: the own main chain is at its network's tip and all its blocks were handed over.
    `balance`: of the purse, in 10⁻⁸ BTM, in so many `coins`.
    """

    now: int
    caught_up: bool
    balance: int
    coins: int
