"""W01 forged burn: no honest signer signs what no quorum of the sidechain made final.

Burn in a non-final block, certificate of the wrong set, duplicate signers, f+1 … 2f signatures, a
signer from an old epoch, a signature over another chain's id. The invariant: a refused request
leaves no trace, so the signer holds no warrant and a true order of that seq is still signed.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.federation.warrants import OrderRequest
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.light import FinalHeader
from bystack.sidechain.consensus.statements import PREPARE, Certificate
from bystack.sidechain.consensus.validators import ValidatorSet
from tests.federation.peg import USUAL, Peg, certified, final, header_of, pays
from tests.simulation.schemes import Keyring, bls_keyring

EIGHT = bls_keyring(8)
OTHERS = Keyring(
    ValidatorSet(0, EIGHT.validators.validators[4:]),
    EIGHT.scheme,
    lambda index, digest: EIGHT.sign(index + 4, digest),
)
Forge = Callable[[Peg, OrderRequest], OrderRequest]


def by(**how: object) -> Forge:
    def forge(peg: Peg, request: OrderRequest) -> OrderRequest:
        return replace(request, final=final(request.final.header, **how))  # type: ignore[arg-type]

    return forge


def later_by(**how: object) -> Forge:
    def forge(peg: Peg, request: OrderRequest) -> OrderRequest:
        return replace(request, later=final(request.later.header, **how))  # type: ignore[arg-type]

    return forge


def bits(bitmap: bytes, signers: tuple[int, ...] = (0, 1)) -> Forge:
    def forge(peg: Peg, request: OrderRequest) -> OrderRequest:
        certificate: Certificate = certified(request.final.header, signers)
        return _with(request, request.final.header, replace(certificate, bitmap=bitmap))

    return forge


def headed(**fields: object) -> Forge:
    def forge(peg: Peg, request: OrderRequest) -> OrderRequest:
        return replace(request, final=final(replace(request.final.header, **fields)))

    return forge


def uncertified(peg: Peg, request: OrderRequest) -> OrderRequest:
    """The burn lies in a block that competes with the final one."""
    rival = header_of(peg.genesis, request.final.header.height)
    return _with(request, request.final.header, certified(rival))


def _with(request: OrderRequest, header: Header, certificate: Certificate) -> OrderRequest:
    return replace(request, final=FinalHeader(header, certificate, ()))


FORGERIES: list[tuple[str, Forge, str]] = [
    ("in a block that is not final", uncertified, "CertificateBlock"),
    ("prepared, not committed", by(kind=PREPARE), "CertificateKind"),
    ("f+1 signatures", by(signers=(0, 1)), "CertificateQuorum"),
    ("one signature", by(signers=(3,)), "CertificateQuorum"),
    ("duplicate signers", by(signers=(0, 0, 1, 1)), "CertificateQuorum"),
    ("two who claim to be three", bits(b"\x07"), "CertificateSignature"),
    ("a duplicate behind a third bit", bits(b"\x07", (0, 1, 1)), "CertificateSignature"),
    ("a signer beyond the set", bits(b"\x17", (0, 1, 2)), "CertificateBitmap"),
    ("a longer bitmap", bits(b"\x07\x00", (0, 1, 2)), "CertificateBitmap"),
    ("keys of another set", by(ring=OTHERS), "CertificateSignature"),
    ("a header naming another set", headed(validators_hash=b"\x09" * 32), "CertificateSet"),
    ("another epoch's certificate", by(epoch=1), "CertificateBlock"),
    ("another epoch's header", headed(epoch=1), "EpochUnknown"),
    ("signed for another chain", by(chain=b"\x02" * 32), "CertificateSignature"),
    ("another chain's header", headed(chain=b"\x02" * 32), "CertificateChain"),
    ("the later block: f+1 signatures", later_by(signers=(0, 1)), "CertificateQuorum"),
    ("the later block: another chain", later_by(chain=b"\x02" * 32), "CertificateSignature"),
    ("the later block: prepared only", later_by(kind=PREPARE), "CertificateKind"),
]


@pytest.mark.parametrize(
    ("forge", "rule"), [f[1:] for f in FORGERIES], ids=[f[0] for f in FORGERIES]
)
def test_w01_no_honest_signer_signs(forge: Forge, rule: str) -> None:
    peg = Peg()
    thief = peg.record(0, [pays(1_000)], [666])
    request = peg.request(thief)
    with pytest.raises(Invalid) as refused:
        peg.warrants.order(forge(peg, request))
    assert refused.value.rule == rule
    # Nothing was signed under the seq: the order that the chain truly recorded still is.
    assert peg.sign(peg.record(0, *USUAL)).seq == 0


def test_w01_a_record_no_final_block_holds() -> None:
    peg = Peg()
    true = peg.request(peg.record(0, *USUAL))
    invented = peg.record(0, [pays(1_000)], [666])
    for request in (
        replace(true, record=invented),
        replace(peg.request(invented), final=true.final),
    ):
        with pytest.raises(Invalid) as refused:
            peg.warrants.order(request)
        assert refused.value.rule in ("ProofMismatch", "ProofLength", "ProofIndex")
