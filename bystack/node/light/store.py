"""A light node at rest: its headers, and the transactions it watched, each with its proof.

    e number        a header, in the order headers were first seen
    w transaction   the proof of a transaction that concerned somebody here

Entries are made again from the headers at a start: so a header costs its own bytes. Filters are not
kept; how far a wallet or a sidechain has read is theirs to remember.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from bystack.mainchain.blocks import decode_header
from bystack.mainchain.chain import Entry, genesis_entry, known_child
from bystack.mainchain.params import Params, chain_id
from bystack.mainchain.proofs import MAX_PROOF, TransactionProof
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import ENGINES, Engine
from bystack.node.store.storage import Store, StoreCorrupt
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed

KIND = "light"
FORMAT = 1

HEADER, WATCHED = b"e", b"w"

_REBUILD = "move the directory away and let the process fetch its headers again"


class LightStore:
    """The light main chain's directory. Made by `LightStore.open`."""

    def __init__(
        self, store: Store, path: str, params: Params, engines: Mapping[str, Engine] = ENGINES
    ) -> None:
        self.params, self.engines = params, engines
        self._store, self._path = store, path
        self._headers = 0

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        params: Params,
        engines: Mapping[str, Engine] = ENGINES,
    ) -> LightStore:
        """Open or make the store; raises a `StoreError` that names what is wrong.

        `engines` judge the headers to come; those kept are not judged again.
        """
        raw = Store.open(path, kind=KIND, magic=params.magic, version=FORMAT)
        try:
            made = cls(raw, str(path), params, engines)
            made._begin()
        except BaseException:
            raw.close()
            raise
        return made

    def close(self) -> None:
        """Release the directory."""
        self._store.close()

    @property
    def size(self) -> int:
        """Bytes of disk the store takes, about."""
        return self._store.size

    def _begin(self) -> None:
        first = genesis_entry(self.params).header
        found = self._store.get(HEADER + fixed(0))
        if found is None:
            self._store.commit_now({HEADER + fixed(0): encode(first)})
        elif found != encode(first):
            chain = chain_id(self.params).hex()
            raise StoreCorrupt(self._path, f"it is of another chain than {chain}", _REBUILD)

    def load(self) -> HeaderTree:
        """The tree of every header kept; needed once, before anything else."""
        first = genesis_entry(self.params)
        entries = {first.id: first}
        for key, data in self._store.iterate(HEADER, start=HEADER + fixed(1)):
            self._headers = int.from_bytes(key[1:], "big")
            entry = self._entry(entries, data)
            entries[entry.id] = entry
        self._headers += 1
        return HeaderTree(entries.values(), self.params, self.engines)

    def _entry(self, entries: dict[bytes, Entry], data: bytes) -> Entry:
        try:
            header = decode_header(data)
            return known_child(entries[header.previous], header)
        except (Invalid, KeyError) as error:
            fault = f"header {self._headers} does not fit those before it ({error!r})"
            raise StoreCorrupt(self._path, fault, _REBUILD) from None

    async def keep_headers(self, entries: Sequence[Entry]) -> None:
        """Keep judged headers, in the order first seen, in one batch."""
        start, self._headers = self._headers, self._headers + len(entries)
        await self._store.commit(
            {HEADER + fixed(start + at): encode(one.header) for at, one in enumerate(entries)}
        )

    async def keep_watched(self, proofs: Iterable[tuple[bytes, TransactionProof]]) -> None:
        """Keep proofs by transaction id; a later one, after a reorganisation, replaces it."""
        changes = {WATCHED + id: encode(proof) for id, proof in proofs}
        if changes:
            await self._store.commit(changes)

    def watched(self, transaction: bytes) -> TransactionProof | None:
        """The proof kept of a transaction; its block may have left the best chain since."""
        data = self._store.get(WATCHED + transaction)
        return None if data is None else decode(TransactionProof, data, MAX_PROOF)
