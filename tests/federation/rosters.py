"""A roster file for the design's charter: two supers, three ordinary members, their keys."""

from __future__ import annotations

from bystack.federation.leak_names import Known, known
from bystack.federation.roster_file import AssetEntry, MemberEntry, RosterFile, assets_of

from .charters import ASSETS, KEYS
from .stage import dice

WEIGHTS = (2, 2, 1, 1, 1)
HOLDS = {"alpha": ["super-1"], "beta": ["super-2"], "gamma": [], "delta": [], "epsilon": []}


def roster_file(
    weights: tuple[int, ...] = WEIGHTS, threshold: int = 5, holds: dict[str, list[str]] = HOLDS
) -> RosterFile:
    members = [
        MemberEntry(
            name,
            dice("identity", name).hex(),
            dice("node", name).hex(),
            weight,
            dice("governance", name).hex(),
            dice("recipient", name).hex(),
            keys,
        )
        for (name, keys), weight in zip(holds.items(), weights, strict=True)
    ]
    keys = {name: key.hex() for name, key in KEYS.items() if name != "operations"}
    assets = {name: AssetEntry(asset.id.hex(), asset.decimals) for name, asset in ASSETS.items()}
    return RosterFile(threshold, members, keys, assets)


def who(file: RosterFile | None = None) -> Known:
    file = file or roster_file()
    return known(file, assets_of(file))
