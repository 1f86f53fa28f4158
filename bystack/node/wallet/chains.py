"""The chains a wallet follows: their ids, address prefixes, sockets, and accounts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from bystack.ledger.accounts import MAIN_COIN, TEST_COIN, Account, account_of
from bystack.mainchain.params import Params, chain_id
from bystack.node.announce import socket_of
from bystack.node.config import Config
from bystack.node.genesis_files import GenesisFileError, read_genesis
from bystack.node.networks import params_of
from bystack.primitives.bip32 import HARDENED, ExtendedKey
from bystack.sidechain.params import Genesis

MAIN = "main"

log = structlog.get_logger("wallet")


@dataclass(frozen=True)
class Chain:
    """One chain as a wallet sees it; `genesis` is None for the main chain."""

    name: str
    id: bytes
    hrp: str
    params: Params
    genesis: Genesis | None = None

    @property
    def socket(self) -> str:
        """The socket of the process that follows the chain."""
        return socket_of("mainchain") if self.genesis is None else socket_of("sidechain", self.name)

    @property
    def coin(self) -> int:
        """The coin type in derivation paths."""
        return MAIN_COIN if self.params.name == "main" else TEST_COIN

    def number(self, account: int) -> int:
        """The number in derivation paths of a wallet's account.

        The first is 0 on the main chain and one drawn from a sidechain's id elsewhere. So a phrase
        alone finds every coin again, and chains do not share addresses.
        """
        first = 0 if self.genesis is None else int.from_bytes(self.id[:4], "big")
        return (first + account) % HARDENED

    def account(self, master: ExtendedKey, account: int = 0) -> Account:
        """The keys of one of a wallet's accounts."""
        return account_of(master, self.coin, self.number(account))


def main_chain(config: Config) -> Chain:
    """The main chain of a configuration."""
    params = params_of(config.network)
    return Chain(MAIN, chain_id(params), params.hrp, params)


def configured(config: Config) -> Iterator[Chain]:
    """Every chain this node runs whose genesis is here."""
    main = main_chain(config)
    if config.mainchain.mode != "off":
        yield main
    for sidechain in config.sidechain:
        if not os.path.exists(sidechain.genesis):
            continue
        try:
            genesis = read_genesis(sidechain.genesis)
        except GenesisFileError as error:
            log.warning("sidechain left out", name=sidechain.name, reason=str(error))
            continue
        yield Chain(sidechain.name, genesis.id, genesis.hrp, main.params, genesis)
