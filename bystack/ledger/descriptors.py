"""What a wallet watches, as text that people hand to each other (idea: Bitcoin Core's descriptors).

    account(rm, m/86'/1'/0', xpub…)#checksum     every address of an account, by its public key
    address(rm1…)#checksum                       one address
    policy(rm, thresh(2, key(…), …) | …)#…       one address, with the branches its lock commits to

The first word names the chain by its address prefix, so that nothing is imported where it cannot be
paid. None of it can spend; an account's text shows every payment to it, past and to come.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bystack.ledger.policies import Policy
from bystack.ledger.policy_text import parse_policy, print_policy
from bystack.ledger.satisfaction import policy_root
from bystack.primitives.addresses import POLICY, Address, encode_address, split_address
from bystack.primitives.bip32 import ExtendedKey, parse_key, parse_path
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

MAX_TEXT = 40_000

_checksum = tagged("descriptor")
_form = re.compile(r"(account|address|policy)\((.*)\)(?:#([0-9a-f]{8}))?", re.DOTALL)


class DescriptorMalformed(Invalid):
    """The text is no descriptor: account(PREFIX, PATH, XPUB), address(ADDRESS) or policy(…)."""


class DescriptorChecksum(Invalid):
    """The checksum does not fit: the text was changed or copied wrongly."""


class DescriptorPrivate(Invalid):
    """The text holds a private key; a wallet takes those from its recovery phrase only."""


class DescriptorAddress(Invalid):
    """Only a policy address can be watched; deposits belong to their vault."""


@dataclass(frozen=True)
class AccountDescriptor:
    """Every address of an account: below `key`, as in `ledger.accounts`."""

    hrp: str
    path: str
    key: ExtendedKey


@dataclass(frozen=True)
class LockDescriptor:
    """One lock; `branches` is empty where only its address is known."""

    hrp: str
    root: bytes
    branches: tuple[Policy, ...] = ()


Descriptor = AccountDescriptor | LockDescriptor


def parse_descriptor(text: str) -> Descriptor:
    """What `text` says is to be watched; a checksum may be left out, but not be wrong.

    Raises this file's errors and those of keys, paths, addresses and policies.
    """
    found = _form.fullmatch(text.strip()) if len(text) <= MAX_TEXT else None
    if found is None:
        raise DescriptorMalformed(text=text[:60])
    kind, inside, checksum = found.groups()
    if checksum not in (None, _sum(f"{kind}({inside})")):
        raise DescriptorChecksum(expected=_sum(f"{kind}({inside})"), given=checksum)
    match kind:
        case "account":
            return _account(inside)
        case "address":
            return _address(inside)
        case _:
            return _policy(inside)


def print_descriptor(descriptor: Descriptor) -> str:
    """The text of a descriptor, with its checksum."""
    match descriptor:
        case AccountDescriptor(hrp, path, key):
            text = f"account({hrp}, {path}, {key.neuter().text()})"
        case LockDescriptor(hrp, root, ()):
            text = f"address({encode_address(Address(hrp, POLICY, root))})"
        case LockDescriptor(hrp, _, branches):
            text = f"policy({hrp}, {' | '.join(print_policy(one) for one in branches)})"
    return f"{text}#{_sum(text)}"


def _sum(text: str) -> str:
    return _checksum(text.encode())[:4].hex()


def _account(inside: str) -> AccountDescriptor:
    parts = [part.strip() for part in inside.split(",")]
    if len(parts) != 3:
        raise DescriptorMalformed(text=inside[:60])
    hrp, path, text = parts
    parse_path(path)
    key = parse_key(text)
    if key.private:
        raise DescriptorPrivate()
    return AccountDescriptor(hrp, path, key)


def _address(inside: str) -> LockDescriptor:
    given = split_address(inside.strip())
    if given.version != POLICY:
        raise DescriptorAddress(version=given.version)
    return LockDescriptor(given.hrp, given.payload)


def _policy(inside: str) -> LockDescriptor:
    hrp, comma, rest = inside.partition(",")
    if not comma:
        raise DescriptorMalformed(text=inside[:60])
    branches = tuple(parse_policy(one) for one in rest.split("|"))
    return LockDescriptor(hrp.strip(), policy_root(branches), branches)
