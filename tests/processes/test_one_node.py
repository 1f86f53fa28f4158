"""A node of one's own by the README, and docs/assets.md on it: every line typed as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.processes.daemons import Daemon, started, until
from tests.processes.pages import COMMENT, ROOT, Line, Reader, lines

pytestmark = pytest.mark.processes

README = (ROOT / "README.md").read_text()
ONE = README.partition("**One node.**")[2].partition("```\n")[2].partition("```")[0]
ASSETS = lines("docs/assets.md")
MINE = Line("bystack rpc generatetoaddress 1 $(bystack wallet address --force)", ())
OTHERS = "key(A…)"
"""An example whose keys are other people's."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody with a node: what the README says, but for the ports, which are free ones here."""
    home, reader = tmp_path_factory.mktemp("first") / "home", Reader({})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BYSTACK_HOME", str(home))
        patch.chdir(home.parent)
        reader.obey(Line("bystackd init --network regtest", ()))
        config = home / "bystack.toml"
        config.write_text(re.sub(r":973[56]\b", ":0", config.read_text()))
        node = Daemon(home)
        with started([node]):
            yield reader


def followed(reader: Reader) -> None:
    """Wait until the wallet has read the chain's last block, as a person does without noticing."""

    def same() -> bool:
        said = reader.type(["bystack", "wallet", "balance"])[1]
        return said.startswith(f"main at {reader.inner('bystack rpc getblockcount')}\n")

    until(same, "the wallet has read the last block")


def test_the_first_five_minutes(reader: Reader) -> None:
    for text in ONE.splitlines():
        words = COMMENT.sub("", text)
        if words.startswith(("export", "bystackd", "kill")):
            continue  # the fixture's part
        if words.startswith("me=$("):
            reader.changes["$me"] = reader.inner(words[5:-1])
        else:
            said = reader.obey(Line(words, ()))
            assert "balance" not in words or re.search(r"^BTM +\d", said, re.M), said
            followed(reader)
    assert re.search(r"^self .*BTM", reader.inner("bystack wallet history"), re.M)


def test_assets_are_issued_retired_and_proved(reader: Reader) -> None:
    """Ids of the page become those of this chain as they are printed."""
    assert len(ASSETS) > 7
    for line in ASSETS:
        if OTHERS in line.words:
            continue
        if "proof" in line.words or "reissue" in line.words:
            reader.obey(MINE)
            followed(reader)
        words = reader.meant(line.words)
        code, said = reader.type(words)
        refused = any(one.endswith("[IssueCapExceeded]") for one in line.shown)
        assert code == int(refused), (words, said)
        for shown in line.shown:
            learn(reader, shown, said)
    assert "retired" in said and "proved: True" in said


def learn(reader: Reader, shown: str, said: str) -> None:
    """A line of the page must be printed; the ids in it are other ones here."""
    pattern = re.sub(r"[0-9a-f]{64}", "([0-9a-f]{64})", re.escape(shown).replace("…", ".*"))
    pattern = re.sub(r"^(height|time): \\?\d+", r"\1: \\d+", pattern.replace("\\ ", " "))
    found = re.search(f"^{pattern}", said, re.M)
    assert found, (shown, said)
    reader.changes |= dict(zip(re.findall(r"[0-9a-f]{64}", shown), found.groups(), strict=True))
