"""RPC about a sidechain itself: where it stands, its certificates, evidence."""

from __future__ import annotations

from functools import partial
from typing import Any

import trio

from bystack.node.rpc import Height, Hex, Methods, decoded
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes, shapes_validators
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.codec import decode_union, encode
from bystack.primitives.plain import to_plain
from bystack.sidechain import peg_numbers
from bystack.sidechain.batches import open_seqs
from bystack.sidechain.consensus.evidence import AnyEvidence, guilty, parts, verify_evidence
from bystack.sidechain.consensus.messages import MAX_MESSAGE
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet, indexes_of
from bystack.sidechain.engines import slots_once
from bystack.sidechain.epochs import record_of
from bystack.sidechain.misconduct import EvidenceOutdated
from bystack.sidechain.peg_numbers import PegNumbers
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import stops_of


class ValidatorMethods:
    """Answers from the genesis, the engine and the store."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._genesis, self._store = driver.genesis, driver.store

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getsidechaininfo",
            self.info,
            help="What the sidechain is and where it stands.",
            returns=shapes.SidechainInfo,
        )
        add(
            "getcommit",
            self.commit,
            help="The certificate that made a block final.",
            returns=shapes.Commit,
        )
        add(
            "submitevidence",
            self.evidence,
            help="Proof that validators broke the rules.",
            returns=shapes.Conviction,
        )
        add(
            "listevidence",
            self.known_evidence,
            help="Misbehaviour proved to this node.",
            returns=list[shapes_validators.Evidence],
        )

    def info(self) -> Json:
        """The sidechain, its relay, its pegs."""
        genesis, header, driver = self._genesis, self._store.header, self._driver
        relayed, stops, open = self._reader.look(_relay_and_pegs)
        numbers: PegNumbers = self._reader.look(peg_numbers.in_force)
        return {
            "name": genesis.name,
            "chain_id": genesis.id.hex(),
            "hrp": genesis.hrp,
            "mainchain": genesis.main.name,
            "vault": genesis.vault.hex(),
            "blocks": header.height,
            "bestblockhash": header.id.hex(),
            "time": header.time // 1000,
            "epoch": header.epoch,
            "view": driver.machine.view,
            "since_final": driver.since_final,
            "validator": -1 if driver.index is None else driver.index,
            "relay": {"height": relayed.header.height, "tip": relayed.id.hex()},
            "stops": stops,
            "open_batches": open,
            "assets": [to_plain(asset) for asset in genesis.assets],
            "modules": [module.name for module in genesis.modules],
            "depth": genesis.depth,
            "engine": genesis.consensus.type,
            "warnings": driver.upgrade.warnings,
            "pegin_bp": numbers.pegin_bp,
            "pegout_bp": numbers.pegout_bp,
            "peg_numbers": [to_plain(one) for one in numbers.assets],
            "size_on_disk": self._store.size,
            "sync": driver.state_sync.report(),
        }

    def commit(self, height: Height) -> Json:
        """The commit certificate of the block at a height."""
        header = self._reader.header_at(height)
        certificate = self._store.certificate_at(height)
        assert certificate is not None
        signers = indexes_of(certificate.bitmap, 8 * len(certificate.bitmap))
        return {
            "height": height,
            "blockhash": header.id.hex(),
            "epoch": certificate.epoch,
            "view": certificate.view,
            "signers": list(signers),
            "signature": certificate.signature.hex(),
            "hash": certificate.hash.hex(),
            "hex": encode(certificate).hex(),
            "header": encode(header).hex(),
        }

    async def evidence(self, hexstring: Hex) -> Json:
        """Verify evidence, keep it, spread it; whom it convicts."""
        found = decoded(hexstring, _read_evidence, "Evidence")
        validators = self._judges(found)
        if validators is None:
            raise EvidenceOutdated(epoch=parts(found)[0].epoch)
        given = (found, validators, self._genesis.id, BlsScheme())
        verify = partial(verify_evidence, *given, slots=slots_once(self._genesis))
        indexes = await trio.to_thread.run_sync(verify)
        await self._driver.report(found)
        return {"kind": type(found).__name__, "guilty": list(indexes)}

    def _judges(self, evidence: AnyEvidence) -> ValidatorSet | None:
        """Who voted in the evidence's epoch, while that is kept."""
        record = self._reader.look(lambda state: record_of(state, parts(evidence)[0].epoch))
        return None if record is None else record.validators

    def known_evidence(self) -> list[Json]:
        """Kind, epoch, bytes of each; the guilty by index and key while their epoch is kept."""
        return [self._evidence_form(one) for one in self._store.evidence()]

    def _evidence_form(self, one: AnyEvidence) -> Json:
        validators, slots = self._judges(one), slots_once(self._genesis)
        accused = () if validators is None else guilty(one, validators, slots=slots)
        return {
            "kind": type(one).__name__,
            "epoch": parts(one)[0].epoch,
            "guilty": list(accused),
            "keys": [] if validators is None else [k.hex() for k in validators.keys_of(accused)],
            "hex": encode(one).hex(),
        }


def _relay_and_pegs(state: SystemState) -> tuple[Any, list[str], list[int]]:
    stops = [stop.name or "" for stop in stops_of(state)]
    return RelayView(state).best(), stops, list(open_seqs(state))


def _read_evidence(data: bytes) -> AnyEvidence:
    found: AnyEvidence = decode_union(AnyEvidence, data, MAX_MESSAGE)
    return found
