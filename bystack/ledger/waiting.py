"""The transactions of a memory pool as a graph: who takes which coin, who builds on whom.

Bookkeeping without judgement: `ledger.mempool` decides who comes in and who goes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from bystack.ledger.candidates import RATE, Candidate


class Waiting:
    """Candidates by id, in order of arrival, so that parents come before children."""

    def __init__(self) -> None:
        self.weight = 0
        self._candidates: dict[bytes, Candidate] = {}
        self._arrival: dict[bytes, int] = {}
        self._arrivals = 0
        self._taken: dict[Hashable, bytes] = {}
        self._children: dict[bytes, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._candidates)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(tuple(self._candidates.values()))

    def __contains__(self, identity: object) -> bool:
        return identity in self._candidates

    def __getitem__(self, identity: bytes) -> Candidate:
        return self._candidates[identity]

    def get(self, identity: bytes) -> Candidate | None:
        """The candidate with this transaction id."""
        return self._candidates.get(identity)

    def taker(self, claim: Hashable) -> bytes | None:
        """Who takes this coin or makes this claim."""
        return self._taken.get(claim)

    def takers(self, claims: Iterable[Hashable]) -> list[Candidate]:
        """Everyone who takes one of these, in order of arrival."""
        return self.ordered({self._taken[claim] for claim in claims if claim in self._taken})

    def ordered(self, identities: Iterable[bytes]) -> list[Candidate]:
        """The candidates with these ids, in order of arrival."""
        return [self._candidates[i] for i in sorted(identities, key=self._arrival.__getitem__)]

    def parents(self, candidate: Candidate) -> Iterator[Candidate]:
        """Those whose outputs it spends, with repetitions."""
        for point in candidate.tx.body.inputs:
            parent = self._candidates.get(point.transaction)
            if parent is not None:
                yield parent

    def ancestors(self, candidate: Candidate) -> set[bytes]:
        """The ids of all it builds on, whether it waits here itself or not."""
        found: set[bytes] = set()
        open_ends = [candidate]
        while open_ends:
            for parent in self.parents(open_ends.pop()):
                if parent.tx.id not in found:
                    found.add(parent.tx.id)
                    open_ends.append(parent)
        return found

    def families(self, identities: Iterable[bytes]) -> set[bytes]:
        """These ids and those of all that build on them."""
        found = set(identities)
        open_ends = list(found)
        while open_ends:
            fresh = self._children.get(open_ends.pop(), set()) - found
            found |= fresh
            open_ends += fresh
        return found

    def worth(self, identity: bytes) -> int:
        """The rate it earns a block: its own, or with its descendants when that is more."""
        family = [self._candidates[i] for i in self.families([identity])]
        together = sum(c.fee for c in family) * RATE // sum(c.weight for c in family)
        return max(self._candidates[identity].rate, together)

    def insert(self, candidate: Candidate) -> None:
        """Put in one whose claims nobody here has made."""
        identity = candidate.tx.id
        for parent in self.parents(candidate):
            self._children.setdefault(parent.tx.id, set()).add(identity)
        self._candidates[identity] = candidate
        self._arrival[identity] = self._arrivals = self._arrivals + 1
        self._taken.update(dict.fromkeys(candidate.claims, identity))
        self.weight += candidate.weight

    def remove(self, identity: bytes) -> None:
        """Take one out; who builds on it stays, as when a block took it."""
        candidate = self._candidates.pop(identity)
        for parent in self.parents(candidate):
            self._children[parent.tx.id].discard(identity)
        del self._arrival[identity]
        self._children.pop(identity, None)
        for claim in candidate.claims:
            del self._taken[claim]
        self.weight -= candidate.weight
