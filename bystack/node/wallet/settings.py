"""What a wallet keeps beside its chains: the address gap, and the names of its accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from bystack.ledger.addressbook import GAP
from bystack.node.store.storage import Store
from bystack.primitives.codec import U32, Wire, decode, encode
from bystack.primitives.errors import Invalid

SETTINGS, NAME = b"G", b"N"
FIRST = "default"
MAX_NAME = 64


class AccountNameTaken(Invalid):
    """Another account has the name."""


class Settings(Wire):
    """The gap new chains are followed with."""

    gap: U32


class AccountName(Wire):
    """What the owner calls an account."""

    name: Annotated[bytes, Meta(min_length=1, max_length=MAX_NAME)]


class Book:
    """The wallet's settings and account names, kept in its store."""

    def __init__(self, store: Store, gap: int | None = None) -> None:
        self._store = store
        data = store.get(SETTINGS)
        found = Settings(GAP) if data is None else decode(Settings, data, 64)
        self.gap = found.gap if gap is None else gap
        if gap is not None:
            store.commit_now({SETTINGS: encode(Settings(gap))})
        self._names = {
            int.from_bytes(key[1:], "big"): decode(AccountName, data, 128).name.decode()
            for key, data in store.iterate(NAME)
        }

    @property
    def names(self) -> Mapping[int, str]:
        """The accounts that have names, in order; the first always has one."""
        return dict(sorted({0: FIRST, **self._names}.items()))

    def name(self, number: int) -> str:
        """What to call an account."""
        return self.names.get(number) or f"account-{number}"

    def number(self, name: str) -> int | None:
        """The account of a name; None when none has it."""
        found = (number for number, one in self.names.items() if one == name)
        digits = name.removeprefix("account-")
        plain = int(digits) if name != digits and digits.isdigit() and len(digits) < 10 else None
        return next(found, plain)

    async def call(self, number: int, name: str) -> None:
        """Name an account. Raises `AccountNameTaken`."""
        if self.number(name) not in (None, number):
            raise AccountNameTaken(name=name)
        record = AccountName(name.encode())
        await self._store.commit({NAME + number.to_bytes(4, "big"): encode(record)})
        self._names[number] = name

    async def widen(self, gap: int) -> None:
        """Follow new chains with this gap at least."""
        if gap > self.gap:
            self.gap = gap
            await self._store.commit({SETTINGS: encode(Settings(gap))})
