"""RPC about epochs: who votes now and next, since when, with how much stake behind."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER, Methods
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes_validators
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.rpc.staking import StakeForms
from bystack.node.sidechain.voting.driver import Driver
from bystack.sidechain import epochs
from bystack.sidechain.consensus.topology import base_gateways
from bystack.sidechain.consensus.validators import Validator, ValidatorSet, quorum
from bystack.sidechain.convictions import is_convicted
from bystack.sidechain.state import SystemState

Which = Annotated[str, Meta(max_length=10, description="current or next")]
Number = Annotated[int, Meta(ge=-1, le=2**63 - 1, description="an epoch; -1 for the current one")]


class EpochMethods:
    """Answers from the state and the engine."""

    def __init__(self, driver: Driver, reader: Reader, node_id: bytes) -> None:
        self._driver, self._reader, self._node_id = driver, reader, node_id
        self._genesis = driver.genesis

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add(
            "getvalidators",
            self.validators,
            help="Who votes, now or next.",
            returns=list[shapes_validators.Validator],
        )
        methods.add(
            "getepoch",
            self.epoch,
            help="An epoch: heights, set, quorum; who leads now.",
            returns=shapes_validators.Epoch,
        )

    def validators(self, which: Which = "current") -> list[Json]:
        """One object per validator, in order of index; of `next` none before they are settled."""
        if which not in ("current", "next"):
            raise RemoteError(BAD_PARAMETER, "which validators: current or next")
        return self._reader.look(lambda state: self._listed(state, which))

    def _listed(self, state: SystemState, which: str) -> list[Json]:
        now = which == "current"
        chosen = epochs.current(state).validators if now else epochs.upcoming(state)
        if chosen is None:
            return []
        connected = {peer.node_id for peer in self._driver.host.peers()} | {self._node_id}
        stakes = StakeForms.of(self._genesis, state)
        return [
            {
                "index": index,
                **_validator(state, one),
                "connected": one.node in connected,
                "self": one.key == self._driver.key,
                **({} if stakes is None else stakes.validator(one.key)),
            }
            for index, one in enumerate(chosen.validators)
        ]

    def epoch(self, number: Number = -1) -> Json:
        """The current epoch, with where consensus stands; or another that is still known.

        Known are the next one, once its validators are settled, and those evidence still counts of.
        """
        return self._reader.look(lambda state: self._epoch(state, number))

    def _epoch(self, state: SystemState, number: int) -> Json:
        now, following = epochs.current(state), epochs.upcoming(state)
        if number == now.epoch + 1 and following is not None:
            return {"first": now.last + 1, **self._set(following)}
        record = now if number == -1 else epochs.record_of(state, number)
        if record is None:
            raise RemoteError(BAD_PARAMETER, f"epoch {number} is not known, now is {now.epoch}")
        span = {"first": record.first, "last": record.last, "seed": record.seed.hex()}
        form = {**self._set(record.validators), **span}
        return {**form, **self._standing(following)} if record == now else form

    def _set(self, validators: ValidatorSet) -> Json:
        return {
            "epoch": validators.epoch,
            "validators": len(validators),
            "weight": validators.total,
            "quorum": quorum(validators.total),
            "validators_hash": validators.hash.hex(),
            "election": self._genesis.consensus.election,
        }

    def _standing(self, following: ValidatorSet | None) -> Json:
        machine, era = self._driver.machine, self._driver.era
        size, config = len(era.validators), era.config
        return {
            "gateways": list(base_gateways(size, config.seed, config.gateways)),
            "next_validators_hash": "" if following is None else following.hash.hex(),
            "height": machine.height,
            "view": machine.view,
            "leader": machine.leader_index,
        }


def _validator(state: SystemState, one: Validator) -> dict[str, Any]:
    return {
        "key": one.key.hex(),
        "node": one.node.hex(),
        "weight": one.weight,
        "tombstoned": is_convicted(state, one.key),
    }
