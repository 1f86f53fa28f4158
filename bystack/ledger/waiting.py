"""The transactions of a memory pool as a graph: who takes which coin, who builds on whom.

Bookkeeping without judgement: `ledger.mempool` decides who comes in and who goes. Beside each
stands what it comes to with all it builds on, and with all that build on it, kept up to date at
every arrival and departure, so that nothing walks through the pool to find out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from bystack.ledger.candidates import RATE, Candidate
from bystack.ledger.lowest import Lowest


class Sums:
    """What several transactions come to."""

    __slots__ = ("count", "fee", "weight")

    def __init__(self, one: Candidate) -> None:
        self.count, self.fee, self.weight = 1, one.fee, one.weight

    @property
    def rate(self) -> int:
        """Fee units per million of weight, of all together."""
        return self.fee * RATE // self.weight

    def add(self, one: Candidate) -> None:
        """One more."""
        self.count, self.fee, self.weight = (
            self.count + 1,
            self.fee + one.fee,
            self.weight + one.weight,
        )

    def subtract(self, one: Candidate) -> None:
        """One less."""
        self.count, self.fee, self.weight = (
            self.count - 1,
            self.fee - one.fee,
            self.weight - one.weight,
        )


class Entry:
    """One that waits: since when (seconds) and at which height, and its place in the graph.

    `ancestors` are the ids of all it builds on, `children` of those that spend its coins. `above`
    sums it with the former, `below` with all that build on it.
    """

    __slots__ = (
        "above",
        "ancestors",
        "arrival",
        "below",
        "candidate",
        "children",
        "height",
        "since",
    )

    def __init__(self, candidate: Candidate, arrival: int, since: int, height: int) -> None:
        self.candidate, self.arrival = candidate, arrival
        self.since, self.height = since, height
        self.ancestors: set[bytes] = set()
        self.children: set[bytes] = set()
        self.above, self.below = Sums(candidate), Sums(candidate)

    @property
    def worth(self) -> int:
        """The rate it earns a block: its own, or with its descendants when that is more."""
        own = self.candidate.rate
        return own if self.below.count == 1 else max(own, self.below.rate)


class Waiting:
    """Candidates by id, in order of arrival, so that parents come before children."""

    def __init__(self) -> None:
        self.weight = self.fee = self.size = 0
        self._cheapest: Lowest | None = None
        self._entries: dict[bytes, Entry] = {}
        self._arrivals = 0
        self._taken: dict[Hashable, bytes] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Candidate]:
        return iter([entry.candidate for entry in self._entries.values()])

    def __contains__(self, identity: object) -> bool:
        return identity in self._entries

    def __getitem__(self, identity: bytes) -> Candidate:
        return self._entries[identity].candidate

    @property
    def cheapest(self) -> Lowest:
        """All by worth, kept in that order from now on until a block comes: most of the time there
        is room, and nobody asks."""
        if self._cheapest is None:
            self._cheapest = Lowest(self._worth)
            for identity, entry in self._entries.items():
                self._cheapest.put(entry.worth, identity)
        return self._cheapest

    def block(self) -> None:
        """A block took some, and made room."""
        self._cheapest = None

    def get(self, identity: bytes) -> Candidate | None:
        """The candidate with this transaction id."""
        entry = self._entries.get(identity)
        return None if entry is None else entry.candidate

    def entry(self, identity: bytes) -> Entry | None:
        """The same with its place in the graph."""
        return self._entries.get(identity)

    def entries(self) -> list[Entry]:
        """Every place, in order of arrival."""
        return list(self._entries.values())

    def taker(self, claim: Hashable) -> bytes | None:
        """Who takes this coin or makes this claim."""
        return self._taken.get(claim)

    def takers(self, claims: Iterable[Hashable]) -> list[Candidate]:
        """Everyone who takes one of these, in order of arrival."""
        found = {self._taken[claim] for claim in claims if claim in self._taken}
        return self.ordered(found) if found else []

    def ordered(self, identities: Iterable[bytes]) -> list[Candidate]:
        """The candidates with these ids, in order of arrival."""
        found = sorted((self._entries[i] for i in identities), key=lambda entry: entry.arrival)
        return [entry.candidate for entry in found]

    def unconnected(self, candidate: Candidate) -> bool:
        """Whether nobody here takes what it takes, or is a parent of it: nearly all the time."""
        taken, entries = self._taken, self._entries
        for claim in candidate.claims:
            if claim in taken:
                return False
        return all([point.transaction not in entries for point in candidate.tx.body.inputs])

    def parents(self, candidate: Candidate) -> set[bytes]:
        """The ids of those whose outputs it spends."""
        inputs = candidate.tx.body.inputs
        return {point.transaction for point in inputs if point.transaction in self._entries}

    def ancestors(self, candidate: Candidate) -> set[bytes]:
        """The ids of all it builds on, whether it waits here itself or not."""
        parents = self.parents(candidate)
        return parents.union(*(self._entries[parent].ancestors for parent in parents))

    def families(self, identities: Iterable[bytes]) -> set[bytes]:
        """These ids and those of all that build on them."""
        found = set(identities)
        open_ends = list(found)
        while open_ends:
            fresh = self._entries[open_ends.pop()].children - found
            found |= fresh
            open_ends += fresh
        return found

    def insert(self, candidate: Candidate, since: int = 0, height: int = 0) -> None:
        """Put in one whose claims nobody here has made."""
        identity = candidate.tx.id
        self._arrivals += 1
        entry = Entry(candidate, self._arrivals, since, height)
        for parent in self.parents(candidate):
            self._entries[parent].children.add(identity)
            entry.ancestors |= {parent, *self._entries[parent].ancestors}
        for ancestor in entry.ancestors:
            above = self._entries[ancestor]
            entry.above.add(above.candidate)
            above.below.add(candidate)
        self._entries[identity] = entry
        self._taken.update(dict.fromkeys(candidate.claims, identity))
        self._count(candidate, 1)
        self._rank((identity, *entry.ancestors))

    def remove(self, identity: bytes) -> None:
        """Take one out; who builds on it stays, as when a block took it."""
        entry = self._entries[identity]
        candidate = entry.candidate
        for descendant in self.families([identity]) - {identity} if entry.children else ():
            below = self._entries[descendant]
            below.ancestors.discard(identity)
            below.above.subtract(candidate)
        for ancestor in entry.ancestors:
            above = self._entries[ancestor]
            above.children.discard(identity)
            above.below.subtract(candidate)
        self._rank(entry.ancestors)
        del self._entries[identity]
        for claim in candidate.claims:
            del self._taken[claim]
        self._count(candidate, -1)

    def _rank(self, identities: Iterable[bytes]) -> None:
        """The worth of these may have changed."""
        if self._cheapest is not None:
            for identity in identities:
                self._cheapest.put(self._entries[identity].worth, identity)

    def _count(self, candidate: Candidate, sign: int) -> None:
        self.weight += sign * candidate.weight
        self.fee += sign * candidate.fee
        self.size += sign * candidate.tx.size

    def _worth(self, identity: bytes) -> int | None:
        entry = self._entries.get(identity)
        return None if entry is None else entry.worth
