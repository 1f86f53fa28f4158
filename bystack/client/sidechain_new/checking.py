"""Judging a new sidechain's files together: every fault at once, with its place and what is due.

The same rules judge them later on every node (`check_genesis`, the charter's, the roster's, the
engine's); only what the vault will say is stood in for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

from bystack.client.sidechain_new.choices import Choices
from bystack.client.sidechain_new.writing import Written
from bystack.federation.charter import Charter, parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.charter_reading import CharterInvalid, Fault
from bystack.federation.module.records import NAME
from bystack.federation.roster_file import (
    RosterFile,
    assets_of,
    keys_of,
    parse_roster,
    roster_of,
)
from bystack.ledger.policies import Bls, Key
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier
from bystack.mainchain.chain import Entry, genesis_entry
from bystack.mainchain.params import Params
from bystack.primitives import bls
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.engine import EngineUnfit
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet, check_set
from bystack.sidechain.engines import ConsensusError, engine_of
from bystack.sidechain.modules.specification import ModuleSpec, ModuleSpecInvalid, configured
from bystack.sidechain.params import Genesis, ModuleConfig, genesis_faults
from bystack.sidechain.specification import Founded, GenesisSpec, drafted

STAND_IN: Final = bls.sk_to_pk(bls.key_gen(bytes(range(32))))
"""For the group key, which the key generation makes."""
LEAST_RECOVERY: Final = 2
_RECIPIENT: Final = '"recipient": where its fees go, the root that getaddressinfo ADDRESS shows'
_LEAST: Final = Terms(
    (Tier(Bls(STAND_IN), (Limit(b"\xff" * 32, 1, 1, 1),), 0),),
    Guard(Key(b"\x01" * 32), 1),
    Govern(Bls(STAND_IN), 1),
    Recover(Key(b"\x02" * 32), 1),
    bytes(32),
)
"""For terms that cannot be compiled yet, while the rest is judged."""


def lacking(choices: Choices) -> Iterator[Fault]:
    """What somebody must decide, since it has no default."""
    for one in choices.operators:
        if choices.name not in one.member:
            yield Fault(one.name, "no member key", f"bystackd key new member:{choices.name}")
        if not one.recipient:
            yield Fault(one.name, "no recipient", _RECIPIENT)
    if not choices.operators:
        yield Fault("members", "none", "files of the members' public parts")
    if not choices.assets:
        yield Fault("assets", "none", "--asset BTM, or NAME:ID:DECIMALS")
    for asset in choices.assets:
        if not asset.limit:
            yield Fault(f"limit of {asset.name}", "none", f"--limit {asset.name}=AMOUNT a window")
    if not choices.towers:
        yield Fault("guards", "none", "--key tower-1=KEY, of a key on a machine of its own")
    if len(choices.recoverers) < LEAST_RECOVERY:
        yield Fault("recovery", f"{len(choices.recoverers)} keys", "two or more, --key r1=KEY")
    for role in (*choices.towers, *choices.recoverers, *choices.leaders):
        if role not in choices.named:
            yield Fault(f"key {role}", "unknown", f"--key {role}=KEY, or a file that holds it")


def faults_of(files: Written, params: Params) -> list[Fault]:
    """Everything that is wrong with the files; empty where they can be handed out."""
    faults: list[Fault] = []
    charter = _charter(files.charter, faults)
    roster = _roster(files.roster, faults)
    spec = _spec(files.spec, faults)
    terms = _terms(charter, roster, faults) if charter and roster else None
    if spec is not None:
        faults += _genesis_faults(spec, terms or _LEAST, params)
    return faults


def _fault(where: str, error: Exception) -> Fault:
    return Fault(where, str(error), "values that this rule allows")


def _charter(text: str, faults: list[Fault]) -> Charter | None:
    try:
        return parse_charter(text.encode())
    except CharterInvalid as error:
        faults += [Fault(f"charter {one.where}", one.given, one.expected) for one in error.faults]
        return None


def _roster(text: str, faults: list[Fault]) -> RosterFile | None:
    table = tomllib.loads(text)
    found = list(misfits(RosterFile, table, "roster"))
    faults += found
    if found:
        return None
    file = parse_roster(text.encode())
    try:
        roster_of(file)
    except Invalid as error:
        faults.append(_fault("roster", error))
    return file


def _spec(text: str, faults: list[Fault]) -> GenesisSpec | None:
    table = tomllib.loads(text)
    found = list(misfits(GenesisSpec, table, "specification"))
    faults += found
    return None if found else msgspec.convert(table, GenesisSpec)


def misfits(kind: Any, data: Any, where: str) -> Iterator[Fault]:
    """Every key of a table, and of its tables, that does not fit its type."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        if field.name in data:
            yield from _misfit(hints[field.name], data[field.name], f"{where} {field.name}")
        elif field.required:
            yield Fault(f"{where} {field.name}", "nothing", "a value")
    for key in data:
        if key not in hints:
            yield Fault(f"{where} {key}", f"given {data[key]!r}", "no such key")


def _misfit(hint: Any, value: Any, where: str) -> Iterator[Fault]:
    table = _struct_in(hint)
    if table is not None and isinstance(value, list):
        for number, one in enumerate(value, 1):
            name = one.get("name", number) if isinstance(one, Mapping) else number
            if isinstance(one, Mapping):
                yield from misfits(table, one, f"{where} {name}")
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        if table is None or not value:
            yield Fault(where, f"given {value!r}", str(error))


def _struct_in(hint: Any) -> Any:
    """The type of the tables a list holds, or None for anything else."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    inner = get_args(hint)[0] if get_origin(hint) is list and get_args(hint) else None
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _terms(charter: Charter, file: RosterFile, faults: list[Fault]) -> Terms | None:
    keys = {**keys_of(file), **dict.fromkeys(charter.group_keys, STAND_IN)}
    try:
        return compile(charter, keys, assets_of(file))
    except Invalid as error:
        faults.append(_fault("charter and roster", error))
        return None


def _genesis_faults(spec: GenesisSpec, terms: Terms, params: Params) -> Iterator[Fault]:
    sound: list[ModuleSpec] = []
    for one in spec.modules:
        try:
            configured([*sound, one], [asset.asset for asset in spec.assets])
            sound.append(one)
        except ModuleSpecInvalid as error:
            yield _fault(f"specification modules {one.name}", error)
    spec.modules = sound
    genesis = drafted(spec, _stood_in(terms, params))
    yield from (_fault("specification", error) for error in genesis_faults(genesis))
    yield from _voters(genesis)


def _stood_in(terms: Terms, params: Params) -> Founded:
    """Values of the right form for what the main chain will say."""
    start: Entry = genesis_entry(params)
    return Founded(params, start, b"\x01" * 32, terms, ModuleConfig(NAME, b""))


def _voters(genesis: Genesis) -> Iterator[Fault]:
    scheme = BlsScheme()
    for number, one in enumerate(genesis.validators, 1):
        try:
            check_set(ValidatorSet(0, (one,)), scheme)
        except Invalid as error:
            yield _fault(f"specification validators {number}", error)
    try:
        check_set(genesis.validator_set, _Believed())
        engine_of(genesis)
    except (Invalid, EngineUnfit, ConsensusError) as error:
        yield _fault("specification validators", error)


class _Believed:
    """Possession has been judged one by one."""

    def prove_check(self, key: bytes, proof: bytes) -> bool:
        """Nothing to say twice."""
        return bool(key and proof)
