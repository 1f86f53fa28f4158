"""Judges of keys: backed up, served by the signer, with journals as new as the chain; charters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bystack.client.doctor.facts import Charter, Facts, Keys, Signing
from bystack.client.doctor.findings import Finding, care, fault, good

BACKUP: Final = "bystack key backup FILE, and keep FILE on another machine"
OLD_JOURNALS: Final = (
    "JournalOld",
    "JournalRestored",
    "JournalMissing",
    "JournalCorrupt",
    "KeyElsewhere",
    "KeyStopped",
)
"""Rules of the vote journal that no waiting heals (docs/operations.md, "The vote journal")."""
VOTES_LOST: Final = (
    "put back the newest journal, or accept the loss: bystackd key accept-lost-journal"
    ' (docs/operations.md, "The vote journal"); never run the key twice'
)
WARRANTS_LOST: Final = (
    "put back the newest journal; if it is lost, what its shares signed is not known: they must"
    ' sign no more (docs/operations.md, "When something is wrong")'
)
WAITING: Final = ("ChainBehind", "Abstaining")


def backup(found: Keys) -> Iterator[Finding]:
    """The last backup of keys/ holds every file of it as it is now."""
    if not found.files:
        yield good("key backup", "no key files")
        return
    if not found.when:
        yield care("key backup", f"none of {len(found.files)} key files is known saved", BACKUP)
        return
    late = [name for name, digest in found.files.items() if found.backed_up.get(name) != digest]
    if late:
        shown = ", ".join(sorted(late)[:4]) + (" …" if len(late) > 4 else "")
        many = "1 file was" if len(late) == 1 else f"{len(late)} files were"
        says = f"stale: {many} made or changed after it ({shown})"
        yield fault("key backup", says, BACKUP)
    else:
        yield good("key backup", f"holds all {len(found.files)} files")


def wallet_backup(found: Keys) -> Iterator[Finding]:
    """Each wallet's last backup knows its accounts, labels and imports."""
    for name, digest in sorted(found.wallets.items()):
        saved, chosen = found.wallets_backed_up.get(name), f"--wallet {name}"
        cure = f"bystack wallet backup FILE {chosen}, and keep FILE on another machine"
        if saved is None:
            yield care("wallet backup", f"wallet {name}: no backup was made from here", cure)
        elif saved != digest:
            says = f"wallet {name}: stale, accounts, labels or imports changed after it"
            yield fault("wallet backup", says, cure)
        else:
            yield good("wallet backup", f"wallet {name}: knows its accounts and labels")


def signer(found: Sequence[Signing]) -> Iterator[Finding]:
    """The signer answers for every key that the configuration names."""
    silent = [one for one in found if not one.answers and one.rule not in OLD_JOURNALS]
    # One signer serves every key: what ails it is told once, and not once a key.
    for hangs, trouble in dict.fromkeys((one.hangs, one.trouble) for one in silent):
        yield _silent([one for one in silent if (one.hangs, one.trouble) == (hangs, trouble)])
    if not silent and found:
        yield good("signer", f"answers for {len(found)} keys")


def _silent(found: Sequence[Signing]) -> Finding:
    """Keys that are not served, for one reason."""
    why = f": {found[0].trouble}" if found[0].trouble else ""
    if found[0].hangs:
        whose = ", ".join(one.whose for one in found)
        sockets = ", ".join(one.socket for one in found)
        says = f"it holds {sockets} and answers nothing for {whose}: it hangs or is stopped"
        cure = "kill -CONT it if you stopped it; the daemon ends one that hangs and starts it anew"
        return fault("signer", f"{says}{why}", cure)
    keys = ", ".join(f"{one.whose} ({one.socket})" for one in found)
    cure = "see logs/signer.log; is the process up (bystack status), its password there?"
    return fault("signer", f"unreachable for {keys}{why}", cure)


def journals(found: Sequence[Signing]) -> Iterator[Finding]:
    """No vote journal is older than the chain, lost, or of a key that signs elsewhere."""
    old = [one for one in found if one.rule in OLD_JOURNALS]
    for one in old:
        votes = one.whose.startswith("validator")
        subject, does = ("vote journal", "vote") if votes else ("signer journal", "sign")
        cure = VOTES_LOST if votes else WARRANTS_LOST
        yield fault(subject, f"{one.whose} does not {does}: {one.trouble}", cure)
    for one in found:
        if one.rule in WAITING:
            yield care("vote journal", f"{one.whose} waits: {one.trouble}", "it ends by itself")
    lost = any(one.whose.startswith("validator") for one in old)
    if not lost and any(one.whose.startswith("validator") for one in found):
        yield good("vote journal", "no validator's journal is older than its chain")


def charters(found: Sequence[Charter]) -> Iterator[Finding]:
    """File, running process and vault name one charter."""
    for one in found:
        wrong = [*_charter(one)]
        yield from wrong or [good("charter", f"{one.whose}: {one.file[:16]}… everywhere")]


def _charter(one: Charter) -> Iterator[Finding]:
    get = "get the file that everybody signed from another member, and compare its hash"
    if not one.file:
        yield fault("charter", f"{one.whose}: {one.path}: {one.trouble}", get)
        return
    if one.agreed and one.file != one.agreed:
        says = f"{one.path} hashes to {one.file[:16]}…, the vault's terms name {one.agreed[:16]}…"
        yield fault("charter", f"{one.whose}: {says}", get)
    if one.running and one.file != one.running:
        says = f"{one.path} hashes to {one.file[:16]}…, the process read {one.running[:16]}…"
        cure = "put the old file back; new terms come by bystack vault announce"
        yield fault("charter", f"{one.whose}: {says}", cure)


def judge(facts: Facts) -> Iterator[Finding]:
    """Everything of this file."""
    yield from backup(facts.keys)
    yield from wallet_backup(facts.keys)
    if not facts.down:
        yield from signer(facts.signing)
    yield from journals(facts.signing)
    yield from charters(facts.charters)
