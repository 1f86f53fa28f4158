"""What operators ask of a member through RPC, and the answers."""

from __future__ import annotations

from typing import Any, Protocol

from bystack.ledger.vault_operations import Order
from bystack.node.federation.adopting import vault_step
from bystack.node.federation.events import Ask
from bystack.node.federation.genesis_building import Founders, build_genesis
from bystack.node.federation.keygen import Keygen
from bystack.node.federation.operating.building import Builder, Params
from bystack.node.federation.operating.desk import Desk
from bystack.node.federation.orders import Orders
from bystack.node.federation.rotating import Rotating
from bystack.node.federation.sitting import Sitting
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.addresses import Address, encode_address
from bystack.primitives.errors import Invalid
from bystack.sidechain.specification import GenesisSpec


class Serving(Founders, Protocol):
    """A membership with all its parts, which operators ask."""

    keygen: Keygen
    rotating: Rotating
    orders: Orders
    desk: Desk
    builder: Builder
    sitting: Sitting


async def answer(member: Serving, ask: Ask) -> None:
    """Carry out a request and send its result, or the error, back."""
    try:
        result: Any = await _perform(member, ask.method, *ask.params)
    except (RemoteError, Unavailable, Invalid) as error:
        result = error
    async with ask.reply:
        await ask.reply.send(result)


async def _perform(member: Serving, method: str, *params: Any) -> Any:
    match method, params:
        case "info", ():
            return await info(member)
        case "keygen", (int() as attempt,):
            await member.keygen.begin(attempt)
            return {"state": member.keygen.state}
        case "giveup", ():
            await member.keygen.give_up()
            return {"state": member.keygen.state}
        case "pending", ():
            return pending(member)
        case "build", (str() as operation, Params() as given):
            job = await member.desk.open(await member.builder.build(operation, given))
            return await member.desk.form(job)
        case "operations", ():
            return [await member.desk.form(job) for job in member.desk.jobs.values()]
        case "genesis", ():
            return member.orders.genesis
        case "buildgenesis", (GenesisSpec() as spec,):
            return await build_genesis(member, spec)
        case "submit", (dict() as signatures, str() as which):
            return await submit(member, signatures, which)
        case _:
            raise RemoteError(-32602, f"{method} does not take {params}")


async def submit(member: Serving, signatures: dict[str, str], which: str) -> dict[str, str]:
    """Complete and send what was built, with the signatures that operators bring, by key name."""
    job = member.desk.find(which)
    member.desk.bring(job, {name: bytes.fromhex(one) for name, one in signatures.items()})
    txid = await member.desk.submit(job)
    return {"txid": txid.hex(), "vault": job.vault.hex(), "operation": job.name}


async def info(member: Serving) -> dict[str, Any]:
    """How the membership stands."""
    setting, bridge = member.setting, await member.ensure_bridge()
    genesis = setting.genesis()
    seen = await member.links.signer.call("seen") if genesis else None
    told = await member.links.signer.call("info") if genesis else {}
    return {
        "name": setting.name,
        "charter": setting.charter.hash.hex(),
        "keys": {name: key.hex() for name, key in setting.charter_keys.items()},
        **seated(member),
        "keygen": member.keygen.state,
        "blamed": member.keygen.blamed,
        "key": bridge.certificate.key.hex() if bridge else None,
        "rotation": {
            **member.rotating.told(),
            "vault": await vault_step(member, member.rotating.following),
        },
        "peers": len(member.host.peers()),
        "missing": missing(member),
        "sponsor": {
            "address": encode_address(Address(setting.params.hrp, 0, member.purse.root)),
            "balance": member.purse.balance,
        },
        "sidechain": genesis.id.hex() if genesis else None,
        "vault": genesis.vault.hex() if genesis else None,
        "vault_frozen_until": member.orders.frozen_until,
        "signer": _signer(seen, told) if seen else None,
    }


def missing(member: Serving) -> list[str]:
    """The members by name, those that a change in flight brings included, who are not connected."""
    near = {one.node_id for one in member.host.peers()}
    own = member.setting.identity
    others = [one for one in member.sitting.everyone if one.identity != own]
    return [one.name.decode() for one in others if one.node not in near]


def seated(member: Serving) -> dict[str, Any]:
    """The member's seat in the key epoch in force; its weight is 0 once it has none."""
    setting, roster, seat = member.setting, member.roster, member.seat
    sits = seat < len(roster.members)
    return {
        "member": setting.roster.members[setting.seat].name.decode(),
        "seat": seat if sits else None,
        "weight": roster.members[seat].weight if sits else 0,
        "threshold": roster.threshold,
        "total": roster.total,
    }


def _signer(seen: list[Any], told: dict[str, Any]) -> dict[str, Any]:
    """What it verified: the main chain's height, the vault's seq, the sidechain's newest epoch.

    `frozen`: two final blocks of the sidechain contradict each other, so it signs no order.
    `version`: of the signer. `waiting`: requests that its policy did not let through. `stalled`:
    why it signs nothing now, empty while enough main-chain nodes agree.
    """
    return {
        "height": seen[0],
        "seq": seen[2],
        "epoch": told["epoch"],
        "frozen": told["frozen"],
        "version": told["version"],
        "waiting": told["waiting"],
        "stalled": told["stalled"],
    }


def pending(member: Serving) -> list[dict[str, Any]]:
    """The orders and touches being signed: whose partials are in, whose are missing.

    `named`: the charter keys that signed, of which the tier may ask for some.
    """
    rows = []
    charter = sorted(member.setting.charter_keys.items())
    for job in member.orders.jobs.values():
        present = member.bridge.present(job.digest) if member.bridge else ()
        owners = {member.roster.owner(index) for index in present}
        signed = member.bridge.signatures(job.digest) if member.bridge else {}
        names = [m.name.decode() for m in member.roster.members]
        rows.append(
            {
                "operation": "order" if isinstance(job.operation, Order) else "touch",
                "seq": job.operation.seq,
                "digest": job.digest.hex(),
                "weight": len(present),
                "threshold": member.roster.threshold,
                "signed": [name for seat, name in enumerate(names) if seat in owners],
                "missing": [name for seat, name in enumerate(names) if seat not in owners],
                "named": [name for name, key in charter if key in signed],
                "complete": bool(member.bridge and member.bridge.signature(job.digest)),
                "sent": job.sent.hex(),
            }
        )
    return rows
