"""What each process answers when it is asked for its figures: name, kind and meaning of each.

These types are the single source: services fill them, `families` reads them for `/metrics` and the
documentation. Names follow Prometheus: base units at the end, counters end in `_total`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, structs

Labelled = dict[str, int]
"""One value for each value of the figure's label."""


def gauge(text: str, label: str = "") -> Meta:
    """A figure that goes up and down; `label` names what a `Labelled` one is told apart by."""
    return Meta(description=text, extra_json_schema={"kind": "gauge", "label": label})


def counter(text: str, label: str = "") -> Meta:
    """A figure that only grows while its process runs."""
    return Meta(description=text, extra_json_schema={"kind": "counter", "label": label})


class Figures(Struct, frozen=True, kw_only=True):
    """The figures of one process."""

    def told(self) -> dict[str, Any]:
        """As they travel to the daemon: by name."""
        return structs.asdict(self)


Height = Annotated[int, gauge("height of the last block that this process follows")]
Peers = Annotated[int, gauge("connected peers")]
Inbound = Annotated[int, gauge("connected peers that dialled this node")]
Balance = Annotated[int, gauge("own coins for fees, in 0.00000001 BTM")]


class Chain(Figures, frozen=True, kw_only=True):
    """A process that keeps a chain."""

    height: Height
    tip_timestamp_seconds: Annotated[
        float, gauge("time that the last block states, in seconds since 1970")
    ]
    peers: Peers
    peers_inbound: Inbound
    peers_refused_total: Annotated[
        Labelled, counter("connections that a rule of the peer network ended, by rule", "rule")
    ]
    store_bytes: Annotated[int, gauge("size of the store on the disk")]


class Headers(Chain, frozen=True, kw_only=True):
    """The main chain, full or light."""

    headers: Annotated[int, gauge("height of the best chain of headers known")]
    syncing: Annotated[int, gauge("1 while blocks of a better chain are on their way")]
    deepest_reorganisation_blocks: Annotated[
        int, gauge("blocks that the deepest reorganisation since the start took back")
    ]


class LightFigures(Headers, frozen=True, kw_only=True):
    """A light node's main chain."""

    full_peers: Annotated[int, gauge("connected peers that hold whole blocks")]
    transactions_sent: Annotated[int, gauge("own transactions offered and in no block yet")]


class MainFigures(Headers, frozen=True, kw_only=True):
    """The main chain's process."""

    mempool_transactions: Annotated[int, gauge("transactions that wait for a block")]
    mempool_weight: Annotated[int, gauge("their weight together")]
    reorganisations_total: Annotated[int, counter("reorganisations since the start")]
    difficulty: Annotated[float, gauge("difficulty of the last block, 1 at the easiest target")]
    mining_threads: Annotated[int, gauge("processes that search for a block")]
    mining_hashes_per_second: Annotated[float, gauge("digests a second of all of them")]
    mining_blocks_total: Annotated[int, counter("blocks that they found")]


class SideFigures(Chain, frozen=True, kw_only=True):
    """A sidechain's process. Of the vault only where this node's own main chain reaches that far"""

    mempool_transactions: Annotated[int, gauge("transactions that wait for a block")]
    mempool_weight: Annotated[int, gauge("their weight together")]
    view: Annotated[int, gauge("view of the height being voted on; grows while leaders fail")]
    since_final_seconds: Annotated[float, gauge("time since a block became final here")]
    epoch: Annotated[int, gauge("epoch of the last block")]
    validators: Annotated[int, gauge("validators of this epoch")]
    voting: Annotated[int, gauge("1 while this node is one of them")]
    outdated: Annotated[int, gauge("1 when the chain asks for a version newer than this one")]
    evidence: Annotated[int, gauge("proofs of misbehaviour kept")]
    relay_height: Annotated[int, gauge("height of the main chain as relayed to this sidechain")]
    pegs_open: Annotated[Labelled, gauge("1 for a way that is open", "way")]
    batches_open: Annotated[int, gauge("batches of payouts that are not settled")]
    reserve_vault: Annotated[Labelled, gauge("what the vault holds, in smallest units", "asset")]
    reserve_circulating: Annotated[
        Labelled, gauge("what circulates here, in smallest units", "asset")
    ]
    reserve_difference: Annotated[
        Labelled, gauge("what the law of the reserves lacks or exceeds; 0 while it holds", "asset")
    ]


class MemberFigures(Figures, frozen=True, kw_only=True):
    """A federation member's process. The signer's are 0 while it does not answer."""

    height: Height
    peers: Peers
    members_missing: Annotated[int, gauge("members who are not connected")]
    weight: Annotated[int, gauge("this member's weight in the key epoch in force")]
    weight_of_all: Annotated[int, gauge("weight of all members")]
    weight_threshold: Annotated[int, gauge("weight that must sign")]
    orders_pending: Annotated[int, gauge("orders and touches that are being signed")]
    sponsor_balance: Balance
    signer_answers: Annotated[int, gauge("1 while the signer answers this member")]
    signer_height: Annotated[int, gauge("height of the main chain that the signer verified")]
    signer_waiting: Annotated[int, gauge("requests that its policy did not let through")]
    signer_stalled: Annotated[int, gauge("1 while it signs nothing for want of agreeing nodes")]
    signer_frozen: Annotated[int, gauge("1 after it saw the sidechain contradict itself")]


class GuardFigures(Figures, frozen=True, kw_only=True):
    """A guard's process."""

    height: Height
    seeing: Annotated[int, gauge("1 while the guard sees both chains as they stand")]
    alarms: Annotated[int, gauge("alarms in the book, those that are over included")]
    alarms_standing: Annotated[int, gauge("alarms that stand")]
    acts: Annotated[int, gauge("freezes, vetoes and cancellations under way")]
    sponsor_balance: Balance


class WalletFigures(Figures, frozen=True, kw_only=True):
    """The wallet's process."""

    wallets_loaded: Annotated[int, gauge("wallets that are open")]


class SignerFigures(Figures, frozen=True, kw_only=True):
    """The signer's process, which announces them: it answers the daemon nothing."""

    keys_served: Annotated[int, gauge("keys that the signer answers for")]
    keys_refused: Annotated[int, gauge("keys that it cannot serve; its log says why")]


class ProcessFigures(Figures, frozen=True, kw_only=True):
    """What the daemon sees of each process, and of itself as role `bystackd`."""

    process_up: Annotated[int, gauge("1 while it runs")]
    process_failed: Annotated[int, gauge("1 when the daemon gave it up as a crash loop")]
    process_restarts_total: Annotated[int, counter("how often it was started again")]
    process_cpu_seconds_total: Annotated[float, counter("processor time it used")]
    process_resident_memory_bytes: Annotated[int, gauge("memory it holds")]
    process_open_files: Annotated[int, gauge("files and sockets it holds open")]
    process_silent_seconds: Annotated[
        float, gauge("time without a sign of life, as far as it was missed")
    ]
    process_start_time_seconds: Annotated[float, gauge("when it began, in seconds since 1970")]


class DaemonFigures(Figures, frozen=True, kw_only=True):
    """The daemon's own."""

    ready: Annotated[int, gauge("1 when nothing is amiss, as /ready says")]
    disk_free_bytes: Annotated[int, gauge("room left where the home lies")]
    reloads_total: Annotated[
        Labelled, counter("how often the configuration was read anew, by outcome", "outcome")
    ]


ROLES: dict[str, tuple[type[Figures], ...]] = {
    "bystackd": (ProcessFigures, DaemonFigures),
    "mainchain": (ProcessFigures, MainFigures, LightFigures),
    "sidechain": (ProcessFigures, SideFigures),
    "federation": (ProcessFigures, MemberFigures),
    "guard": (ProcessFigures, GuardFigures),
    "wallet": (ProcessFigures, WalletFigures),
    "signer": (ProcessFigures, SignerFigures),
}
"""What each role shows."""
