"""W07 nonce reuse: a signer restored from a snapshot, or cloned, is asked to sign two messages.

BLS shares sign without nonces: a partial is what share and message determine, so a copy that signs
again gives away nothing that was not there before. What a copy could do is sign a second order
under one seq, and the journal that was copied with it refuses that. A copy of before the first
signature signs recorded orders only, and two of one seq spend one anchor: one of them is paid.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from bystack.federation.signing import sign_partial
from bystack.federation.warrants import ORDER
from bystack.primitives import bls
from bystack.primitives.curve import evaluate_commitments
from tests.node.signer.asked import (
    certificate_of,
    expected,
    genesis_of,
    order,
    record,
    shares_of,
    sign_order,
    warrants,
)
from tests.node.signer.homes import FEDERATION, Signer, keyed, refusal

pytestmark = pytest.mark.processes


@contextmanager
def copied(signer: Signer) -> Iterator[Signer]:
    """A machine that is a copy of this one, as it stands."""
    folder = Path(mkdtemp(prefix="bs-", dir="/tmp"))
    left = shutil.ignore_patterns("*.sock", "signer.json")
    clone = Signer(Path(shutil.copytree(signer.home, folder / "h", ignore=left)))
    try:
        yield clone
    finally:
        clone.stop()
        shutil.rmtree(folder)


def test_w07_a_copy_repeats_byte_for_byte_and_signs_no_rival() -> None:
    with keyed() as signer:
        genesis = genesis_of(signer)
        true, rival = record(genesis, 0, 20), record(genesis, 0, 21, 5)
        with copied(signer) as snapshot:
            signed = sign_order(signer.start(), true)
            signer.stop()
            with copied(signer) as clone:
                clone.start()
                assert sign_order(clone, true) == signed == expected(clone, true)
                assert refusal(clone, FEDERATION, "order", order(genesis, rival)) == "SeqSigned"
                assert sign_order(clone, record(genesis, 1)) == expected(clone, record(genesis, 1))
                clone.stop()
                assert [line.seq for line in warrants(clone) if line.kind == ORDER] == [0, 1]
            snapshot.start()  # of before: it has signed nothing, and signs the very same
            assert sign_order(snapshot, true) == signed
            assert refusal(snapshot, FEDERATION, "order", order(genesis, rival)) == "SeqSigned"


def test_w07_two_messages_of_one_share_tell_no_more_than_one() -> None:
    """Each partial is checked by the public polynomial alone, whichever copy gave it."""
    with keyed() as signer:
        shares, polynomial = shares_of(signer), certificate_of(signer).polynomial
    for message in (b"first", b"second"):
        one, again = sign_partial(shares, message), sign_partial(shares, message)
        assert one == again
        for partial in one:
            public = evaluate_commitments(polynomial, partial.index)
            assert bls.verify(public, message, partial.signature)
