"""A wallet's secret at rest: its recovery phrase in a key file, sealed when there is a password."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator

from bystack.node.keyfiles import read_key, write_key
from bystack.primitives import bip39
from bystack.primitives.bip32 import ExtendedKey, master

KIND = "wallet"
ENTROPY = 32
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,30}")


def folder_of(data: str, name: str) -> str:
    """Where a wallet's files lie."""
    return os.path.join(data, name)


def key_path(data: str, name: str) -> str:
    """The key file of a wallet."""
    return os.path.join(folder_of(data, name), "wallet.key")


def names(data: str) -> Iterator[str]:
    """The wallets that exist, by name."""
    for name in sorted(os.listdir(data)) if os.path.isdir(data) else ():
        if NAME.fullmatch(name) and os.path.exists(key_path(data, name)):
            yield name


def fresh_phrase() -> str:
    """A new recovery phrase of 24 words."""
    return bip39.new_phrase(secrets.token_bytes(ENTROPY))


def write_phrase(data: str, name: str, phrase: str, password: str | None, *, cheap: bool) -> None:
    """Keep a phrase; raises `PhraseInvalid`, `KeyFileExists`."""
    bip39.seed(phrase)
    write_key(key_path(data, name), KIND, phrase.encode(), password, cheap=cheap)


def read_master(data: str, name: str, password: str | None, *, cheap: bool) -> ExtendedKey:
    """The root of a wallet's keys; raises a `KeyFileError`."""
    phrase = read_key(key_path(data, name), KIND, password, cheap=cheap).decode()
    return master(bip39.seed(phrase))
