"""From a decision to the first peg-in: which steps are done on this node, and the next command.

Every step is looked for where it leaves its mark (files, configuration, the node's RPC), so one can
stop anywhere and go on days later, on any member's node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bystack.client.rpc import NodeDown, Rpc, RpcFailed
from bystack.client.tables import configuration
from bystack.federation.charter import parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.roster_file import assets_of, keys_of, parse_roster
from bystack.ledger.terms import terms_hash
from bystack.primitives.errors import Invalid


class Step(NamedTuple):
    """A step of a launch: whether it is done here, what there is to say, what to do next."""

    name: str
    done: bool
    says: str
    next: str


class Launch:
    """How far the launch of one sidechain is, as one node sees it."""

    def __init__(self, home: Path, name: str, rpc: Rpc) -> None:
        self.home, self.name, self.rpc = home, name, rpc

    def steps(self) -> Iterator[Step]:
        """Every step in order; those after the first that is not done are not looked at."""
        for look in (
            self._files, self._membership, self._key, self._vault, self._genesis, self._runs,
        ):  # fmt: skip
            step = look()
            yield step
            if not step.done:
                return
        yield Step("pegs", False, "open to everybody", f"bystack pegin {self.name} AMOUNT")

    def _path(self, place: str) -> Path:
        return self.home / place.format(self.name)

    def _files(self) -> Step:
        places = ("federations/{}.charter.toml", "federations/{}.roster.toml")
        missing = [place.format(self.name) for place in places if not self._path(place).exists()]
        says = f"missing: {', '.join(missing)}" if missing else "charter and roster are here"
        then = f"bystack sidechain new {self.name}, or take the files from a founder"
        return Step("files", not missing, says, then)

    def _membership(self) -> Step:
        tables = [one.name for one in configuration(self.home).federation]
        info = self._info()
        key = self._path("keys/{}.member.key")
        first = "" if key.exists() else f"bystack federation init {self.name}, then "
        if self.name not in tables:
            then = f"{first}bystack sidechain apply {self.name}, on every member's node"
            return Step("membership", False, "no [[federation]] table here", then)
        says = f"{info['peers']} other members are connected" if info else "its process is not up"
        if away := info.get("missing"):
            says += f"; not: {', '.join(away)}"
        return Step("membership", bool(info), says, f"see logs/federation-{self.name}.log")

    def _info(self) -> dict[str, Any]:
        found = self._asked(lambda: self.rpc.federation(self.name, "getfederationinfo"), {})
        return dict(found)

    def _asked(self, ask: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return ask()
        except (RpcFailed, NodeDown):
            return otherwise

    def _key(self) -> Step:
        info = self._info()
        says = f"group key {info['key']}" if info["key"] else f"key generation: {info['keygen']}"
        then = f"bystack federation keygen {self.name}, on every member's node"
        return Step("key", bool(info["key"]), says, then)

    def _vault(self) -> Step:
        found = self._vaults(self._info()["key"])
        says = f"vault {found[0]}" if found else "no vault has the charter's terms and this key"
        then = (
            f"bystack vault create {self.name} on one member's node, whose sponsor address (bystack"
            f" federation status {self.name}) needs coins for the fee; guards and recovery sign"
            f" what it writes, then bystack vault submit {self.name} brings it together and a"
            f" block takes it. Drafted already: bystack vault operations {self.name} shows it"
        )
        return Step("vault", bool(found), says, then)

    def _vaults(self, key: str) -> list[str]:
        try:
            charter = parse_charter(self._path("federations/{}.charter.toml").read_bytes())
            file = parse_roster(self._path("federations/{}.roster.toml").read_bytes())
            keys = {**keys_of(file), **dict.fromkeys(charter.group_keys, bytes.fromhex(key))}
            wanted = terms_hash(compile(charter, keys, assets_of(file))).hex()
        except Invalid:
            return []
        vaults = self._asked(self.rpc.listvaults, [])
        return [one for one in vaults if self.rpc.getvault(one)["state"]["terms"] == wanted]

    def _genesis(self) -> Step:
        path = self._path("sidechains/{}.genesis.toml")
        says = str(path) if path.exists() else "the vault must lie K blocks deep for it"
        then = f"bystack federation genesis {self.name}, on every member's node; compare the ids"
        return Step("genesis", path.exists(), says, then)

    def _runs(self) -> Step:
        height = self._asked(lambda: self.rpc.side(self.name, "getblockcount"), None)
        says = "its process is not up" if height is None else f"block {height}"
        then = (
            f"bystack sidechain add {self._path('sidechains/{}.genesis.toml')} --validator"
            " --listen HOST:PORT --peer HOST:PORT, on every member's node"
        )
        return Step("sidechain", height is not None, says, then)
