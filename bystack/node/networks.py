"""The network a node's configuration names: one built in, or a genesis file.

A private network is a file of parameters; whoever has the same bytes of them has the same chain id.
`bystackd init` copies it into the home, so that the home does not change with somebody's file.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from bystack.mainchain.params import NETWORKS, Params, ParamsInvalid, chain_id, params_from
from bystack.primitives.errors import Invalid

NETWORK_FILE: Final = "network.toml"
MAX_FILE: Final = 64 * 1024


class NetworkError(OSError):
    """The network's genesis file cannot be used."""


@cache
def params_of(network: str) -> Params:
    """The parameters of `main`, `test`, `regtest`, or of a genesis file; raises `NetworkError`."""
    return NETWORKS[network] if network in NETWORKS else read_network(network)[0]


def read_network(path: str) -> tuple[Params, bytes]:
    """The parameters in a genesis file, and the file's bytes; raises `NetworkError`."""
    try:
        data = _bounded(Path(path))
        params = params_from(tomllib.loads(data.decode()))
        if params.name in NETWORKS:
            raise ParamsInvalid(
                key="name", given=params.name, reason="the name of a public network"
            )
    except (OSError, ValueError, RecursionError, Invalid) as error:
        raise NetworkError(
            f"{path}: {error}; name main, test, regtest or a network's genesis file"
        ) from None
    return params, data


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError(f"the file has more than {MAX_FILE} bytes")
    return data


def described(params: Params) -> str:
    """A network in one sentence: its chain id, the beginning of its addresses, its engine."""
    id, prefix = chain_id(params).hex(), f"{params.hrp}1"
    return (
        f"network {params.name}: chain id {id}, addresses begin with {prefix}, work {params.work}"
    )
