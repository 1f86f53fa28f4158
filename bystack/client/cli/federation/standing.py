"""What a member's operator is to do next, said in sentences from how its membership stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bystack.client.cli.amounts import coins

Info = Mapping[str, Any]


def next_step(name: str, info: Info) -> str:
    """The next step of whoever runs this member's node; `info` is `getfederationinfo`."""
    rotation = info.get("rotation") or {}
    if not rotation.get("seated", True):
        return (
            "none: this member has left; its shares sign nothing, and its signer erases them 2016"
            " main-chain blocks after it was proved that. Then it may put the membership away"
        )
    if info["key"] is None:
        return _first_key(name, info)
    if rotation.get("change"):
        return _change(name, rotation["change"], info.get("missing") or [])
    if rotation.get("next_key"):
        return _new_key(name, rotation.get("vault") or {})
    if info["sidechain"] is None:
        return f"bystack sidechain next {name} says how far the launch is"
    if signer := _signer(name, info["signer"] or {}):
        return signer
    if frozen(info):
        return (
            "ask the guard why it froze the vault (bystack guard alarms, on its node); payouts wait"
            f" until block {info['vault_frozen_until']} and go on by themselves"
        )
    if not info["sponsor"]["balance"]:
        return (
            f"send BTM to the sponsor's address, {info['sponsor']['address']}: without it this"
            " member pays no fees, and the others send what is signed"
        )
    return "nothing: everything runs"


def _new_key(name: str, vault: Mapping[str, Any]) -> str:
    """The way of a certified key into the vault's terms."""
    charter, submit = f"federations/{name}.charter.toml", f"bystack vault submit {name}"
    if vault.get("adopted"):
        return "wait: the vault has the new key; the sidechain sees it K blocks later"
    if vault.get("ripe") is None:
        return (
            f"bystack vault announce {name} {charter}, then {submit}; the old key signs until the"
            " new one is adopted"
        )
    if vault["next"] < vault["ripe"]:
        return (
            f"wait: what is announced may be adopted from main-chain block {vault['ripe']} on, the"
            f" next is {vault['next']}; until then guards may cancel it, and the old key signs"
        )
    return f"bystack vault adopt {name} {charter}, then {submit}: the new key signs that it is held"


def _signer(name: str, signer: Mapping[str, Any]) -> str:
    """What the operator does about a signer that signs nothing, or has something wait for him."""
    if signer.get("frozen"):
        return (
            "the sidechain's validators contradicted themselves, so this signer signs no payout:"
            f" bystack peg-status {name} says what the chain made of it"
        )
    if signer.get("stalled"):
        return (
            f"look at `upstream_peers` of [[federation]] {name}: the signer signs no payout while"
            " too few answer (a changed table is taken over at kill -HUP of bystackd)"
        )
    if waiting := signer.get("waiting"):
        return f"bystack federation requests {name}: {waiting} not let through by the policy"
    return ""


def frozen(info: Info) -> str:
    """Said while the vault is frozen on the main chain; empty while it is not."""
    until = info.get("vault_frozen_until")
    return f"frozen by its guard: no payout before main-chain block {until}" if until else ""


def _first_key(name: str, info: Info) -> str:
    match info["keygen"]:
        case "not started" if info["sidechain"]:
            # A vault holds coins under that key: who lacks shares, restored or new, is dealt some.
            return (
                "the group has its key and this node no share of it: let another member propose"
                f" the same weight anew (bystack federation propose {name} reweigh"
                f" identity={info['member']} weight={info['weight']}), and enough vote yes"
            )
        case "not started" if info.get("missing"):
            return f"wait: {_gathered(name, info)}; then bystack federation keygen {name}"
        case "not started":
            return f"bystack federation keygen {name}, on every member's node"
        case "running":
            return f"wait: {_gathered(name, info)}"
        case "aborted":
            return (
                "agree with the others on a roster without those who are named above, then:"
                f" bystack federation keygen {name} --attempt N, with the next N, on every node"
            )
        case _:
            return "wait for the certificate: another member's node has it and sends it"


def _gathered(name: str, info: Info) -> str:
    """Whom a ceremony lacks, which needs every member."""
    if away := info.get("missing"):
        return (
            f"{', '.join(away)} not connected: that node is down, or neither says where it is"
            f" reached (listen, advertise, peers in federations/{name}.toml, then kill -HUP"
            " bystackd)"
        )
    return (
        f"{info['peers']} other members are connected, and every one of them has to run"
        f" bystack federation keygen {name}"
    )


def _change(name: str, change: Mapping[str, Any], away: Sequence[str]) -> str:
    if change["guilty"]:
        who = ", ".join(f"{member} ({rule})" for member, rule in change["guilty"])
        return (
            f"{who} broke the ceremony's rules, which the transcript proves: decide on a change"
            f" without them (bystack federation propose {name} abandon, then remove)"
        )
    if change["silent"]:
        return f"wait, or see why these were not heard: {', '.join(change['silent'])}"
    if change.get("put_off"):
        return f"see why this node's part does not go on: {change['put_off']}"
    if change["state"] == "not begun":
        return "wait: this node begins its part by itself"
    if change["state"] == "done":
        return "wait: the shares are made; their certificate is on its way into the sidechain"
    named = f" ({', '.join(away)} not)" if away else ""
    return (
        f"wait: all of the new members' nodes must be up and connected{named}. The ceremony goes on"
        " by itself, also after a crash, and the present key signs meanwhile"
    )


def lines(name: str, info: Info) -> Iterator[str]:
    """How the membership stands, a line for each thing, the next step last."""
    rotation = info.get("rotation") or {}
    seat = "no seat" if info["seat"] is None else f"seat {info['seat']}, weight {info['weight']}"
    yield f"member   {info['member']}: {seat}; {info['threshold']} of {info['total']} sign"
    away = info.get("missing")
    yield f"others   {info['peers']} connected" + (f"; not: {', '.join(away)}" if away else "")
    yield f"key      {info['key'] or 'none'} (epoch {rotation.get('epoch', 0)})"
    if info["key"] is None:
        yield f"keygen   {info['keygen']}" + (
            f"; named: {info['blamed']}" if info["blamed"] else ""
        )
    if change := rotation.get("change"):
        members = ", ".join(change["members"])
        yield f"change   {change['kind']} for epoch {change['epoch']}: {change['state']}"
        yield f"         attempt {change['attempt']}; {change['threshold']} sign of {members}"
        yield f"         ends at main-chain block {change['expires']}"
    if rotation.get("next_key"):
        yield f"next key {rotation['next_key']}: certified, not yet in the vault's terms"
    yield f"sponsor  {info['sponsor']['address']} has {coins(info['sponsor']['balance'])}"
    yield f"chain    {info['sidechain'] or 'none yet'}"
    if held := frozen(info):
        yield f"vault    {held}"
    if signer := info["signer"]:
        said = ["frozen"] * bool(signer["frozen"]) + [signer["stalled"]] * bool(signer["stalled"])
        place = f"main chain {signer['height']}, epoch {signer['epoch']}"
        yield f"signer   {'; '.join([place, *said])}"
    yield f"Next: {next_step(name, info)}"
