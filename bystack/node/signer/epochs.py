"""The key epochs a signer holds: shares and certificates at rest, which counts, what is erased.

The first epoch counts once it is certified; any later one when the sidechain's state, proved to
this signer, says so. Until then the signer goes on with the epoch before: there is always one that
signs (K10). Shares that count no more are erased: at once only those in whose place this signer
holds others, for the state is the validators' word, and what is erased nobody brings back.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bystack.federation.certificates import verify_key_certificate
from bystack.federation.members import Roster
from bystack.federation.messages import MESSAGE_LIMIT, KeyCertificate
from bystack.federation.module.records import MAX_ENTRY, KeyEpoch
from bystack.federation.session import Session
from bystack.federation.shares import KeyShare
from bystack.node.signer import keys
from bystack.node.store import files
from bystack.node.store.failpoints import failpoint
from bystack.primitives.codec import U63, Bit, Bytes48, Wire, decode, encode
from bystack.primitives.errors import Invalid

FIRST: Final = 0
MAX_COUNTED: Final = 100
ERASE_AFTER: Final = 2016
"""Main-chain blocks after a new key, or this member's departure, was proved to this signer: two
weeks, deeper than any reorganisation, and time to find out that the validators lied."""


class NoCeremony(Invalid):
    """No key generation is under way: start it with `bystack federation keygen`."""


class ShareMissing(Invalid):
    """A share of this member lies not in its key files: restore it from the backup."""


class Departed(Invalid):
    """This member has no seat in the federation any more: it signs nothing."""


class EpochMissing(Invalid):
    """The key epoch in force was made, but not to its end in this signer: the others can send it
    the certificate."""


class EpochOlder(Invalid):
    """The key epoch shown is older than one that was in force already."""


class Counted(Wire):
    """The verified main-chain height since which a key is in force here, with a seat or without."""

    key: Bytes48
    seated: Bit
    height: U63


class Epochs:
    """One member's part in the epochs of one federation's key.

    `identity`: the member's public identity; `folder`: where certificates lie. Everything is kept
    by session: two attempts at one epoch may both be certified, and the chain picks one.
    """

    def __init__(self, name: str, identity: bytes, folder: str, *, cheap: bool) -> None:
        self._name, self._identity, self._folder, self._cheap = name, identity, folder, cheap
        self._pointer = f"{folder}/key-epoch-{name}.bin"
        self._counter = f"{folder}/key-epoch-since-{name}.bin"
        self.certificates = self._load_certificates()
        self.proved = self._load_proved()

    def _path(self, session: Session) -> str:
        number = keys.numbered(session.epoch, session.attempt)
        return f"{self._folder}/certificate-{self._name}-epoch-{number}.bin"

    def _load_certificates(self) -> dict[bytes, KeyCertificate]:
        found = {}
        for path in sorted(Path(self._folder).glob(f"certificate-{self._name}-epoch-*.bin")):
            certificate = decode(KeyCertificate, path.read_bytes(), MESSAGE_LIMIT)
            verify_key_certificate(certificate)
            found[certificate.key_id] = certificate
        return found

    def _load_proved(self) -> KeyEpoch | None:
        if not os.path.exists(self._pointer):
            return None
        return decode(KeyEpoch, Path(self._pointer).read_bytes(), MAX_ENTRY)

    @property
    def certificate(self) -> KeyCertificate | None:
        """The certificate of the epoch in force, if it is here."""
        if self.proved is not None:
            return self.certificates.get(self.proved.session)
        return self.first

    @property
    def first(self) -> KeyCertificate | None:
        """The certificate of the key that the federation began with, if it is here."""
        found = [one for one in self.certificates.values() if one.session.epoch == FIRST]
        return min(found, key=lambda one: one.session.attempt, default=None)

    @property
    def number(self) -> int:
        """The epoch in force, as far as it is known here."""
        return self.proved.epoch if self.proved else FIRST

    @property
    def seated(self) -> bool:
        """False once this member is proved to have no seat in the epoch in force."""
        return self.proved is None or bool(self._indices(self.proved.roster))

    def _indices(self, roster: Roster) -> tuple[int, ...]:
        own = [one.indices for one in roster.members if one.identity == self._identity]
        return own[0] if own else ()

    def rosters(self, key: bytes) -> tuple[Roster, ...]:
        """The members of every epoch of a key that was certified here, in force ever or not."""
        known = self.certificates.values()
        return tuple(one.session.roster for one in known if one.key == key)

    def in_force(self) -> KeyCertificate:
        """The certificate whose shares sign; raises `Departed`, `EpochMissing`, `NoCeremony`."""
        if not self.seated:
            raise Departed(federation=self._name, epoch=self.number)
        if self.certificate is not None:
            return self.certificate
        if self.proved is None:
            raise NoCeremony(federation=self._name)
        raise EpochMissing(epoch=self.number)

    def shares(self) -> tuple[KeyShare, ...]:
        """This member's shares of the epoch in force; raises as `in_force`, and `ShareMissing`."""
        return self.shares_of(self.in_force())

    def shares_of(self, certificate: KeyCertificate) -> tuple[KeyShare, ...]:
        """Its shares of a certified epoch, none if it has no seat there; raises `ShareMissing`."""
        own = self._indices(certificate.session.roster)
        return tuple(self._share(certificate.session, index) for index in own)

    def _share(self, session: Session, index: int) -> KeyShare:
        path = self._share_path(session, index)
        if not os.path.exists(path):
            raise ShareMissing(index=index, epoch=session.epoch)
        return KeyShare(session.id, index, keys.load(path, keys.SHARE, cheap=self._cheap))

    def _share_path(self, session: Session, index: int) -> str:
        return keys.share_path(self._name, session.epoch, session.attempt, index)

    def held(self, session: Session) -> dict[int, int]:
        """The shares that a session continues, as scalars: none if not all are in the files."""
        wanted = session.previous[0] if session.previous else None
        for certificate in self.certificates.values():
            # Not by its number: a key given up that the vault adopted after all has a later one.
            made = certificate.session.roster, certificate.polynomial
            if wanted is not None and made == (wanted.roster, wanted.polynomial):
                return self._scalars(certificate)
        return {}

    def _scalars(self, certificate: KeyCertificate) -> dict[int, int]:
        try:
            shares = self.shares_of(certificate)
        except ShareMissing:
            return {}
        return {share.index: int.from_bytes(share.secret, "big") for share in shares}

    def keep(self, shares: tuple[KeyShare, ...], certificate: KeyCertificate) -> None:
        """Make an epoch durable: shares first, then the certificate that makes them count; once."""
        session = certificate.session
        if session.id in self.certificates:
            return
        for share in shares:
            path = self._share_path(session, share.index)
            keys.save(path, keys.SHARE, share.secret, cheap=self._cheap)
        failpoint("ceremony.before_certificate")
        files.replace(self._path(session), encode(certificate))
        failpoint("ceremony.after_certificate")
        self.certificates[session.id] = certificate

    def enforce(self, proved: KeyEpoch) -> bool:
        """The epoch that the state has in force, proved; whether it is another than before.

        Raises `EpochOlder`; then nothing has changed.
        """
        if proved == self.proved:
            return False
        if self.proved is not None and proved.epoch < self.proved.epoch:
            raise EpochOlder(shown=proved.epoch, known=self.proved.epoch)
        failpoint("epochs.before_enforce")
        files.replace(self._pointer, encode(proved))
        failpoint("epochs.after_enforce")
        self.proved = proved
        return True

    def outdated(self, height: int) -> tuple[Session, ...]:
        """The sessions whose shares must be erased by now, given the main chain's height.

        Of the same key: all but the one in force. Of a key before, and of a member that left:
        `ERASE_AFTER` blocks after that was first proved here, not since when the state says, which
        lying validators could date back. None of them while this signer lacks a share of the
        present epoch, which it could not do without them.
        """
        proved = self.proved
        if proved is None:
            return ()
        late = height >= self._counted(proved, height) + ERASE_AFTER
        if not self._ready(proved):
            return ()
        others = [one for one in self.certificates.values() if one.key_id != proved.session]
        return tuple(
            one.session
            for one in others
            if one.session.epoch <= proved.epoch
            and (self._replaced(one, proved) or (late and not self._may_return(one, proved)))
        )

    def _replaced(self, one: KeyCertificate, proved: KeyEpoch) -> bool:
        """Whether the shares of the epoch in force, which are here, do all that its shares did."""
        return self.seated and (one.key == proved.key or one.session.epoch == proved.epoch)

    def _may_return(self, one: KeyCertificate, proved: KeyEpoch) -> bool:
        """Whether it is of a key made after the one in force, and given up: the vault may adopt it
        as long as the key that announced it is in force."""
        own = [each for each in self.certificates.values() if each.key == proved.key]
        first = min((each.session.epoch for each in own), default=proved.epoch)
        return self.seated and one.key != proved.key and one.session.epoch > first

    def _counted(self, proved: KeyEpoch, height: int) -> int:
        """Since when this key, with a seat or without, has been proved; from now on if it is new.

        A file that is missing or of another key begins the count anew: later, never sooner.
        """
        fresh = Counted(proved.key, int(self.seated), height)
        known = self._load_counted() or fresh
        if (known.key, known.seated) != (fresh.key, fresh.seated):
            known = fresh
        if known is fresh:
            files.replace(self._counter, encode(fresh))
        return known.height

    def _load_counted(self) -> Counted | None:
        if not os.path.exists(self._counter):
            return None
        return decode(Counted, Path(self._counter).read_bytes(), MAX_COUNTED)

    def _ready(self, proved: KeyEpoch) -> bool:
        """Whether this member's part of the epoch in force is in its files, or it has none."""
        certificate = self.certificates.get(proved.session)
        if not self._indices(proved.roster):
            return True
        return certificate is not None and bool(self._scalars(certificate))

    def erase(self, session: Session) -> bool:
        """Remove the share files of a session; whether there were any."""
        paths = [self._share_path(session, index) for index in self._indices(session.roster)]
        found = [path for path in paths if os.path.exists(path)]
        for path in found:
            failpoint("epochs.before_erase")
            os.unlink(path)
        if found:
            files.sync_folder("keys")
        return bool(found)
