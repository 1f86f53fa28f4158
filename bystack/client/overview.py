"""`bystack status`: how a node stands, gathered over RPC and told on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from bystack.client.doctor import looking
from bystack.client.progress import (
    joining_line,
    joining_of,
    progress_line,
    progress_of,
    warning_of,
)
from bystack.client.rpc import Glance, NodeDown, Rpc, RpcFailed
from bystack.ledger.amounts import BTM_DECIMALS, shown_amount
from bystack.node.config import ConfigErrors, load_config

AWAY: Final = (RpcFailed, NodeDown)
MINUTE, HOUR, DAY = 60, 3_600, 86_400
WAYS: Final = ("pegin", "pegout", "payouts")


def gathered(rpc: Rpc) -> dict[str, Any]:
    """Everything that is shown, as JSON. Raises `NodeDown` for a node that does not run.

    A process of it that does not answer is shown as such, and not waited for.
    """
    with suppress(RpcFailed):  # it lives; which of its processes does not is shown
        Glance(rpc.home).call("help")
    facts = msgspec.json.decode((Path(rpc.home) / "run" / "bystackd.json").read_bytes())
    rpc = Glance(rpc.home)
    named = [(row["role"], row["name"]) for row in facts["processes"]]
    sides = [name for role, name in named if role == "sidechain"]
    members = [name for role, name in named if role == "federation"]
    guards = [name for role, name in named if role == "guard"]
    every = [*(["main"] if ("mainchain", "") in named else []), *sides]
    found = {
        "sync": progress_of(rpc),
        "mining": _asked(rpc, "getmininginfo"),
        "joining": {name: one for name in sides if (one := joining_of(rpc, name))},
        "warnings": {name: text for name in sides if (text := warning_of(rpc, name))},
        "wallet": _wallet(rpc, every),
        "federations": {name: _member(rpc, name) for name in members},
        "guards": {name: _guard(rpc, name) for name in guards},
        "refused": refused(Path(rpc.home)),
    }
    chains = {name: _chain(rpc, name) for name in every}
    return {**facts, "chains": chains, **{name: one for name, one in found.items() if one}}


def refused(home: Path) -> dict[str, str]:
    """Whose keys the signer does not serve, with the rule its log names, as `JournalMissing`."""
    with suppress(ConfigErrors):
        keys = looking.signing(home, load_config(home))
        return {one.whose: one.rule for one in keys if one.rule and not one.answers}
    return {}


def _asked(rpc: Rpc, method: str, path: str = "/") -> dict[str, Any]:
    try:
        return dict(rpc.call(method, path=path))
    except AWAY:
        return {}


def _chain(rpc: Rpc, name: str) -> dict[str, Any]:
    path = "/" if name == "main" else f"/sidechain/{name}"
    try:
        info = rpc.call("getblockchaininfo", path=path)
        peers = rpc.call("getconnectioncount", path=path)
    except AWAY as error:
        return {"height": "", "id": str(error)}
    tip = {"height": info["blocks"], "id": info["bestblockhash"]}
    tip |= {"time": info["time"], "peers": peers}
    return tip if name == "main" else {**tip, **_side(rpc, path)}


def _side(rpc: Rpc, path: str) -> dict[str, Any]:
    info, pegs = _asked(rpc, "getsidechaininfo", path), _asked(rpc, "getpegstatus", path)
    shut = [way for way in WAYS if pegs and not pegs[way]["open"]]
    told: dict[str, Any] = {"validator": info.get("validator", -1)}
    told |= {"pegs": "shut: " + ", ".join(shut) if shut else "open" if pegs else ""}
    return {**told, "reserves_hold": _asked(rpc, "getreserves", path).get("holds")}


def _wallet(rpc: Rpc, chains: list[str]) -> dict[str, Any]:
    """The wallet that is loaded, with what it can spend on each chain; empty for none."""
    info = _asked(rpc, "getwalletinfo")
    if not info:
        return {}
    held: dict[str, dict[str, Any]] = {}
    for chain in chains:
        try:
            mine = rpc.call("getbalances", chain)["mine"]
        except AWAY:
            continue
        held[chain] = {name: sums["trusted"] for name, sums in mine.items() if sums["trusted"]}
    return {"name": info["walletname"], "locked": info["locked"], "balances": held}


def _member(rpc: Rpc, name: str) -> dict[str, Any]:
    try:
        info = rpc.federation(name, "getfederationinfo")
    except AWAY as error:
        return {"error": str(error)}
    wanted = ("member", "weight", "threshold", "total", "keygen", "peers", "signer")
    return {key: info[key] for key in (*wanted, "vault_frozen_until") if key in info}


def _guard(rpc: Rpc, name: str) -> dict[str, Any]:
    try:
        info = rpc.guard(name, "getguardinfo")
    except AWAY as error:
        return {"error": str(error)}
    wanted = ("seeing", "main_height", "sidechain_height", "sponsor", "acts", "standing")
    return {key: info[key] for key in wanted}


def lines(told: dict[str, Any]) -> Iterator[str]:
    """The screen below its table of chains: work under way, memberships, guards, the wallet."""
    for name, one in told.get("joining", {}).items():
        yield joining_line(name, one)
    if told.get("sync"):
        yield progress_line(told["sync"])
    for name, member in told.get("federations", {}).items():
        yield f"federation {name}: {membership(member)}"
    for name, guard in told.get("guards", {}).items():
        yield f"guard {name}: {_guarding(guard)}"
    if wallet := told.get("wallet"):
        yield from _held(wallet)


def processes(rows: list[dict[str, Any]]) -> str:
    """How many run, and by name those that do not."""
    halted = [row for row in rows if row["state"] != "running"]
    running = f"{len(rows) - len(halted)} of {len(rows)} processes run"
    named = (f"{row['role']} {row['name']}".strip() + f" {row['state']}" for row in halted)
    return "; ".join([running, *named])


def rows(told: dict[str, Any], now: float) -> list[dict[str, Any]]:
    """The table of chains; `now` in Unix seconds."""
    return [
        {
            "chain": name,
            "height": one["height"],
            "last block": ago(now - one["time"]) if "time" in one else "",
            "peers": one.get("peers", ""),
            "role": _role(name, one),
            "pegs": one.get("pegs", ""),
            "reserves": {None: "", True: "hold", False: "MISSING"}[one.get("reserves_hold")],
            "id": one["id"],
        }
        for name, one in told["chains"].items()
    ]


def _role(name: str, one: dict[str, Any]) -> str:
    if name == "main" or "validator" not in one:
        return ""
    return f"validator {one['validator']}" if one["validator"] >= 0 else "follower"


def ago(seconds: float) -> str:
    """For example `40 s`, `3 min`, `2 h`, `9 days`; a block from the future is `now`."""
    match max(0, int(seconds)):
        case 0:
            return "now"
        case short if short < MINUTE:
            return f"{short} s ago"
        case minutes if minutes < HOUR:
            return f"{minutes // MINUTE} min ago"
        case hours if hours < 2 * DAY:
            return f"{hours // HOUR} h ago"
        case days:
            return f"{days // DAY} days ago"


def membership(member: dict[str, Any]) -> str:
    """Weight, key, peers, the signer, in a line."""
    if "error" in member:
        return str(member["error"])
    signer = member.get("signer") or {}
    parts = [
        f"{member['member']} weighs {member['weight']} of {member['total']}",
        f"{member['threshold']} sign",
        "key made" if member["keygen"] == "done" else f"key: {member['keygen']}",
        f"{member['peers']} members connected",
        "signer away" if not signer else f"signer at {signer['height']}",
    ]
    if signer.get("waiting"):
        parts.append(f"{signer['waiting']} requests wait for an operator")
    if signer.get("stalled"):
        parts.append(f"stalled: {signer['stalled']}")
    return ", ".join(parts)


def _held(wallet: dict[str, Any]) -> Iterator[str]:
    locked = " (locked)" if wallet["locked"] else ""
    for chain, sums in wallet["balances"].items():
        held = ", ".join(f"{amount:,} {name}" for name, amount in sums.items())
        yield f"wallet {wallet['name']}{locked} on {chain}: {held or 'nothing'}"


def _guarding(guard: dict[str, Any]) -> str:
    if "error" in guard:
        return str(guard["error"])
    purse = shown_amount(guard["sponsor"]["balance"], BTM_DECIMALS)
    heights = f"main chain {guard['main_height']}, sidechain {guard['sidechain_height']}"
    return f"{heights}, {guard['acts']} acts, {purse} BTM for fees"
