"""Recovery phrases: a wallet's entropy as 12 to 24 English words (BIP 39, by `mnemonic`)."""

from __future__ import annotations

from mnemonic import Mnemonic

from bystack.primitives.errors import Invalid

_english = Mnemonic("english")


class EntropyLength(Invalid):
    """Entropy is 16, 20, 24, 28 or 32 bytes."""


class PhraseInvalid(Invalid):
    """The phrase has a word outside the list, a wrong number of words or a wrong checksum."""


def new_phrase(entropy: bytes) -> str:
    """The phrase of 16, 20, 24, 28 or 32 random bytes. Raises `EntropyLength`."""
    if len(entropy) not in (16, 20, 24, 28, 32):
        raise EntropyLength(length=len(entropy))
    return _english.to_mnemonic(entropy)


def check(phrase: str) -> bool:
    """Whether words, their number and the checksum are right."""
    return _english.check(phrase)


def seed(phrase: str, passphrase: str = "") -> bytes:
    """The 64-byte seed for `bip32.master`. Raises `PhraseInvalid` (without the phrase)."""
    if not check(phrase):
        raise PhraseInvalid()
    return _english.to_seed(phrase, passphrase)
