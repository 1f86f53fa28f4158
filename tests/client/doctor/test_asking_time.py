"""A time server's answer is read as the standard says, and nothing else is believed."""

from __future__ import annotations

import pytest

from bystack.client.doctor.asking_time import EPOCH, NoTime, ahead_of, offset


def answer(arrived: float, left: float, mode: int = 0b00_100_100, stratum: int = 2) -> bytes:
    def stamp(moment: float) -> bytes:
        whole = int(moment)
        return (whole + EPOCH).to_bytes(4, "big") + int((moment - whole) * 2**32).to_bytes(4, "big")

    return bytes([mode, stratum]) + bytes(30) + stamp(arrived) + stamp(left)


def test_the_way_there_and_back_is_taken_off() -> None:
    assert offset(answer(1000.5, 1000.5), 1000.0, 1001.0) == pytest.approx(0, abs=1e-6)
    assert offset(answer(1000.5, 1000.5), 1007.0, 1008.0) == pytest.approx(7, abs=1e-6)
    assert offset(answer(1000.0, 1001.0), 995.0, 996.0) == pytest.approx(-5, abs=1e-6)


@pytest.mark.parametrize(
    "data", [b"", answer(1, 1)[:47], answer(1, 1, mode=0b00_100_011), answer(1, 1, stratum=0)]
)
def test_other_answers_are_none(data: bytes) -> None:
    with pytest.raises(NoTime):
        offset(data, 1, 1)


@pytest.mark.parametrize("server", ["127.0.0.1:notaport", "127.0.0.1:99999"])
def test_no_server_is_said(server: str) -> None:
    with pytest.raises(NoTime, match=r"127\.0\.0\.1"):
        ahead_of(server, 0.1)
