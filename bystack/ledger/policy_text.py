"""The text form of policies: what people write in configurations and read in reports.

    thresh(2, key(alice), key(bob), all(key(carol), older(144)))

`key(NAME or 64 hex digits)` · `bls(NAME or 96 hex digits)` · `thresh(k, p, …)` · `all(p, …)` ·
`any(p, …)` · `after(height)` · `older(blocks)` · `sha256(64 hex digits)`;
after Miniscript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from bystack.ledger.policies import (
    MAX_DEPTH,
    MAX_NODES,
    After,
    All,
    Any,
    Bls,
    Key,
    Older,
    Policy,
    Sha256,
    Thresh,
    check_policy,
)
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid

MAX_TEXT = 20_000

_token = re.compile(r"\s*([A-Za-z0-9_.-]+|[(),])")
_hex = re.compile(r"(?:[0-9a-fA-F]{2})+")
_number = re.compile(r"[0-9]{1,19}")
_name = re.compile(r"[A-Za-z0-9_.-]+")

_WORDS = ("key", "bls", "thresh", "all", "any", "after", "older", "sha256")


class PolicyTextInvalid(Invalid):
    """The text is not a policy."""


class KeyNameUnknown(Invalid):
    """The policy names a key that nobody has defined."""


class _Token(NamedTuple):
    text: str
    position: int


def parse_policy(text: str, keys: Mapping[str, bytes] | None = None) -> Policy:
    """The policy that `text` says; `keys` are the named ones (32 bytes for `key`, 48 for `bls`).

    A name wins over hex of the same spelling. Raises `PolicyTextInvalid` with the position,
    `KeyNameUnknown`, `PolicyInvalid`.
    """
    parser = _Parser(_tokens(text), keys or {})
    policy = parser.policy(1)
    parser.expect("")
    check_policy(policy)
    return policy


def print_policy(policy: Policy, names: Mapping[bytes, str] | None = None) -> str:
    """The text of a policy; keys in `names` by name, others in hex."""
    known = names or {}
    match policy:
        case Key(key):
            return f"key({known.get(key, key.hex())})"
        case Bls(key):
            return f"bls({known.get(key, key.hex())})"
        case Thresh(k, subs):
            return f"thresh({', '.join([str(k), *(print_policy(sub, known) for sub in subs)])})"
        case All(subs):
            return f"all({', '.join(print_policy(sub, known) for sub in subs)})"
        case Any(subs):
            return f"any({', '.join(print_policy(sub, known) for sub in subs)})"
        case After(height):
            return f"after({height})"
        case Older(blocks):
            return f"older({blocks})"
        case Sha256(digest):
            return f"sha256({digest.hex()})"


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_TEXT:
        raise PolicyTextInvalid(length=len(text), limit=MAX_TEXT)
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _token.match(text, at)
        if found is None:
            raise PolicyTextInvalid(position=at, found=text[at : at + 10])
        tokens.append(_Token(found[1], found.start(1)))
        at = found.end()
    return [*tokens, _Token("", end)]


class _Parser:
    """Recursive descent over the tokens; the last token is the empty one."""

    def __init__(self, tokens: list[_Token], keys: Mapping[str, bytes]) -> None:
        self._tokens = tokens
        self._keys = keys
        self._at = 0

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def expect(self, text: str) -> None:
        """Take the token `text`, or refuse."""
        token = self._next()
        if token.text != text:
            raise _wrong(token, text or "the end")

    def policy(self, depth: int) -> Policy:
        """A policy, `depth` levels down."""
        word = self._next()
        if depth > MAX_DEPTH:
            raise PolicyTextInvalid(position=word.position, depth=depth, most=MAX_DEPTH)
        if word.text not in _WORDS:
            raise _wrong(word, "one of " + ", ".join(_WORDS))
        self.expect("(")
        policy = self._arguments(word.text, depth)
        self.expect(")")
        return policy

    def _arguments(self, word: str, depth: int) -> Policy:
        match word:
            case "key":
                return Key(self._key(32))
            case "bls":
                return Bls(self._key(48))
            case "sha256":
                return Sha256(self._bytes(self._next(), 32))
            case "after":
                return After(self._integer(MAX_INT))
            case "older":
                return Older(self._integer(MAX_INT))
            case "thresh":
                return self._threshold(depth)
            case "all":
                return All(self._subs(depth))
            case _:
                return Any(self._subs(depth))

    def _threshold(self, depth: int) -> Policy:
        needed = self._integer(MAX_NODES)
        self.expect(",")
        return Thresh(needed, self._subs(depth))

    def _subs(self, depth: int) -> tuple[Policy, ...]:
        subs = [self.policy(depth + 1)]
        while self._tokens[self._at].text == ",":
            self.expect(",")
            subs.append(self.policy(depth + 1))
        return tuple(subs)

    def _key(self, size: int) -> bytes:
        token = self._next()
        key = self._keys.get(token.text)
        if key is not None:
            return _sized(token, key, size)
        if _name.fullmatch(token.text) and not _hex.fullmatch(token.text):
            raise KeyNameUnknown(name=token.text, position=token.position)
        return self._bytes(token, size)

    def _bytes(self, token: _Token, size: int) -> bytes:
        if not _hex.fullmatch(token.text):
            raise _wrong(token, f"{2 * size} hex digits")
        return _sized(token, bytes.fromhex(token.text), size)

    def _integer(self, most: int) -> int:
        token = self._next()
        if not _number.fullmatch(token.text) or int(token.text) > most:
            raise _wrong(token, f"a whole number up to {most}")
        return int(token.text)


def _sized(token: _Token, value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise _wrong(token, f"{size} bytes")
    return value


def _wrong(token: _Token, expected: str) -> PolicyTextInvalid:
    found = token.text or "the end"
    return PolicyTextInvalid(position=token.position, expected=expected, found=found)
