"""The network a node's configuration names: one built in, or a genesis file."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from bystack.mainchain.params import NETWORKS, Params, params_from
from bystack.primitives.errors import Invalid


class NetworkError(OSError):
    """The network's genesis file cannot be used."""


@cache
def params_of(network: str) -> Params:
    """The parameters of `main`, `test`, `regtest`, or of a genesis file; raises `NetworkError`."""
    if network in NETWORKS:
        return NETWORKS[network]
    try:
        return params_from(tomllib.loads(Path(network).read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, Invalid) as error:
        raise NetworkError(
            f"{network}: {error}; name main, test, regtest or a network's genesis file"
        ) from None
