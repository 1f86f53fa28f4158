"""How a node's chains come along, each as one line."""

from __future__ import annotations

from typing import Any, Final

from bystack.client.rpc import NodeDown, Rpc, RpcFailed

WIDTH: Final = 30


def progress_of(rpc: Rpc) -> dict[str, Any]:
    """Blocks, headers, share done, rates and time left; empty for a node that is in sync."""
    try:
        info = rpc.call("getblockchaininfo")
    except (RpcFailed, NodeDown):
        return {}
    if not info.get("initialblockdownload") or "sync" not in info:
        return {}
    names = ("blocks", "headers", "verificationprogress")
    return {**{name: info[name] for name in names}, **info["sync"]}


def progress_line(progress: dict[str, Any]) -> str:
    """For example `syncing ####------ 41.3 %  8,260 of 20,000 blocks  210 blocks/s  56 s left`."""
    done = float(progress["verificationprogress"])
    bar = "#" * int(done * WIDTH)
    parts = [
        f"syncing {bar:-<{WIDTH}} {100 * done:.1f} %",
        f"{progress['blocks']:,} of {progress['headers']:,} blocks",
        f"{progress['blocks_per_second']:,.0f} blocks/s",
        f"{progress['transactions_per_second']:,.0f} transactions/s",
        f"from {progress['peers']} peers",
        _time_left(progress["seconds_left"]),
    ]
    return "  ".join(part for part in parts if part)


def joining_of(rpc: Rpc, name: str) -> dict[str, Any]:
    """How a sidechain catches up; empty for one that is in sync."""
    try:
        info = rpc.call("getsidechaininfo", path=f"/sidechain/{name}")
    except (RpcFailed, NodeDown):
        return {}
    found: dict[str, Any] = info.get("sync", {})
    return found if found.get("mode", "none") != "none" else {}


def warning_of(rpc: Rpc, name: str) -> str:
    """What a sidechain's operator should know now; empty when all is well."""
    try:
        info = rpc.call("getsidechaininfo", path=f"/sidechain/{name}")
    except (RpcFailed, NodeDown):
        return ""
    return str(info.get("warnings", ""))


def joining_line(name: str, sync: dict[str, Any]) -> str:
    """For example `trade: 1,240 of 8,260 blocks`, or how far a snapshot is taken in."""
    match sync["mode"]:
        case "epochs":
            return f"{name}: looking for a snapshot, validators known up to epoch {sync['epoch']}"
        case "snapshot":
            share = f"{sync['chunks']:,} of {sync['of']:,} chunks"
            at = f"snapshot of block {sync['snapshot']:,}"
            return f"{name}: {at}, {share} from {sync['givers']} peers"
        case _:
            return f"{name}: {sync['height']:,} of {sync['target']:,} blocks"


def _time_left(seconds: int | None) -> str:
    if seconds is None:
        return ""
    hours, rest = divmod(seconds, 3600)
    if hours:
        return f"{hours} h {rest // 60} min left"
    return f"{rest // 60} min {rest % 60} s left" if rest >= 60 else f"{rest} s left"
