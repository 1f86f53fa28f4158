import pytest

from bystack.primitives import bip32, bip39
from tests.primitives.vectors import load

VECTORS = load("bip39/vectors.json")["english"]


@pytest.mark.parametrize(("entropy", "phrase", "seed", "key"), VECTORS)
def test_vectors(entropy: str, phrase: str, seed: str, key: str) -> None:
    assert bip39.new_phrase(bytes.fromhex(entropy)) == phrase
    assert bip39.check(phrase)
    assert bip39.seed(phrase, "TREZOR").hex() == seed
    assert bip32.master(bip39.seed(phrase, "TREZOR")).text() == key


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS) == 24


def test_a_wrong_phrase_is_refused_unseen() -> None:
    words = "abandon " * 11
    for phrase in (words + "abandon", words + "aboutt", words.strip(), "", "x"):
        assert not bip39.check(phrase)
        with pytest.raises(bip39.PhraseInvalid) as caught:
            bip39.seed(phrase)
        assert caught.value.facts == {}


@pytest.mark.parametrize("size", [0, 15, 17, 33, 64])
def test_entropy_has_five_sizes(size: int) -> None:
    with pytest.raises(bip39.EntropyLength):
        bip39.new_phrase(bytes(size))
