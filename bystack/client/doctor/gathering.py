"""The facts of a node: its RPC, its home, its machine. Asks and reads; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from bystack.client.backups import key_digests, noted, wallet_digest
from bystack.client.doctor import looking
from bystack.client.doctor.asking_time import NoTime, ahead_of, synchronised
from bystack.client.doctor.facts import Chain, Charter, Clock, Facts, Keys
from bystack.client.hosting import read_genesis
from bystack.client.rpc import NodeDown, Rpc, RpcFailed
from bystack.client.tables import TableRefused
from bystack.ledger.terms import terms_hash
from bystack.node.config import FILE, IN_FORCE, Config, ConfigErrors, load_config

TIME_SECONDS: Final = 5.0
UNASKED: Final = (RpcFailed, NodeDown)


def facts(home: Path, rpc: Rpc, clock_server: str = "") -> Facts:
    """Everything the judges want to know. A node that does not answer is a fact as well."""
    config, errors = _config(home)
    rows, unready, down = _supervised(home, rpc)
    names = _names(config)
    before = {name: _height(rpc, name) for name in names} if not down else {}
    listening = tuple(looking.listeners(home, config, not down)) if config else ()
    signing = tuple(looking.signing(home, config)) if config else ()
    return Facts(
        home=str(home),
        machine=looking.machine(home, config),
        listeners=listening,
        keys=_keys(home, rpc, bool(down)),
        installed=version("bystack"),
        config=msgspec.to_builtins(config) if config else {},
        config_errors=errors,
        changed=_changed(home),
        down=down,
        unready=unready,
        processes=tuple(looking.ended(home) if down else looking.processes(home, rows)),
        signing=signing,
        charters=tuple(_charters(home, config, rpc)) if config else (),
        chains=tuple(_chain(rpc, config, one, before[one]) for one in before) if config else (),
        clock=_clock(clock_server),
    )


def _config(home: Path) -> tuple[Config | None, tuple[str, ...]]:
    try:
        return load_config(home), ()
    except ConfigErrors as error:
        return None, tuple(str(one) for one in error.errors)


def _names(config: Config | None) -> list[str]:
    if config is None:
        return []
    main = ["main"] if config.mainchain.mode != "off" else []
    return main + [one.name for one in config.sidechain]


def _supervised(home: Path, rpc: Rpc) -> tuple[list[dict[str, Any]], tuple[str, ...], str]:
    """The rows of the supervisor, why it should not be asked, and why it does not answer."""
    try:
        unready = rpc.unready()
        told = msgspec.json.decode((home / "run" / "bystackd.json").read_bytes())
    except NodeDown as error:
        return [], (), str(error)
    except (OSError, msgspec.DecodeError) as error:
        return [], (), f"run/bystackd.json cannot be read: {error}"
    return list(told["processes"]), unready, ""


def _changed(home: Path) -> bool:
    try:
        return (home / FILE).read_bytes() != (home / IN_FORCE / FILE).read_bytes()
    except OSError:
        return False


def _clock(server: str) -> Clock:
    ahead = None
    if server:
        try:
            ahead = ahead_of(server, TIME_SECONDS)
        except NoTime as error:
            return Clock(time.time(), False, None, str(error))
    return Clock(time.time(), synchronised(), ahead, server)


def _path(name: str) -> str:
    return "/" if name == "main" else f"/sidechain/{name}"


def _height(rpc: Rpc, name: str) -> int:
    try:
        return int(rpc.call("getblockcount", path=_path(name)))
    except UNASKED:
        return -1


def _chain(rpc: Rpc, config: Config, name: str, before: int) -> Chain:
    table = next((one for one in config.sidechain if one.name == name), None)
    listed = table.peers if table else config.mainchain.peers
    try:
        info = rpc.call("getblockchaininfo", path=_path(name))
        net = rpc.call("getnetworkinfo", path=_path(name))
        side = rpc.call("getsidechaininfo", path=_path(name)) if table else {}
    except UNASKED as error:
        return Chain(name, str(error))
    syncing = side.get("sync", {}).get("mode", "none") != "none"
    return Chain(
        name=name,
        before=max(before, 0) if before >= 0 else int(info["blocks"]),
        height=int(info["blocks"]),
        time=int(info["time"]),
        peers=int(net["connections"]),
        listed=len(listed),
        refused=net["refused"],
        network=str(info["chain"]),
        mainchain=str(side.get("mainchain", "")),
        syncing=bool(info.get("initialblockdownload")) or syncing,
        validator=bool(table and table.validator_key),
        version=str(net["version"]),
        warnings=str(side.get("warnings") or info.get("warnings") or ""),
    )


def _keys(home: Path, rpc: Rpc, down: bool) -> Keys:
    note = noted(home)
    now = {} if down else dict(_wallets(rpc))
    then = {name: saved.digests.get(name, "") for name, saved in note.wallets.items()}
    return Keys(key_digests(home), note.keys.digests, note.keys.when, now, then)


def _wallets(rpc: Rpc) -> Iterator[tuple[str, str]]:
    """Each loaded wallet that has keys, with the digest of what its backup would carry."""
    try:
        for name in rpc.call("listwallets"):
            ask = partial(rpc.call, path=f"/wallet/{name}")
            if ask("getwalletinfo")["private_keys_enabled"]:
                yield name, wallet_digest(ask)
    except UNASKED:
        return


def _charters(home: Path, config: Config, rpc: Rpc) -> Iterator[Charter]:
    for one in config.federation:
        running, agreed = _running(rpc, one.name), _agreed(home, config, rpc, one.name)
        yield looking.charter(home, f"member of {one.name}", one.charter, running, agreed)
    for guard in config.guard:
        agreed = _agreed(home, config, rpc, guard.name)
        yield looking.charter(home, f"guard of {guard.name}", guard.charter, "", agreed)


def _running(rpc: Rpc, name: str) -> str:
    try:
        return str(rpc.federation(name, "getfederationinfo")["charter"])
    except UNASKED:
        return ""


def _agreed(home: Path, config: Config, rpc: Rpc, name: str) -> str:
    """The charter's hash in the vault's terms, known while the genesis's terms are in force."""
    table = next((one for one in config.sidechain if one.name == name), None)
    if table is None:
        return ""
    try:
        genesis = read_genesis(home / table.genesis)
        state = rpc.call("getvault", genesis.vault.hex())["state"]
    except (*UNASKED, TableRefused):
        return ""
    in_force = state["terms"] == terms_hash(genesis.terms).hex()
    return genesis.terms.note.hex() if in_force else ""
