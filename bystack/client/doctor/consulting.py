"""Every judge, in the order in which one thing rests on the other."""

from __future__ import annotations

from bystack.client.doctor import keys, machine, network
from bystack.client.doctor.facts import Facts
from bystack.client.doctor.findings import Finding


def consult(facts: Facts) -> tuple[Finding, ...]:
    """All findings about a node, good ones included."""
    return (*machine.judge(facts), *network.judge(facts), *keys.judge(facts))
