"""`bystackd key sign`: on a machine without a node, shows what a request asks for, then signs it.

The request is the file that `bystack vault OPERATION --out FILE` wrote on some node. Nothing in it
is believed but the operation's bytes, and those are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bystack.federation.charter_comparing import differences
from bystack.federation.offline import NO_NAMES, Names, ToSign, sentences, to_sign
from bystack.ledger.terms import MAX_TERMS, Terms
from bystack.ledger.vault_operations import (
    VAULT_KINDS,
    Adopt,
    Create,
    Operation,
    Recover,
    Replace,
    decode_operation,
    encode_operation,
)
from bystack.mainchain.params import NETWORKS, chain_id
from bystack.node import federation_files
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid

MAX_REQUEST = 2_000_000

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Bytes = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*\Z")]


class RequestUnreadable(Exception):
    """The file is no request; the message names it, the fault and the next step."""


class Form(msgspec.Struct, frozen=True):
    """What is read of a request; its digests are computed anew and those in it passed over."""

    federation: Annotated[str, Meta(max_length=64)]
    operation: Annotated[str, Meta(max_length=32)]
    vault: Id
    chain: Id
    bytes: Bytes
    terms: Bytes = ""


class Request(msgspec.Struct, frozen=True):
    """A request: the main chain's id, the vault's, the operation, the terms claimed in force."""

    federation: str
    chain: bytes
    vault: bytes
    operation: Operation
    present: Terms | None


def read_request(path: str) -> Request:
    """The request in a file; raises `RequestUnreadable`."""
    step = "write it anew with bystack vault OPERATION NAME --out FILE"
    try:
        data = Path(path).read_bytes()
        if len(data) > MAX_REQUEST:
            raise RequestUnreadable(f"{path}: longer than {MAX_REQUEST} bytes; {step}")
        form = msgspec.json.decode(data, type=Form)
        present = decode(Terms, bytes.fromhex(form.terms), MAX_TERMS) if form.terms else None
        operation = _operation(form)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, Invalid) as error:
        raise RequestUnreadable(f"{path}: {error}; {step}") from None
    chain, vault = bytes.fromhex(form.chain), bytes.fromhex(form.vault)
    return Request(form.federation, chain, vault, operation, present)


class OperationMisnamed(Invalid):
    """The request calls its operation by another name than it has."""


def _operation(form: Form) -> Operation:
    """The operation in the request's bytes; raises what decoding raises, `OperationMisnamed`."""
    data = bytes.fromhex(form.bytes)
    for kind in sorted(VAULT_KINDS):
        try:
            found = decode_operation(kind, data)
        except Invalid:
            continue
        name = type(found).__name__.lower()
        if name != form.operation or encode_operation(found).kind != kind:
            raise OperationMisnamed(called=form.operation, is_a=name)
        return found
    raise OperationMisnamed(called=form.operation, is_a="no vault operation")


def names_in(roster: str | None) -> Names:
    """What a roster's file calls keys and assets; raises `FederationFileError`."""
    if roster is None:
        return NO_NAMES
    file = federation_files.read_roster(roster)
    keys = {bytes.fromhex(key): name for name, key in file.keys.items()}
    assets = {bytes.fromhex(one.id): (name, one.decimals) for name, one in file.assets.items()}
    return Names(keys, assets)


def shown(request: Request, key: bytes, names: Names) -> tuple[list[str], tuple[ToSign, ...]]:
    """The lines to read and the digests to sign; raises `KeyUninvolved`, `TermsClaimMissing`."""
    operation, vault = request.operation, request.vault
    wanted = to_sign(key, request.chain, vault, operation, request.present)
    lines = [f"Main chain {_network(request.chain)}"]
    lines += sentences(vault, operation, request.present, names)
    lines += [f"Signs {one.digest.hex()}: it {one.reason}." for one in wanted]
    return lines, wanted


def _network(chain: bytes) -> str:
    known = {chain_id(params): name for name, params in NETWORKS.items()}
    return f"{known.get(chain, 'of a private network')} ({chain.hex()})"


class CharterForeign(Invalid):
    """The charter given is not that of the new terms."""


def compared(request: Request, new: str, old: str | None) -> Iterator[str]:
    """What the new terms' charter promises otherwise than the old; raises `CharterForeign`.

    That the terms say what the charter says is for the lines above: names hide no key there.
    """
    charter, operation = federation_files.read_charter(new), request.operation
    kinds = Create | Replace | Recover | Adopt
    if not isinstance(operation, kinds) or operation.terms.note != charter.hash:
        raise CharterForeign(charter=charter.hash)
    if old is not None:
        before = federation_files.read_charter(old)
        yield from (f"  {one.way}: {one.sentence}" for one in differences(before, charter))
