"""RPC of the `stake` module: candidates, what is locked for them, what is on its way back.

Amounts are decimal, of the asset that is staked; `units` is the same in its base units.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.node import amounts_text
from bystack.node.rpc import Methods
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes_validators
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.rpc.owners import Owner, root_named
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.sidechain.modules.base import read_only
from bystack.sidechain.modules.stake.book import NAME, Book
from bystack.sidechain.modules.stake.queries import standing_of
from bystack.sidechain.params import Genesis
from bystack.sidechain.state import SystemState

Owners = Annotated[list[Owner], Meta(max_length=1_000)]
AMOUNTS = ("own", "vote", "staked", "stake", "amount", "fresh")
ROOTS = ("owner", "operator")


class StakeForms:
    """The module's answers as people read them."""

    def __init__(self, genesis: Genesis, book: Book) -> None:
        self._book, self._hrp = book, genesis.hrp
        asset = genesis.by_asset.get(book.config.asset)
        self._decimals = 0 if asset is None else asset.decimals

    @classmethod
    def of(cls, genesis: Genesis, state: SystemState) -> StakeForms | None:
        """For a chain that has the module."""
        if NAME not in {module.name for module in genesis.modules}:
            return None
        return cls(genesis, Book(read_only(state, NAME)))

    def row(self, told: Json) -> Json:
        """One object of an answer: amounts decimal, policy roots as addresses."""
        form: Json = {}
        for name, value in told.items():
            if name in AMOUNTS:
                form |= {name: amounts_text.show(value, self._decimals), f"{name}_units": value}
            elif name in ROOTS:
                address = encode_address(Address(self._hrp, POLICY, bytes.fromhex(value)))
                form |= {name: address, f"{name}_root": value}
            elif isinstance(value, list):
                form[name] = [self.row(one) for one in value]
            else:
                form[name] = value
        return form

    def validator(self, key: bytes) -> Json:
        """The stake behind a validator and what it did this epoch; little of one who is no
        candidate."""
        tally, candidate = self._book.tally, self._book.candidate(key)
        works = () if tally is None else tally.works
        work = next((one for one in works if one.key == key), None)
        did = {
            "signed": work.signed if work else 0,
            "proposed": work.proposed if work else 0,
            "certificates": tally.blocks if tally else 0,
        }
        if candidate is None:
            return did
        about = {
            "stake": candidate.stake,
            "own": candidate.own,
            "operator": candidate.operator.hex(),
            "commission_bp": candidate.commission,
        }
        told = standing_of(self._book, candidate)
        return {**did, **self.row(about), "jailed_until": told["jailed_until"]}


class StakeMethods:
    """Queries of the stake module, typed."""

    def __init__(self, reader: Reader, genesis: Genesis) -> None:
        self._reader, self._genesis = reader, genesis

    def register(self, methods: Methods) -> None:
        """Add every method of this file, on a chain that has the module."""
        if NAME in {module.name for module in self._genesis.modules}:
            self.add(methods)

    def add(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getstaking",
            self.staking,
            help="How validators are elected, how much is staked.",
            returns=shapes_validators.Staking,
        )
        add(
            "getcandidates",
            self.candidates,
            help="Who stands for election.",
            returns=list[shapes_validators.Candidate],
        )
        add(
            "getstake",
            self.stake,
            help="What owners have locked, and for whom.",
            returns=shapes_validators.Stake,
        )
        add(
            "getunbonding",
            self.unbonding,
            help="What owners took back, and when it is paid.",
            returns=shapes_validators.Unbonding,
        )

    def staking(self) -> Json:
        """Numbers of the genesis; `unbonding_epochs`: before stake taken back is paid."""
        return self._told("getstaking")

    def candidates(self) -> list[Json]:
        """Those who can be elected by rank, then the others, of rank 0."""
        rows: list[Json] = self._told("getcandidates")["candidates"]
        return rows

    def stake(self, owners: Owners) -> Json:
        """`fresh` is the part that earns from the next epoch on."""
        return self._told("getstake", self._roots(owners))

    def unbonding(self, owners: Owners) -> Json:
        """`due` is the epoch from which a part is paid."""
        return self._told("getunbonding", self._roots(owners))

    def _roots(self, owners: list[str]) -> list[str]:
        return [root_named(one, self._genesis.hrp) for one in owners]

    def _told(self, query: str, *params: Any) -> Json:
        answer = self._reader.query(NAME, query, list(params))
        forms = self._reader.look(lambda state: StakeForms.of(self._genesis, state))
        assert forms is not None
        return forms.row(answer)
