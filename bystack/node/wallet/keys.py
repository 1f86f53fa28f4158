"""A wallet's secret at rest: its recovery phrase in a key file, sealed when there is a password.

A wallet that only watches has no such file, but one that says so.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator

from bystack.node.keyfiles import Kdf, KeyFileExists, is_sealed, read_key, write_key
from bystack.node.store import files
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


def _watching_path(data: str, name: str) -> str:
    return os.path.join(folder_of(data, name), "watching")


def names(data: str) -> Iterator[str]:
    """The wallets that exist, by name."""
    for name in sorted(os.listdir(data)) if os.path.isdir(data) else ():
        if NAME.fullmatch(name) and (
            os.path.exists(key_path(data, name)) or os.path.exists(_watching_path(data, name))
        ):
            yield name


def fresh_phrase() -> str:
    """A new recovery phrase of 24 words."""
    return bip39.new_phrase(secrets.token_bytes(ENTROPY))


def write_phrase(
    data: str, name: str, phrase: str, password: str | None, *, cheap: bool, kdf: Kdf = "scrypt"
) -> None:
    """Keep a phrase; raises `PhraseInvalid`, `KeyFileExists`."""
    bip39.seed(phrase)
    _refuse_existing(data, name)
    write_key(key_path(data, name), KIND, phrase.encode(), password, cheap=cheap, kdf=kdf)


def reseal(data: str, name: str, phrase: str, password: str, *, cheap: bool, kdf: Kdf) -> None:
    """Keep the phrase of a wallet that is there, under another password."""
    path = key_path(data, name)
    write_key(path, KIND, phrase.encode(), password, cheap=cheap, replace=True, kdf=kdf)


def write_watching(data: str, name: str) -> None:
    """Make a wallet without a phrase; raises `KeyFileExists`."""
    _refuse_existing(data, name)
    os.makedirs(folder_of(data, name), mode=0o700, exist_ok=True)
    files.replace(_watching_path(data, name), b"no keys: this wallet only watches\n")


def watches(data: str, name: str) -> bool:
    """The wallet has no phrase."""
    return os.path.exists(_watching_path(data, name))


def sealed(data: str, name: str) -> bool:
    """The wallet's phrase needs a password."""
    return not watches(data, name) and is_sealed(key_path(data, name))


def read_phrase(data: str, name: str, password: str | None, *, cheap: bool) -> str:
    """The recovery phrase of a wallet; raises a `KeyFileError`."""
    return read_key(key_path(data, name), KIND, password, cheap=cheap).decode()


def read_master(data: str, name: str, password: str | None, *, cheap: bool) -> ExtendedKey:
    """The root of a wallet's keys; raises a `KeyFileError`."""
    return master(bip39.seed(read_phrase(data, name, password, cheap=cheap)))


def _refuse_existing(data: str, name: str) -> None:
    if name in names(data):
        raise KeyFileExists(folder_of(data, name), "there is a wallet already", "take another name")
