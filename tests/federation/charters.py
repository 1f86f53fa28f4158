"""The charter of the design, and keys and assets for it."""

from bystack.federation.charter import ListedAsset
from bystack.ledger.amounts import BTM

from .stage import dice

TRADE = b"""\
name = "trade"
[[tier]]
name = "ordinary"
policy = "bls(operations)"
window = 576
[tier.limit]
BTC = "100"
BTM = "200"
[[tier]]
name = "large"
policy = "all(bls(operations), thresh(2, key(super-1), key(super-2)))"
delay = 576
[guard]
policy = "thresh(1, key(tower-1), key(tower-2))"
freeze = 1008
[govern]
policy = "all(bls(operations), thresh(1, key(super-1), key(super-2)))"
delay = 8064
[recover]
policy = "thresh(2, key(r1), key(r2), key(r3))"
idle = 210240
[fees]
pegin_bp = 10
pegout_bp = 20
[fees.flat]
BTM = "0.5"
"""

NAMES = ("super-1", "super-2", "tower-1", "tower-2", "r1", "r2", "r3")
KEYS = {name: dice("key", name) for name in NAMES} | {"operations": dice("group") + bytes(16)}
ASSETS = {"BTC": ListedAsset(dice("BTC"), 8), "BTM": ListedAsset(BTM, 8)}
