"""RPC about the numbers a sidechain runs on, and whether this program is new enough for it."""

from __future__ import annotations

from bystack.node.rpc import Methods
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes_validators
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.plain import to_plain
from bystack.sidechain import epochs, parameters
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.state import SystemState


class ParameterMethods:
    """Answers from the state of the last final block."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add(
            "getparameters",
            self.parameters,
            help="The chain's numbers, now and next.",
            returns=shapes_validators.ParametersInfo,
        )

    def parameters(self) -> Json:
        """In force, decided for the next epoch (or null), from which height on; engine, version."""
        present, following, turns = self._reader.look(_numbers)
        upgrade = self._driver.upgrade
        return {
            "engine": self._driver.genesis.consensus.type,
            "current": to_plain(present),
            "next": None if following is None else to_plain(following),
            "next_from": turns,
            "protocol": upgrade.protocol,
            "outdated": upgrade.outdated,
            "warnings": upgrade.warnings,
        }


def _numbers(state: SystemState) -> tuple[Parameters, Parameters | None, int]:
    last = epochs.current(state).last
    return parameters.in_force(state), parameters.decided(state), last + 1
