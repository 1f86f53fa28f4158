"""Auditing a sidechain's reserves over the RPC of nodes that need not be believed.

Two nodes may answer, one for each chain: what they say is proved or refused. Only the sidechain's
id comes from whoever audits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from bystack.client.audit_files import Answering
from bystack.client.rpc import MAX_BATCH, NodeDown, Rpc
from bystack.federation.reserves import Auditor, RelayElsewhere, Verdict
from bystack.federation.stated import Stated, first_wanted, stated, then_wanted
from bystack.mainchain.blocks import decode_block
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.light import EpochProof, LightClient, begin
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import check_set
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.params import check_genesis
from bystack.sidechain.proof_files import ChainNotTrusted, ProofFile, read_proof
from bystack.sidechain.proofs import (
    MAX_ENTRIES,
    MAX_STATE_PROOFS,
    StateProofs,
    check_state_proofs,
)
from bystack.sidechain.records import MIRROR

EPOCH_LIMIT: Final = 100_000
ROUNDS: Final = 20
TIMEOUT: Final = 120.0


class AnswerUnfit(Invalid):
    """The node's answer is not of the shape that was asked for."""


class PagesApart(Invalid):
    """The node proved parts of one answer under different blocks."""


class EpochsMissing(Invalid):
    """The node shows a header of an epoch, and not who votes in it."""


class Restless(Invalid):
    """The sidechain's relay went on faster than the main chain could be read."""


class Remote(Rpc):
    """A node by its URL: `https://user:password@host:port`."""

    def __init__(self, url: str) -> None:
        super().__init__(Path())
        self._url = urlsplit(url)

    def _connect(self) -> httpx.Client:
        parts = self._url
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NodeDown("a node's URL is http(s)://user:password@host:port")
        port = f":{parts.port}" if parts.port else ""
        auth = (parts.username or "", parts.password or "")
        base = f"{parts.scheme}://{parts.hostname}{port}"
        return httpx.Client(base_url=base, auth=auth, timeout=TIMEOUT)


def reach(where: str, patience: float) -> Rpc:
    """The node at a URL, or of a home on this machine."""
    return Remote(where) if "://" in where else Rpc(Path(where).expanduser(), patience)


class Audit:
    """One audit of the sidechain `name`. `main`, `side`: who is asked about each chain.

    `chain_id`: the sidechain's id as the auditor knows it; `now`: Unix seconds.
    """

    def __init__(
        self, name: str, chain_id: bytes, main: Answering, side: Answering, now: int
    ) -> None:
        self.name, self._main, self._side, self._now = name, main, side, now
        self.stated: tuple[Stated, ...] = ()
        file = self._file(chain_id)
        self.genesis = file.genesis
        validators = file.genesis.validator_set
        self._client = LightClient(begin(chain_id, validators), verifier_of(file.genesis))
        for one in file.epochs:
            self._client.advance(one)

    def _file(self, chain_id: bytes) -> ProofFile:
        """The genesis and the epochs since, as the node tells them; raises `ChainNotTrusted`."""
        made = self._side.side(self.name, "getproof", "entry", MIRROR.hex())
        file = read_proof(_bytes(made, "hex"))
        if file.genesis.id != chain_id:
            raise ChainNotTrusted(proof=file.genesis.id, trusted=chain_id)
        check_genesis(file.genesis)
        check_set(file.genesis.validator_set, BlsScheme())
        return file

    def verdict(self) -> Verdict:
        """The law's terms, recomputed; raises why something does not hold.

        Reading goes on until the block proved under stands where the reading has come to. What
        members stated is proved under the same block, and is `stated` afterwards.
        """
        auditor, said = Auditor(self.genesis), first_wanted(self.genesis)
        wanted = [MIRROR, *said]
        for _ in range(ROUNDS):
            header, entries = self._entries(wanted)
            self._read_to(auditor, header.relay_tip)
            needed = [*auditor.wanted(), *said, *then_wanted(entries)]
            if set(needed) <= set(wanted):
                self.stated = stated(entries, auditor.relayed(header))
                return auditor.judge(header, entries)
            wanted = needed
        raise Restless(rounds=ROUNDS)

    def _entries(self, keys: Sequence[bytes]) -> tuple[Header, dict[bytes, bytes | None]]:
        """Entries proved under one header that is shown final, page by page.

        Raises `PagesApart`.
        """
        pages = [keys[at : at + MAX_ENTRIES] for at in range(0, len(keys), MAX_ENTRIES)]
        first = self._page(pages[0], *(["first"] if len(pages) > 1 else []))
        header, entries = first.final.header, check_state_proofs(first)
        for keys_of_page in pages[1:]:
            proofs = self._page(keys_of_page, header.id.hex())
            if proofs.final.header.id != header.id:
                raise PagesApart(first=header.height, other=proofs.final.header.height)
            entries |= check_state_proofs(proofs)
        return header, entries

    def _page(self, keys: Sequence[bytes], *page: str) -> StateProofs:
        """Some entries' proofs, under a header that is shown final; not checked themselves."""
        asked = [key.hex() for key in keys]
        made = self._side.side(self.name, "getstateproofs", asked, *page)
        proofs = decode(StateProofs, _bytes(made, "hex"), MAX_STATE_PROOFS)
        while self._client.epoch < proofs.final.header.epoch:
            self._follow()
        self._client.verify(proofs.final)
        return proofs

    def _follow(self) -> None:
        known = self._client.epoch
        for row in _rows(self._side.side(self.name, "getepochproofs", known)):
            self._client.advance(decode(EpochProof, _bytes(row, "hex"), EPOCH_LIMIT))
        if self._client.epoch == known:
            raise EpochsMissing(epoch=known)

    # The main chain

    def _read_to(self, auditor: Auditor, tip: bytes) -> None:
        """Every block up to the relay's tip; raises `RelayElsewhere` where it is not there."""
        if auditor.knows(tip):
            return
        last = self._main.call("getblockheader", tip.hex())
        if not isinstance(last, dict) or type(last.get("height")) is not int:
            raise AnswerUnfit(method="getblockheader")
        for block in self._blocks(auditor.height + 1, last["height"]):
            auditor.connect(decode_block(block), self._now)
        if not auditor.knows(tip):
            raise RelayElsewhere(tip=tip, read=auditor.height)

    def _blocks(self, first: int, last: int) -> Iterator[bytes]:
        for start in range(first, last + 1, MAX_BATCH):
            heights = range(start, min(start + MAX_BATCH, last + 1))
            ids = self._main.batch("getblockhash", [[height] for height in heights])
            found = self._main.batch("getblock", [[id, 0] for id in ids])
            yield from (_bytes({"hex": data}, "hex") for data in found)
            if len(found) < len(heights):
                return  # a node that counts further than it has blocks


def _rows(answer: Any) -> list[Any]:
    """A list among a node's answers; raises `AnswerUnfit`."""
    if not isinstance(answer, list):
        raise AnswerUnfit(wanted="a list")
    return answer


def _bytes(answer: Any, field: str) -> bytes:
    """The bytes in hex that an answer has in a field; raises `AnswerUnfit`."""
    text = answer.get(field) if isinstance(answer, dict) else None
    try:
        return bytes.fromhex(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise AnswerUnfit(wanted=f"bytes in hex as {field}") from None
