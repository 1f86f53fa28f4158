"""What operators are shown of an operation: digests, who signed, who is missing, since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bystack.federation.bridge import Bridge
from bystack.ledger.fulfilment import SignaturesInsufficient, items_for
from bystack.ledger.policy_text import print_policy
from bystack.ledger.terms import keys_of
from bystack.ledger.vault_approvals import Demand
from bystack.ledger.vault_operations import Replace, encode_operation
from bystack.node.federation.operating.jobs import Job
from bystack.node.federation.setting import Setting
from bystack.primitives.codec import encode

Signatures = Mapping[bytes, bytes]


@dataclass(frozen=True)
class Names:
    """The charter's names of key bytes, and which of them is the group's."""

    names: Mapping[bytes, str]
    group: bytes

    def of(self, key: bytes) -> str:
        """The name of a key, else its bytes in hex."""
        return self.names.get(key, key.hex())


def names_of(setting: Setting, group: bytes) -> Names:
    """The names that the roster and the charter give."""
    names = {key: name for name, key in setting.charter_keys.items()}
    return Names({**names, **dict.fromkeys((group,), " ".join(setting.charter.group_keys))}, group)


def form(job: Job, bridge: Bridge, names: Names, height: int) -> dict[str, Any]:
    """A job as plain data. `height`: of the block that may hold it at the soonest.

    With `terms`, those in force, whoever is away from every node computes the digests by itself.
    """
    rows = [_need(job, place, demand, bridge, names) for place, demand in enumerate(job.demands)]
    return {
        "operation": job.name,
        "id": job.id,
        "vault": job.vault.hex(),
        "digest": job.digests[0].hex() if job.digests else "",
        "bytes": encode_operation(job.operation).body.hex(),
        "terms": encode(job.terms).hex() if job.terms else "",
        "needs": rows,
        "complete": _complete(job, bridge),
        "ready": max(job.ready, height),
        "until": job.until,
        "height": height,
        "refused": job.refused,
        "sent": job.sent.hex(),
    }


def _complete(job: Job, bridge: Bridge) -> bool:
    try:
        job.groups(bridge.signatures)
    except SignaturesInsufficient:
        return False
    return True


def _need(job: Job, place: int, demand: Demand, bridge: Bridge, names: Names) -> dict[str, Any]:
    signed = job.signatures(demand.digest, bridge.signatures)
    keys = list(dict.fromkeys(keys_of(demand.policy)))
    weight = len(bridge.present(demand.digest)) if names.group in keys else 0
    return {
        "policy": print_policy(demand.policy, names.names),
        "digest": demand.digest.hex(),
        "accepts": demand.accepts,
        "either": isinstance(job.operation, Replace) and place in (1, 2),
        "signed": [names.of(key) for key in keys if key in signed],
        "missing": [names.of(key) for key in keys if key not in signed],
        "weight": weight,
        "threshold": bridge.certificate.session.roster.threshold if names.group in keys else 0,
        "complete": _suffices(demand, signed),
    }


def _suffices(demand: Demand, signed: Signatures) -> bool:
    try:
        items_for(demand.policy, signed)
    except SignaturesInsufficient:
        return False
    return True
