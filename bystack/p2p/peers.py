"""Whom to dial next and whom to refuse: known addresses, scores, bans.

Everything is bounded and survives a restart as bytes the caller stores (`encode`, `restore`).
Times are whole seconds of the wall clock, passed in. A name is a node id in hex, a host, or
"host:port". Scores fade by a point a minute, so honest hiccups never add up to a ban.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from random import Random
from typing import Annotated, Final

from msgspec import Meta

from bystack.p2p.addresses import BadAddress, group, is_hearsay, is_loopback, parse
from bystack.p2p.handshake import AddressBytes
from bystack.primitives.codec import U8, U16, U32, U63, Wire, decode, encode
from bystack.primitives.errors import Invalid

FORMAT: Final = 1
BAN_POINTS: Final = 100
BAN_SECONDS: Final = 24 * 3600
FADE_SECONDS: Final = 60
MAX_KNOWN: Final = 4096
MAX_PER_SOURCE: Final = 256
MAX_NAMES: Final = 4096
MAX_FAILURES: Final = 10
MAX_BACK_OFF: Final = 600
BOOK_LIMIT: Final = 4 << 20


class WrongFormat(Invalid):
    """The stored peer book has another format version."""


class KnownAddress(Wire):
    """An address, the group of the peer that told us, and how dialling went."""

    address: AddressBytes
    source: AddressBytes
    tried: U63
    failures: U16
    proved: U63


class Score(Wire):
    """The points a name had at a time."""

    name: AddressBytes
    points: U32
    at: U63


class Ban(Wire):
    """A name refused until a time."""

    name: AddressBytes
    until: U63


class StoredBook(Wire):
    """A peer book at rest."""

    format: U8
    addresses: Annotated[tuple[KnownAddress, ...], Meta(max_length=MAX_KNOWN)]
    scores: Annotated[tuple[Score, ...], Meta(max_length=MAX_NAMES)]
    bans: Annotated[tuple[Ban, ...], Meta(max_length=MAX_NAMES)]


class PeerBook:
    """Addresses, scores and bans; `revision` grows with each change worth storing.

    `on_ban` is called when a ban begins or is lifted: that is worth storing soon.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.on_ban: Callable[[], None] = lambda: None
        self._known: dict[str, KnownAddress] = {}
        self._sources: Counter[str] = Counter()
        self._scores: dict[str, Score] = {}
        self._bans: dict[str, int] = {}

    @classmethod
    def restore(cls, data: bytes) -> PeerBook:
        """The book stored as `data`; raises the codec's `Invalid` on damage."""
        stored = decode(StoredBook, data, BOOK_LIMIT)
        if stored.format != FORMAT:
            raise WrongFormat(format=stored.format, expected=FORMAT)
        book = cls()
        book._known = {str(parse(_text(entry.address))): entry for entry in stored.addresses}
        book._sources = Counter(_text(entry.source) for entry in stored.addresses)
        book._scores = {_text(score.name): score for score in stored.scores}
        book._bans = {_text(ban.name): ban.until for ban in stored.bans}
        return book

    def encode(self) -> bytes:
        """The bytes to store; equal books give equal bytes."""
        return encode(
            StoredBook(
                FORMAT,
                tuple(entry for _, entry in sorted(self._known.items())),
                tuple(score for _, score in sorted(self._scores.items())),
                tuple(Ban(_bytes(name), until) for name, until in sorted(self._bans.items())),
            )
        )

    # Addresses

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, text: str, source: str) -> bool:
        """Remember an address a peer at host `source` told us; False when we would rather not.

        One source group fills at most `MAX_PER_SOURCE` places, so that no peer can wash out the
        rest of the book; a full book only takes an address in place of one that never answered.
        """
        try:
            address = parse(text)
        except BadAddress:
            return False
        origin = _source_group(source)
        if str(address) in self._known or not is_hearsay(address, source):
            return False
        if self._sources[origin] >= MAX_PER_SOURCE:
            return False
        if len(self._known) >= MAX_KNOWN and not self._drop_worst():
            return False
        self._known[str(address)] = KnownAddress(_bytes(str(address)), _bytes(origin), 0, 0, 0)
        self._sources[origin] += 1
        self.revision += 1
        return True

    def answered(self, text: str, now: int) -> None:
        """Dialling a known address reached a node of ours."""
        self._update(text, lambda entry: KnownAddress(entry.address, entry.source, now, 0, now))

    def failed(self, text: str, now: int) -> None:
        """Dialling a known address did not; after `MAX_FAILURES` in a row it is forgotten."""
        self._update(text, lambda entry: _failed(entry, now))
        entry = self._known.get(text)
        if entry is not None and entry.failures >= MAX_FAILURES:
            self.forget(text)

    def forget(self, text: str) -> None:
        """Drop an address: it is our own, or another chain's."""
        entry = self._known.pop(text, None)
        if entry is not None:
            self._sources[_text(entry.source)] -= 1
            self._sources += Counter()  # sources at zero are forgotten
            self.revision += 1

    def candidate(
        self, now: int, taken: Collection[str], skip: Collection[str], dice: Random
    ) -> str | None:
        """An address to dial: first a group not `taken` is drawn, then an address in it.

        Drawing the group first gives a rented network of a thousand addresses one chance, not a
        thousand. Banned, `skip`ped and backing-off addresses are left out.
        """
        groups: dict[str, list[str]] = {}
        for text, entry in sorted(self._known.items()):
            address = parse(text)
            if text in skip or now < _retry_at(entry) or self.banned(now, text, address.host):
                continue
            if (place := group(address)) not in taken:
                groups.setdefault(place, []).append(text)
        return dice.choice(groups[dice.choice(sorted(groups))]) if groups else None

    def sample(self, count: int, dice: Random) -> tuple[str, ...]:
        """Up to `count` addresses to tell a peer: those that answered us before."""
        proved = sorted(text for text, entry in self._known.items() if entry.proved)
        return tuple(dice.sample(proved, min(count, len(proved))))

    # Scores and bans

    def score(self, name: str, now: int) -> int:
        """The points a name has now."""
        score = self._scores.get(name)
        return 0 if score is None else max(0, score.points - max(0, now - score.at) // FADE_SECONDS)

    def penalise(self, name: str, points: int, now: int) -> bool:
        """Add points; True when that bans the name (loopback hosts are scored, never banned)."""
        total = self.score(name, now) + points
        self._scores[name] = Score(_bytes(name), min(total, 2**32 - 1), now)
        self.revision += 1
        if len(self._scores) > MAX_NAMES:
            del self._scores[min(self._scores, key=lambda other: self.score(other, now))]
        if total < BAN_POINTS or is_loopback(name):
            return False
        self.ban(name, now + BAN_SECONDS)
        return True

    def ban(self, name: str, until: int) -> None:
        """Refuse a name until a time; its score starts again from nothing after that."""
        self._scores.pop(name, None)
        self._bans[name] = until
        self.revision += 1
        if len(self._bans) > MAX_NAMES:
            del self._bans[min(self._bans, key=lambda other: self._bans[other])]
        self.on_ban()

    def unban(self, name: str) -> None:
        """Lift a ban."""
        if self._bans.pop(name, None) is not None:
            self.revision += 1
            self.on_ban()

    def banned(self, now: int, *names: str) -> bool:
        """Whether any of the names is refused now."""
        return any(self._bans.get(name, 0) > now for name in names)

    def bans(self, now: int) -> dict[str, int]:
        """The names refused now and until when."""
        return {name: until for name, until in sorted(self._bans.items()) if until > now}

    def _update(self, text: str, change: Callable[[KnownAddress], KnownAddress]) -> None:
        if text in self._known:
            self._known[text] = change(self._known[text])
            self.revision += 1

    def _drop_worst(self) -> bool:
        never = [text for text, entry in self._known.items() if not entry.proved]
        if not never:
            return False
        self.forget(max(never, key=lambda text: self._known[text].failures))
        return True


def back_off(failures: int, longest: int = MAX_BACK_OFF) -> int:
    """Seconds to wait after so many failures in a row."""
    return 0 if failures == 0 else int(min(longest, 2 ** min(failures - 1, 30)))


def _failed(entry: KnownAddress, now: int) -> KnownAddress:
    return KnownAddress(entry.address, entry.source, now, entry.failures + 1, entry.proved)


def _retry_at(entry: KnownAddress) -> int:
    return entry.tried + back_off(entry.failures)


def _source_group(source: str) -> str:
    try:
        return group(parse(f"[{source}]:1" if ":" in source else f"{source}:1"))
    except BadAddress:
        return source


def _bytes(text: str) -> bytes:
    return text.encode("ascii", "replace")[:255]


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")
