"""A node's configuration: `load_config(home)` reads it strictly, `commented_config` writes one.

`tables` says what may be written, `loading` reads and judges it, `across` what lies between keys,
`faults` how it is said, `template` writes and explains it.
"""

from bystack.node.config.faults import ConfigError, ConfigErrors
from bystack.node.config.loading import load_config, parse_config
from bystack.node.config.tables import (
    FILE,
    IN_FORCE,
    NETWORKS,
    Config,
    Federation,
    Guard,
    Limits,
    Log,
    Mainchain,
    Mining,
    Rpc,
    Scope,
    Sidechain,
    Wallet,
)
from bystack.node.config.template import commented_config, config_docs, shown_config

__all__ = [
    "FILE",
    "IN_FORCE",
    "NETWORKS",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Federation",
    "Guard",
    "Limits",
    "Log",
    "Mainchain",
    "Mining",
    "Rpc",
    "Scope",
    "Sidechain",
    "Wallet",
    "commented_config",
    "config_docs",
    "load_config",
    "parse_config",
    "shown_config",
]
