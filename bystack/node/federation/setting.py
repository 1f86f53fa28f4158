"""What a member is told once: its federation, its seat, its files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from bystack.federation.charter import Charter
from bystack.federation.members import Roster
from bystack.federation.roster_file import RosterFile
from bystack.ledger.terms import Terms
from bystack.mainchain.params import Params, chain_id
from bystack.node import federation_files, genesis_files
from bystack.sidechain.params import Genesis


@dataclass(frozen=True)
class Setting:
    """A member's federation by name, its network, charter, roster and seat."""

    name: str
    params: Params
    charter: Charter
    file: RosterFile
    roster: Roster
    seat: int
    sponsor: bytes = field(repr=False)

    @property
    def main(self) -> bytes:
        """The main chain's id."""
        return chain_id(self.params)

    @property
    def identity(self) -> bytes:
        """This member's identity key, by which it sits wherever its seat is."""
        return self.roster.members[self.seat].identity

    @property
    def recipient(self) -> bytes:
        """Where this member's fees go on the sidechain: the memo of what it sponsors."""
        return self.roster.members[self.seat].recipient

    @property
    def charter_keys(self) -> dict[str, bytes]:
        """The roster's charter keys by name."""
        return {name: bytes.fromhex(key) for name, key in self.file.keys.items()}

    def terms(self, group: bytes) -> Terms:
        """The vault's terms, compiled here from charter, roster and the group key."""
        return federation_files.terms_of(self.charter, self.file, group)

    def genesis(self) -> Genesis | None:
        """The sidechain's genesis, once this node has it."""
        path = genesis_files.genesis_path(self.name)
        return genesis_files.read_genesis(path) if os.path.exists(path) else None
