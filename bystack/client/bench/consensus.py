"""BBFT among 4, 10, 31 and 100 validators on a simulated local network, with real signatures.

Messages are counted, beside the formula of a round of gateways and all-to-all voting; what blocks
take runs on a virtual clock, on which each machine has a processor of its own and computing costs
what it costs here. The floor is verifying one signature, of which a block needs several in a row.
"""

from __future__ import annotations

import time
from statistics import median

from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.lan import Lan, members
from bystack.primitives import bls, bls_arkworks
from bystack.primitives.hashes import fixed
from bystack.sidechain.consensus.events import Config
from bystack.sidechain.consensus.topology import gateway_count

SIZES = {4: 24, 10: 16, 31: 8, 100: 4}
"""How many heights are decided among so many."""


def expected(number: int, gateways: int) -> int:
    """Messages a block among so many validators (bbft.md, section 6)."""
    return 5 * number - 6 * gateways + 2 * gateways**2


def measure(show: Show, *, sizes: dict[int, int] = SIZES) -> Measured:
    """Messages, time to final and processor time of a block, for each size."""
    figures, ratio = dict[str, float](), dict[str, float]()
    for number, heights in sizes.items():
        show(f"{number} validators")
        gateways = gateway_count(number)
        lan = Lan(members(number), Config(gateways=gateways))
        took = [one.final - one.proposed for one in lan.decide(heights)]
        messages = lan.messages / heights
        figures[f"messages_per_block_{number}"] = messages
        figures[f"ms_final_{number}"] = median(took)
        figures[f"cpu_ms_per_block_{number}"] = 1_000 * lan.cpu / heights
        figures[f"cpu_ms_per_validator_{number}"] = 1_000 * lan.cpu / heights / number
        figures[f"all_to_all_{number}"] = (number - 1) * (1 + 2 * number)
        ratio[f"messages_to_formula_{number}"] = messages / expected(number, gateways)
    verify = verify_ms()
    for number in sizes:
        ratio[f"final_to_verify_{number}"] = figures[f"ms_final_{number}"] / verify
    return Measured(figures, {"ms_bls_verify": verify}, ratio)


def verify_ms(times: int = 30) -> float:
    """Milliseconds of processor time to verify one BLS signature of a message not met before."""
    secret = bls.key_gen(bytes(32))
    key, digests = bls.sk_to_pk(secret), [fixed(at, 32) for at in range(times)]
    signed = [(digest, bls.sign(secret, digest)) for digest in digests]
    bls_arkworks.hash_to_g2.cache_clear()
    begun = time.process_time()
    for digest, signature in signed:
        if not bls.verify(key, digest, signature):
            raise AssertionError("a signature of our own does not verify")
    return 1_000 * (time.process_time() - begun) / times
