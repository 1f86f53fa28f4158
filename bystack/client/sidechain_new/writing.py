"""The three files of a new sidechain: charter, roster, specification, and the tables of a node."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
import tomli_w

from bystack.client.sidechain_new.choices import Choices, ChosenAsset, threshold
from bystack.client.sidechain_new.operators import Operator
from bystack.federation.charter_reading import fraction
from bystack.federation.leak_explaining import decimal

BASIS: Final = 10_000
PEGIN_WINDOWS: Final = 10
"""How many windows of payouts may be minted while K headers pass."""

CHARTER: Final = """\
# The charter of {name}: who may move what, how fast, and who can stop it. It names roles, keys and
# assets; who and what those are stands in the roster. The hash of these bytes names the federation,
# so every member keeps exactly the same file. Times are main-chain blocks.
name = "{name}"

[[tier]]                  # payouts that the members make by themselves, at most this much a window
name = "ordinary"
policy = "bls(operations)"
window = {window}
[tier.limit]
{limits}
{large}
[guard]                   # watchtowers: stop and freeze, never move
policy = "{guard}"
freeze = {freeze}

[govern]                  # changes these terms, so many blocks after saying so
policy = "{govern}"
delay = {delay}

[recover]                 # when everything stands still for so long
policy = "{recover}"
idle = {idle}

[fees]                    # of deposits and peg-outs, in basis points; flat for each peg-out
pegin_bp = {pegin_bp}
pegout_bp = {pegout_bp}
[fees.flat]
{flat}
"""
LARGE: Final = """
[[tier]]                  # anything beyond, after a wait in which a guard can stop it
name = "large"
policy = "all(bls(operations), {supers})"
delay = {delay}
"""


class Written(NamedTuple):
    """The files' texts; each lies under its name in a home."""

    charter: str
    roster: str
    spec: str

    def places(self, name: str) -> dict[str, str]:
        """Texts by their place in a home."""
        return {
            f"federations/{name}.charter.toml": self.charter,
            f"federations/{name}.roster.toml": self.roster,
            f"sidechains/{name}.spec.toml": self.spec,
        }


def written(choices: Choices, now: int) -> Written:
    """Every file of these choices; `now` is the sidechain's first moment in milliseconds."""
    spec = (
        f"# What the founders of {choices.name} decided. Amounts are in the smallest units of\n"
        "# their asset, times in milliseconds. The vault is looked for by the charter.\n"
    )
    return Written(
        charter_text(choices),
        "# Who the names of the charter are; the same bytes for every member.\n"
        + tomli_w.dumps(roster_table(choices)),
        spec + tomli_w.dumps(spec_table(choices, now)),
    )


def _thresh(least: int, names: tuple[str, ...]) -> str:
    return f"thresh({least}, {', '.join(f'key({name})' for name in names)})"


def _half(names: tuple[str, ...]) -> int:
    return len(names) // 2 + 1


def charter_text(choices: Choices) -> str:
    """The charter: an ordinary tier, one that waits where there are supers, and the brakes."""
    pace, supers, assets = choices.pace, choices.leaders, choices.assets
    one_super = f"all(bls(operations), {_thresh(1, supers)})"
    large = LARGE.format(supers=_thresh(len(supers), supers), delay=pace.delay) if supers else ""
    return CHARTER.format(
        name=choices.name,
        window=pace.window,
        limits="\n".join(f'{one.name} = "{one.limit}"' for one in assets),
        large=large,
        guard=_thresh(1, choices.towers),
        freeze=pace.freeze,
        govern=one_super if supers else "bls(operations)",
        delay=pace.govern,
        recover=_thresh(_half(choices.recoverers), choices.recoverers),
        idle=pace.idle,
        pegin_bp=choices.pegin_bp,
        pegout_bp=choices.pegout_bp,
        flat="\n".join(f'{one.name} = "{decimal(_small(one), one.decimals)}"' for one in assets),
    )


def roster_table(choices: Choices) -> dict[str, Any]:
    """Members in the order of their files, charter keys, assets."""
    weights = [choices.weight(seat) for seat in range(len(choices.operators))]
    members = [
        {
            "name": one.name,
            **_member(one, choices.name),
            "weight": weights[seat],
            "recipient": one.recipient,
            "holds": sorted(one.named),
        }
        for seat, one in enumerate(choices.operators)
    ]
    used = {*choices.towers, *choices.recoverers, *choices.leaders}
    return {
        "threshold": threshold(weights),
        "member": members,
        "keys": {name: key for name, key in sorted(choices.named.items()) if name in used},
        "assets": {one.name: {"id": one.id, "decimals": one.decimals} for one in choices.assets},
    }


def _member(one: Operator, name: str) -> dict[str, Any]:
    parts = one.member.get(name)
    return msgspec.structs.asdict(parts) if parts else {}


def spec_table(choices: Choices, now: int) -> dict[str, Any]:
    """The specification, as `bystack federation genesis` reads it."""
    pace = choices.pace
    voters = [*choices.operators, *choices.validators]
    return {
        "name": choices.name,
        "hrp": choices.prefix,
        "time": now,
        "pegin_bp": choices.pegin_bp,
        "pegout_bp": choices.pegout_bp,
        "consensus": choices.engine,
        "lag_pause": pace.lag_pause,
        "lag_stop": pace.lag_stop,
        "finality": pace.finality,
        **choices.numbers,
        "validators": [
            msgspec.to_builtins(one.validator[choices.name])
            for one in voters
            if choices.name in one.validator
        ],
        "assets": [_asset(one, pace.confirmations) for one in choices.assets],
        "modules": [_module(one, choices.assets) for one in choices.modules],
    }


def _small(one: ChosenAsset) -> int:
    """What little is beside the limit, in smallest units: the flat fee of a peg-out."""
    return max(1, (fraction(one.limit, one.decimals) or 0) // BASIS)


def _asset(one: ChosenAsset, confirmations: int) -> dict[str, Any]:
    """Bounds that follow from the limit: dust neither comes nor goes, a flood of deposits waits."""
    limit, small = fraction(one.limit, one.decimals) or 0, _small(one)
    return {
        "name": one.name,
        "id": one.id,
        "decimals": one.decimals,
        "confirmations": confirmations,
        "pegin_minimum": 10 * small,
        "pegin_limit": PEGIN_WINDOWS * limit,
        "pegout_minimum": 10 * small,
        "pegout_fee": small,
        "fee": max(1, small // 100),
    }


def _module(text: str, assets: tuple[ChosenAsset, ...]) -> dict[str, Any]:
    """What a module is told where nothing else is said; a package's is given as NAME=HEX."""
    name, package, hex = text.partition("=")
    if package:
        return {"name": name, "hex": hex}
    first = assets[0].name if assets else ""
    small = _small(assets[0]) if assets else 1
    match name:
        case "registry":
            return {"name": name, "config": {"asset": first, "fee": small, "byte_fee": 1}}
        case "stake":
            return {"name": name, "config": {"asset": first, "own": 100 * small, "vote": small}}
        case "exchange":
            markets = [_market(one, first) for one in assets[1:]]
            return {"name": name, "config": {"markets": markets}}
        case _:
            return {"name": name, "hex": ""}


def _market(base: ChosenAsset, quote: str) -> dict[str, Any]:
    return {"base": base.name, "quote": quote, "lot": 1, "tick": 1, "taker_bp": 10}
