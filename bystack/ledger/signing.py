"""What the signature of an input signs.

`ALL`: the whole transaction and every coin it spends, so an offline signer cannot be lied to about
amounts. `SINGLE_ANYONE`: this input with its coin and the output beside it, for swaps that several
people assemble. The chain id stands in both: no signature is worth anything on another chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from bystack.ledger.coins import Coin, coin_digest
from bystack.ledger.transactions import Outpoint, TransactionBody, transaction_id
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import absorbed, fixed, tagged, tagged_one

ALL = 0
SINGLE_ANYONE = 1

_coins_digest = tagged_one("coins")
_signing_digest = tagged("signing")
_digest_of_all = tagged_one("signing")
_begin_coin = absorbed("coin")
_begin_coins = absorbed("coins")
_begin_signing = absorbed("signing")


class ModeUnknown(Invalid):
    """The signing mode is neither ALL nor SINGLE_ANYONE."""


class OutputBesideMissing(Invalid):
    """SINGLE_ANYONE signs the output beside the input, and there is none."""


class Signing:
    """The digests of one transaction's inputs; what they share is computed once.

    `coins` are the spent coins in the order of the inputs; `identity` the transaction's id where it
    is known already.
    """

    def __init__(
        self,
        chain_id: bytes,
        body: TransactionBody,
        coins: Sequence[tuple[Outpoint, Coin]],
        identity: bytes | None = None,
    ) -> None:
        if tuple(outpoint for outpoint, _ in coins) != body.inputs:
            raise Misuse("the coins are not those the transaction spends")
        self._chain_id = chain_id
        self._body = body
        self._coins = coins
        self._identity = identity

    def digest(self, index: int, mode: int) -> bytes:
        """The 32 bytes that input `index` signs. Raises `ModeUnknown`, `OutputBesideMissing`."""
        match mode:
            case 0:
                return digest_of_all(self._chain_id, self._whole, index)
            case 1:
                return _signing_digest(self._chain_id, b"\x01", *self._part(index))
            case _:
                raise ModeUnknown(mode=mode)

    @cached_property
    def _whole(self) -> bytes:
        """Transaction id and digest of all spent coins: what every input signs under ALL."""
        identity = self._identity or transaction_id(self._body)
        return identity + coins_digest(self._coins)

    def _part(self, index: int) -> tuple[bytes, ...]:
        """What SINGLE_ANYONE signs: no position, so that the pair can be moved as it is."""
        body = self._body
        if not index < len(body.outputs):
            raise OutputBesideMissing(index=index, outputs=len(body.outputs))
        limits = fixed(body.version, 2) + fixed(body.valid_from) + fixed(body.valid_until)
        return limits, coin_digest(*self._coins[index]), encode(body.outputs[index])


def coins_digest(coins: Iterable[tuple[Outpoint, Coin]]) -> bytes:
    """The digest of all coins a transaction spends, in the order of its inputs."""
    return _coins_digest(b"".join([coin_digest(place, coin) for place, coin in coins]))


def digest_of_all(chain_id: bytes, whole: bytes, index: int) -> bytes:
    """What input `index` signs under ALL; `whole` is transaction id and digest of all coins."""
    return _digest_of_all(chain_id + b"\x00" + whole + index.to_bytes(4, "big"))


def digest_of_one(chain_id: bytes, identity: bytes, place: Outpoint, coin: Coin) -> bytes:
    """What the only input signs under ALL, without a call between its three hashes."""
    one, all_coins, whole = _begin_coin(), _begin_coins(), _begin_signing()
    one.update(encode((place, coin.asset, coin.amount, coin.lock)))
    all_coins.update(one.digest())
    whole.update(b"".join((chain_id, b"\x00", identity, all_coins.digest(), b"\x00\x00\x00\x00")))
    return whole.digest()


def signing_digest(
    chain_id: bytes,
    body: TransactionBody,
    index: int,
    coins: Sequence[tuple[Outpoint, Coin]],
    mode: int,
) -> bytes:
    """The 32 bytes that input `index` signs; of many inputs, use one `Signing` for all."""
    return Signing(chain_id, body, coins).digest(index, mode)
