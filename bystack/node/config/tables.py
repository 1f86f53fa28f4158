"""What a node's TOML may say: every key, its type, its bounds, its default and its one sentence.

These types are the single source: the loader, `bystackd init`'s commented file and `config docs`
all read them. Consensus rules are not here: they are each chain's, never an operator's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

NETWORKS = ("main", "test", "regtest")
FILE = "bystack.toml"
IN_FORCE = "in-force"
"""Where the supervisor keeps `FILE` as it read it last. Landlock binds a process to the file that
lay there when it was confined; an editor that replaces it leaves the process none it may read."""

Scope = Literal["read", "wallet", "admin"]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{0,30}\Z",
        description="a name of small letters, digits and hyphens",
    ),
]
PORT = "(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
"""0 to 65535. The operating system would take a larger one modulo 65536, without a word."""
Address = Annotated[
    str,
    Meta(
        pattern=rf"^([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):{PORT}\Z",
        description='an address "host:port", port up to 65535',
    ),
]
Peer = Annotated[
    str,
    Meta(
        pattern=rf"^([0-9a-f]{{64}}@)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):{PORT}\Z",
        description='a peer "host:port" or "node id@host:port", port up to 65535',
    ),
]
LEAST_KEPT = 288
"""Blocks of half a day: reorganisations that a pruning node must be able to follow."""
File = Annotated[str, Meta(min_length=1, description="a file, relative to the home")]


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the configuration's tables."""


class Mainchain(Table, frozen=True, kw_only=True):
    """The main chain."""

    mode: Annotated[
        Literal["full", "light", "off"],
        Meta(description="full checks every block, light only headers, off runs no main chain"),
    ] = "full"
    listen: Annotated[
        Address, Meta(description="where peers reach this node; port 0 takes a free one")
    ] = "127.0.0.1:9735"
    peers: Annotated[
        tuple[Peer, ...], Meta(description="nodes to connect to, besides those learnt from others")
    ] = ()
    cache_mb: Annotated[
        int, Meta(ge=4, le=65536, description="memory for coins read lately, in MiB")
    ] = 64
    filter_peers: Annotated[
        int,
        Meta(ge=1, le=8, description="light: how many full peers must agree on what a block holds"),
    ] = 2
    prune: Annotated[
        int,
        Meta(ge=0, le=10**9, description="blocks to keep, the last 288 or more; 0 keeps all"),
    ] = 0
    index_addresses: Annotated[
        bool,
        Meta(description="keep each address's coins and history for explorers; costs disk"),
    ] = False


class Mining(Table, frozen=True, kw_only=True):
    """Making main-chain blocks."""

    threads: Annotated[
        int, Meta(ge=0, le=256, description="how many processes search; 0 does not mine")
    ] = 0
    address: Annotated[
        str, Meta(max_length=250, description="where the reward goes; empty asks the wallet")
    ] = ""


class MempoolLimits(Table, frozen=True, kw_only=True):
    """Main-chain transactions that wait for a block."""

    max_mb: Annotated[
        int, Meta(ge=5, le=65536, description="memory they may take, about, in MiB")
    ] = 300
    expiry_hours: Annotated[
        int, Meta(ge=1, le=100_000, description="after how long one is given up")
    ] = 336
    min_fee: Annotated[
        int,
        Meta(ge=0, le=10**9, description="least fee in 0.00000001 BTM per 1000 of weight"),
    ] = 1000
    persist: Annotated[bool, Meta(description="keep them over a restart")] = True


class Rpc(Table, frozen=True, kw_only=True):
    """The JSON-RPC and web server."""

    listen: Annotated[
        Address, Meta(description="where clients reach it; loopback unless you know better")
    ] = "127.0.0.1:9736"
    hosts: Annotated[
        tuple[str, ...],
        Meta(max_length=64, description="further Host names to accept (DNS rebinding is refused)"),
    ] = ()
    tls_certificate: Annotated[
        str, Meta(description="PEM file; with it and its key the server speaks TLS only")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file of the certificate's private key")] = ""
    max_body_kb: Annotated[
        int, Meta(ge=16, le=65536, description="largest request body, in KiB; a block needs 7813")
    ] = 8192
    concurrency: Annotated[
        int, Meta(ge=1, le=1024, description="requests served at one time; more wait")
    ] = 32
    seconds: Annotated[
        int, Meta(ge=1, le=3600, description="how long a request may take, in seconds")
    ] = 300
    rate: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="calls a second of each token; 0 sets no limit"),
    ] = 0
    subscribers: Annotated[
        int, Meta(ge=0, le=200, description="WebSocket connections at one time; 0 takes none")
    ] = 32
    dashboard: Annotated[
        Literal["token", "open", "off"],
        Meta(
            description="the pages at /: for holders of a credential (of tokens/dashboard, scope"
            " read), for anybody who reaches the server, or for nobody"
        ),
    ] = "token"
    tokens: Annotated[
        dict[Name, Scope],
        Meta(description='named tokens and what each may do; "tokens/NAME" holds the secret'),
    ] = {}


class Wallet(Table, frozen=True, kw_only=True):
    """The wallet process, which keeps users' keys."""

    enabled: Annotated[bool, Meta(description="run it")] = True


class Limits(Table, frozen=True, kw_only=True):
    """What each process may use at most."""

    memory_mb: Annotated[
        int, Meta(ge=256, le=1_048_576, description="address space of one process, in MiB")
    ] = 4096
    files: Annotated[int, Meta(ge=64, le=1_048_576, description="open files of one process")] = 2048
    nice: Annotated[
        int, Meta(ge=0, le=19, description="niceness of sidechain processes; 0 is none")
    ] = 0
    hang_seconds: Annotated[
        int,
        Meta(ge=20, le=86_400, description="a process silent for so long hangs, and is killed"),
    ] = 120
    sandbox: Annotated[
        bool, Meta(description="confine each process to its own files (Landlock), where possible")
    ] = True


Level = Literal["debug", "info", "warning", "error"]
Module = Literal[
    "consensus",
    "federation",
    "guard",
    "hypercorn",
    "ipc",
    "keyfiles",
    "light",
    "mainchain",
    "mining",
    "p2p",
    "peers",
    "pool",
    "relay",
    "role",
    "shorthand",
    "sidechain",
    "signer",
    "snapshot",
    "supervisor",
    "wallet",
    "web",
]
"""Who writes to the logs; each line names its module."""


class Log(Table, frozen=True, kw_only=True):
    """What the processes write to logs/."""

    level: Annotated[Level, Meta(description="least level written")] = "info"
    levels: Annotated[
        dict[Module, Level], Meta(description="another least level for single modules")
    ] = {}
    format: Annotated[Literal["json", "console"], Meta(description="one JSON object a line")] = (
        "json"
    )
    max_mb: Annotated[
        int, Meta(ge=1, le=1024, description="size at which a log file is rotated, in MiB")
    ] = 16
    keep: Annotated[int, Meta(ge=0, le=100, description="rotated files kept of each log")] = 3


ADVERTISED = r"^(([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5})?\Z"


class Sidechain(Table, frozen=True, kw_only=True):
    """One sidechain this node follows or validates."""

    name: Annotated[Name, Meta(description="its name here: files, RPC path, process")]
    genesis: Annotated[File, Meta(description="its genesis; the hash of it is the chain id")]
    listen: Annotated[Address, Meta(description="where its peers reach this node")] = "127.0.0.1:0"
    advertise: Annotated[
        str,
        Meta(
            pattern=ADVERTISED,
            description="where others reach this validator, if not at `listen`",
        ),
    ] = ""
    peers: Annotated[tuple[Peer, ...], Meta(description="its nodes to connect to")] = ()
    validator_key: Annotated[
        str, Meta(description="key file of a validator; leave out to follow only")
    ] = ""
    recipient: Annotated[
        str,
        Meta(
            pattern=r"^([0-9a-f]{64})?\Z",
            description="a member's recipient, that it is paid for headers relayed from here",
        ),
    ] = ""
    join: Annotated[
        Literal["blocks", "snapshot"],
        Meta(description="how it catches up when more than an epoch behind"),
    ] = "blocks"
    snapshots: Annotated[
        int, Meta(ge=0, le=2, description="state snapshots kept for nodes that join")
    ] = 2
    snapshot_every: Annotated[
        int, Meta(ge=0, le=10_000_000, description="blocks between them; 0 is one an epoch")
    ] = 0
    index_addresses: Annotated[
        bool,
        Meta(description="keep each address's coins and history for explorers; costs disk"),
    ] = False


class Federation(Table, frozen=True, kw_only=True):
    """A membership of the federation that holds one sidechain's vault."""

    name: Annotated[Name, Meta(description="the sidechain's name")]
    listen: Annotated[Address, Meta(description="where other members reach this one")] = (
        "127.0.0.1:0"
    )
    advertise: Annotated[
        str,
        Meta(
            pattern=ADVERTISED,
            description="where other members reach this one, if not at `listen`",
        ),
    ] = ""
    peers: Annotated[tuple[Peer, ...], Meta(description="other members")] = ()
    member_key: Annotated[File, Meta(description="the member's identity key file")]
    charter: Annotated[File, Meta(description="the charter; the same bytes for every member")]
    upstreams: Annotated[
        int,
        Meta(ge=1, le=16, description="main-chain nodes, own included, that must agree to sign"),
    ] = 1
    upstream_peers: Annotated[
        tuple[Peer, ...],
        Meta(max_length=16, description="main-chain nodes to hear headers from, beside the own"),
    ] = ()


class Guard(Table, frozen=True, kw_only=True):
    """A watchtower over one federation's vault."""

    name: Annotated[Name, Meta(description="the sidechain's name")]
    key: Annotated[File, Meta(description="the guard's key file")]
    charter: Annotated[File, Meta(description="the charter it watches over")]
    act: Annotated[
        tuple[Literal["freeze", "veto", "cancel"], ...],
        Meta(description="what it does by itself; the rest waits for bystack guard"),
    ] = ("freeze", "veto", "cancel")
    hook: Annotated[
        str, Meta(description="program run at each alarm, which it reads as JSON; empty runs none")
    ] = ""
    low_balance: Annotated[
        int,
        Meta(ge=0, le=10**18, description="alarm below so much for fees, in 0.00000001 BTM"),
    ] = 20_000_000


class Config(Table, frozen=True, kw_only=True):
    """A node's configuration: `bystack.toml`, `sidechains/NAME.toml`, `federations/NAME.toml`."""

    network: Annotated[
        str,
        Meta(min_length=1, description="main, test, regtest, or a path to a genesis file"),
    ]
    mainchain: Mainchain = Mainchain()
    mining: Mining = Mining()
    mempool: MempoolLimits = MempoolLimits()
    rpc: Rpc = Rpc()
    wallet: Wallet = Wallet()
    limits: Limits = Limits()
    log: Log = Log()
    sidechain: tuple[Sidechain, ...] = ()
    federation: tuple[Federation, ...] = ()
    guard: tuple[Guard, ...] = ()
