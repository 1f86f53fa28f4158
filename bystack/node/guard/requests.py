"""What operators ask of a guard, and the answers."""

from __future__ import annotations

from typing import Any, Protocol

from bystack.federation.guarding.alarms import Act, ActKind, by_hand
from bystack.federation.guarding.machine import Guarding
from bystack.federation.purse import Purse
from bystack.ledger.policies import Policy
from bystack.ledger.terms import keys_of, terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import encode_operation
from bystack.node.federation.events import Ask
from bystack.node.guard.acting import Acting, Job
from bystack.node.guard.links import GuardLinks
from bystack.node.guard.setting import Setting
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives import keys as schnorr
from bystack.primitives.addresses import Address, encode_address
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

NOT_NOW = -8


class Asked(Protocol):
    """A guard with its parts."""

    setting: Setting
    links: GuardLinks
    machine: Guarding
    purse: Purse
    acting: Acting


async def answer(guard: Asked, ask: Ask) -> None:
    """Carry out a request and send its result, or the error, back."""
    try:
        result: Any = await _perform(guard, ask.method, *ask.params)
    except (RemoteError, Unavailable, Invalid) as error:
        result = error
    async with ask.reply:
        await ask.reply.send(result)


async def _perform(guard: Asked, method: str, *params: Any) -> Any:
    match method, params:
        case "info", ():
            return await info(guard)
        case "acts", ():
            return [shown_act(guard, job) for job in guard.acting.jobs]
        case "freeze", ():
            return await _by_hand(guard, ActKind.FREEZE)
        case "veto", (bytes() as txid, int() as index):
            return await _veto(guard, Outpoint(txid, index))
        case "cancel", (bytes() as terms,):
            return await _cancel(guard, terms)
        case "sign", (bytes() as digest, dict() as signatures):
            return _add(guard, digest, signatures)
        case "replace", (bytes() as operation, list() as signatures):
            key, signature = await guard.links.signer.call("replace", operation, signatures)
            return {"key": bytes(key).hex(), "signature": bytes(signature).hex()}
        case _:
            raise RemoteError(-32602, f"{method} does not take {params}")


def _known(guard: Asked) -> None:
    if not guard.machine.vault.known:
        text = "the vault's creation is not on this node's main chain yet: wait until it is synced"
        raise RemoteError(NOT_NOW, text, {"rule": "VaultUnseen"})


async def _by_hand(
    guard: Asked, kind: ActKind, outpoint: Outpoint | None = None, terms: bytes | None = None
) -> dict[str, Any]:
    """Begin an act (or find the one that is on its way), and try it once at once."""
    _known(guard)
    vault = guard.machine.vault
    # The turn makes it another act when the vault has moved on since.
    subject = by_hand(kind, vault.anchor.turn)
    job = guard.acting.begin(Act(kind, subject, outpoint, terms), vault)
    if job is None:
        found = [one for one in guard.acting.jobs if one.record.subject == subject]
        job = next((one for one in found if _targets(one, outpoint)), None)
    if job is None:
        raise RemoteError(NOT_NOW, f"this {kind.name.lower()} is done already", {"rule": "ActDone"})
    await guard.acting.step(vault)
    return shown_act(guard, job)


def _targets(job: Job, outpoint: Outpoint | None) -> bool:
    return job.record.outpoint == (() if outpoint is None else (outpoint,))


async def _veto(guard: Asked, point: Outpoint) -> dict[str, Any]:
    _known(guard)
    if point not in guard.machine.vault.waiting:
        waiting = [_point(one) for one in guard.machine.vault.waiting]
        text = f"{_point(point)} is no pending payout of this vault; these wait: {waiting}"
        raise RemoteError(NOT_NOW, text, {"rule": "NothingPending"})
    return await _by_hand(guard, ActKind.VETO, outpoint=point)


async def _cancel(guard: Asked, terms: bytes) -> dict[str, Any]:
    _known(guard)
    if all(one.terms != terms for one in guard.machine.vault.anchor.announced):
        text = f"no terms {terms.hex()} are announced; see bystack guard status"
        raise RemoteError(NOT_NOW, text, {"rule": "NothingAnnounced"})
    return await _by_hand(guard, ActKind.CANCEL, terms=terms)


class GuardSignatureInvalid(Invalid):
    """This is no guard's signature of this act."""


def _add(guard: Asked, digest: bytes, signatures: dict[str, bytes]) -> dict[str, Any]:
    """Others' signatures, under whatever name they were brought: what counts is who signed."""
    job = next((job for job in guard.acting.jobs if job.digest == digest), None)
    if job is None:
        text = "no act of this guard has this digest; see bystack guard acts"
        raise RemoteError(NOT_NOW, text, {"rule": "ActUnknown"})
    # All are judged before one is kept: a wrong one would make the transaction worth nothing.
    guard.acting.add(digest, dict(_signer(guard, job, *one) for one in signatures.items()))
    return shown_act(guard, job)


def _signer(guard: Asked, job: Job, name: str, signature: bytes) -> tuple[bytes, bytes]:
    """The guard's key that made a signature of the act, and the signature."""
    for key in keys_of(_policy(guard, job)):
        if schnorr.verify(key, job.digest, signature):
            return key, signature
    raise GuardSignatureInvalid(given_as=name, act=job.name, digest=job.digest)


def _policy(guard: Asked, job: Job) -> Policy:
    """Who must sign an act: the guard in force, or the one that the coin names."""
    outpoint, vault = next(iter(job.record.outpoint), None), guard.machine.vault
    waits = outpoint is not None and outpoint in vault.waiting
    return vault.guard_of(outpoint) if outpoint and waits else vault.terms.guard.policy


async def info(guard: Asked) -> dict[str, Any]:
    """How the guard stands: what it sees, what the vault is doing, what it can pay."""
    setting, machine, view = guard.setting, guard.machine, guard.machine.view
    told = await guard.links.signer.call("info")
    address = Address(setting.params.hrp, 0, guard.purse.root)
    return {
        "name": setting.name,
        "key": bytes(told["key"]).hex(),
        "seeing": machine.seeing,
        "main_height": machine.vault.height,
        "sidechain_height": view.height if view else -1,
        "relay_height": view.relay_height if view else -1,
        "act": sorted(kind.name.lower() for kind in setting.rules.act),
        "sponsor": {
            "address": encode_address(address),
            "balance": guard.purse.balance,
            "coins": guard.purse.count,
        },
        "unjudged": machine.open,
        "acts": len(guard.acting.jobs),
        "vault": _vault(guard) if machine.vault.known else None,
    }


def _vault(guard: Asked) -> dict[str, Any]:
    vault = guard.machine.vault
    anchor, terms = vault.anchor, vault.terms
    return {
        "id": guard.setting.genesis.vault.hex(),
        "terms": terms_hash(terms).hex(),
        "seq": anchor.seq,
        "turn": anchor.turn,
        "since": anchor.since,
        "frozen_until": anchor.frozen_until,
        "freeze_from": anchor.freeze_from,
        "touched": anchor.touched,
        "recovery_from": anchor.touched + terms.recover.idle,
        "announced": [{"terms": one.terms.hex(), "ripe": one.ripe} for one in anchor.announced],
        "pending": [
            {"outpoint": _point(point), "seq": one.seq, "asset": one.asset.hex(),
             "units": one.amount, "mature": one.mature}
            for point, one in vault.waiting.items()
        ],
    }  # fmt: skip


def shown_act(guard: Asked, job: Job) -> dict[str, Any]:
    """An act on its way: what it signs, whose signatures it has, what it waits for."""
    outpoint = next(iter(job.record.outpoint), None)
    return {
        "act": job.name,
        "digest": job.digest.hex(),
        "turn": job.record.turn,
        "outpoint": _point(outpoint) if outpoint else "",
        "terms": job.record.terms[0].hex() if job.record.terms else "",
        "signed": sorted(key.hex() for key in job.signatures),
        "guards": sorted(key.hex() for key in keys_of(_policy(guard, job))),
        "sent": job.sent.hex(),
        "raises": job.raises,
        "refused": job.refused,
        "request": _request(guard, job),
    }


def _request(guard: Asked, job: Job) -> dict[str, str]:
    """What a colleague carries to his key: `bystackd key sign` reads it and believes no digest."""
    setting = guard.setting
    return {
        "federation": setting.name,
        "operation": job.name,
        "vault": setting.genesis.vault.hex(),
        "chain": setting.main.hex(),
        "bytes": encode_operation(job.operation).body.hex(),
        "terms": encode(guard.machine.vault.terms).hex(),
    }


def _point(point: Outpoint) -> str:
    return f"{point.transaction.hex()}:{point.index}"
