"""Auditing a sidechain's reserves over the RPC of nodes that need not be believed.

Two nodes may answer, one for each chain: what they say is proved or refused. Only the sidechain's
id comes from whoever audits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from bystack.client.rpc import MAX_BATCH, NodeDown, Rpc
from bystack.federation.reserves import Auditor, RelayElsewhere, Verdict
from bystack.mainchain.blocks import decode_block
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
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


class TooManyDeposits(Invalid):
    """The vault has more deposits than are proved at one block: audit by a full node's RPC."""


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

    `chain_id`: the sidechain's id as the auditor knows it.
    """

    def __init__(self, name: str, chain_id: bytes, main: Rpc, side: Rpc) -> None:
        self.name, self._main, self._side = name, main, side
        file = self._file(chain_id)
        self.genesis = file.genesis
        validators = file.genesis.validator_set
        self._client = LightClient(begin(chain_id, validators), verifier_of(file.genesis))
        for one in file.epochs:
            self._client.advance(one)

    def _file(self, chain_id: bytes) -> ProofFile:
        """The genesis and the epochs since, as the node tells them; raises `ChainNotTrusted`."""
        made = self._side.side(self.name, "getproof", "entry", MIRROR.hex())
        file = read_proof(bytes.fromhex(made["hex"]))
        if file.genesis.id != chain_id:
            raise ChainNotTrusted(proof=file.genesis.id, trusted=chain_id)
        check_genesis(file.genesis)
        check_set(file.genesis.validator_set, BlsScheme())
        return file

    def verdict(self) -> Verdict:
        """The law's terms, recomputed; raises why something does not hold.

        Reading goes on until the block proved under stands where the reading has come to.
        """
        auditor, wanted = Auditor(self.genesis), [MIRROR]
        for _ in range(ROUNDS):
            proofs = self._proofs(wanted)
            header = proofs.final.header
            self._read_to(auditor, header.relay_tip)
            if set(auditor.wanted()) <= set(wanted):
                return auditor.judge(header, check_state_proofs(proofs))
            wanted = auditor.wanted()
        raise Restless(rounds=ROUNDS)

    def _proofs(self, keys: list[bytes]) -> StateProofs:
        """Entries proved under one header that is shown final."""
        if len(keys) > MAX_ENTRIES:
            raise TooManyDeposits(entries=len(keys), most=MAX_ENTRIES)
        asked = [key.hex() for key in keys]
        made = self._side.side(self.name, "getstateproofs", asked)
        proofs = decode(StateProofs, bytes.fromhex(made["hex"]), MAX_STATE_PROOFS)
        while self._client.epoch < proofs.final.header.epoch:
            self._follow()
        self._client.verify(proofs.final)
        return proofs

    def _follow(self) -> None:
        rows = self._side.side(self.name, "getepochproofs", self._client.epoch)
        if not rows:
            raise EpochsMissing(epoch=self._client.epoch)
        for row in rows:
            self._client.advance(decode(EpochProof, bytes.fromhex(row["hex"]), EPOCH_LIMIT))

    # The main chain

    def _read_to(self, auditor: Auditor, tip: bytes) -> None:
        """Every block up to the relay's tip; raises `RelayElsewhere` where it is not there."""
        if auditor.knows(tip):
            return
        last = self._main.call("getblockheader", tip.hex())["height"]
        for block in self._blocks(auditor.height + 1, last):
            auditor.connect(decode_block(block), int(time.time()))
        if not auditor.knows(tip):
            raise RelayElsewhere(tip=tip, read=auditor.height)

    def _blocks(self, first: int, last: int) -> Iterator[bytes]:
        for start in range(first, last + 1, MAX_BATCH):
            heights = range(start, min(start + MAX_BATCH, last + 1))
            ids = self._main.batch("getblockhash", [[height] for height in heights])
            for data in self._main.batch("getblock", [[id, 0] for id in ids]):
                yield bytes.fromhex(data)
