"""Which locks are ours: the addresses of accounts as far as they are watched, and single locks.

Addresses are watched `gap` beyond the last that was ever paid (BIP 44), so that a wallet restored
from its phrase finds every coin as long as no more than that many in a row stayed unpaid. An
address further out can be had by raising the gap, which then has to go into the backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from bystack.ledger.accounts import CHANGE, RECEIVE, SINGLES, WATCHED, Account, Place
from bystack.ledger.coins import Coin
from bystack.ledger.rows import Rows
from bystack.ledger.transactions import Lock, Outpoint, PolicyLock
from bystack.primitives.codec import U32, Wire
from bystack.primitives.errors import Invalid

GAP = 20
MAX_GAP = 10_000


class GapExceeded(Invalid):
    """Too many addresses in a row are unpaid: a wallet restored from the phrase would miss coins.

    Hand out one of those given before, or ask with `force`: that raises the gap for good, and a
    backup made from then on carries it.
    """


class AccountUnknown(Invalid):
    """The wallet has no such account."""


class AddressRecord(Wire):
    """How far an account is: its extended public key as text (empty while it has never been
    unsealed), and per chain of keys one after the last address handed out and ever paid.
    """

    key: Annotated[bytes, Meta(max_length=120)]
    given: tuple[U32, U32]
    used: tuple[U32, U32]


UNTOUCHED = AddressRecord(b"", (0, 0), (0, 0))


class AddressBook:
    """The accounts of a wallet on one chain, and every address of theirs that is watched."""

    def __init__(
        self,
        gap: int = GAP,
        records: Mapping[int, AddressRecord] | None = None,
        places: Mapping[bytes, Place] | None = None,
    ) -> None:
        self.gap = gap
        self.accounts: dict[int, Account] = {}
        self.records: Rows[int, AddressRecord] = Rows(records or {})
        self.places: Rows[bytes, Place] = Rows(places or {})
        self._ends: dict[tuple[int, int], int] = {}  # how far addresses are watched
        self._seeded = any(number < WATCHED for number in self.records)
        for place in self.places.values():
            self._reach(place)

    def add(self, number: int, account: Account) -> None:
        """Watch an account; one there already gets the key given, public or private."""
        self.accounts[number] = account
        self._seeded |= number < WATCHED
        record, text = self.records.get(number, UNTOUCHED), account.key.neuter().text().encode()
        if record.key != text:
            self.records[number] = replace(record, key=text)
        self.watch(number)

    def add_single(self, root: bytes) -> bool:
        """Watch one lock; False when it is known already."""
        if root in self.places:
            return False
        place = Place(RECEIVE, self._ends.get((SINGLES, RECEIVE), 0), SINGLES)
        self.places[root] = place
        self._reach(place)
        return True

    def own(self, number: int) -> bool:
        """The account is the wallet's own; a wallet that only watches owns all it watches."""
        return number < WATCHED or not self._seeded

    def place(self, lock: Lock) -> Place | None:
        """Where the lock's address stands, if it is watched."""
        return self.places.get(lock.root) if isinstance(lock, PolicyLock) else None

    def given(self, number: int = 0) -> Iterator[tuple[bytes, Place]]:
        """The addresses of an account handed out or paid: root and place."""
        record = self.records.get(number, UNTOUCHED)
        ends = [max(pair) for pair in zip(record.given, record.used, strict=True)]
        for root, place in self.places.items():
            if place.account == number and (number == SINGLES or place.index < ends[place.change]):
                yield root, place

    def new_lock(self, number: int = 0, *, force: bool = False) -> PolicyLock:
        """An address never handed out. Raises `AccountUnknown`, `GapExceeded` (not by `force`)."""
        account, record = self._account(number), self.records[number]
        index = max(record.given[RECEIVE], record.used[RECEIVE])
        unpaid = index - record.used[RECEIVE]
        if unpaid >= self.gap:
            if not force or unpaid >= MAX_GAP:
                raise GapExceeded(unpaid=unpaid, gap=self.gap)
            self.widen(unpaid + 1)
        self.records[number] = replace(record, given=(index + 1, record.given[CHANGE]))
        return PolicyLock(account.root(Place(RECEIVE, index)))

    def change_lock(self, number: int = 0) -> PolicyLock:
        """The first change address that was never paid. Raises `AccountUnknown`."""
        account = self._account(number)
        return PolicyLock(account.root(Place(CHANGE, self.records[number].used[CHANGE])))

    def widen(self, gap: int) -> None:
        """Watch further from now on."""
        self.gap = max(self.gap, gap)
        for number in self.accounts:
            self.watch(number)

    def discover(self, locks: Iterable[Lock]) -> None:
        """Note which addresses were paid; each one moves the watched window on."""
        roots = {lock.root for lock in locks if isinstance(lock, PolicyLock)}
        while found := roots & self.places.keys():
            roots -= found
            for place in (self.places[root] for root in found):
                self._paid(place)

    def funded(self, coins: Mapping[Outpoint, Coin]) -> tuple[int, ...]:
        """The accounts that these coins are of, in order."""
        places = (self.place(coin.lock) for coin in coins.values())
        return tuple(sorted({place.account for place in places if place is not None}))

    def used(self, number: int) -> bool:
        """An address of the account was ever paid."""
        return any(self.records.get(number, UNTOUCHED).used)

    def watch(self, number: int) -> None:
        """Make every address of the account up to the gap known."""
        account, record = self.accounts[number], self.records[number]
        for change in (RECEIVE, CHANGE):
            # What was handed out is watched even where a phrase alone would no longer find it.
            end = max(record.used[change] + self.gap, record.given[change])
            for index in range(self._ends.get((number, change), 0), end):
                place = Place(change, index, number)
                self.places[account.root(place)] = place
                self._reach(place)

    def _account(self, number: int) -> Account:
        if number not in self.accounts:
            raise AccountUnknown(account=number)
        return self.accounts[number]

    def _paid(self, place: Place) -> None:
        record = self.records.get(place.account)
        if record is None or place.index < record.used[place.change]:
            return
        used = list(record.used)
        used[place.change] = place.index + 1
        self.records[place.account] = replace(record, used=(used[0], used[1]))
        if place.account in self.accounts:
            self.watch(place.account)

    def _reach(self, place: Place) -> None:
        chain = place.account, place.change
        self._ends[chain] = max(self._ends.get(chain, 0), place.index + 1)
