"""The operator's commands over a real signer's own socket: see, approve, reject, check."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bystack.client.cli.federation import policy
from bystack.client.cli.federation.log import log
from tests.node.signer.asked import expected, genesis_of, order, record, sign_order
from tests.node.signer.homes import FEDERATION, Signer, keyed, refusal

pytestmark = pytest.mark.processes

ABOVE = '[manual.above]\nBTM = "0.00000019"\n'


@pytest.fixture
def signer() -> Iterator[Signer]:
    with keyed() as signer:
        yield signer.start()


def say(signer: Signer, command: click.Command, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["trade", *words, "--home", str(signer.home)])
    return result.exit_code, result.output


def test_an_operator_sees_approves_and_rejects(signer: Signer) -> None:
    file = signer.home / "federations/trade.policy.toml"
    assert "proofs alone decide" in say(signer, policy.policy)[1]
    file.write_text("[manual.above]\nGOLD = 5\n[other]\n")
    code, said = say(signer, policy.policy)
    assert code == 1 and "manual.above.GOLD" in said and "other" in said
    file.write_text(ABOVE)
    assert "holds" in say(signer, policy.policy)[1]
    assert say(signer, policy.requests) == (0, "Nothing waits.\n")
    asked = record(genesis_of(signer), 0)
    request = order(genesis_of(signer), asked)
    assert refusal(signer, FEDERATION, "order", request) == "PolicyWaits"
    code, said = say(signer, policy.requests)
    digest = said.split()[0]
    assert code == 0 and "approval_needed" in said and "0.00000020 BTM to rm1" in said
    assert "Next: where it says approval_needed, bystack federation approve trade ID" in said
    assert say(signer, policy.approve, "ffff" + digest, "--reason", "x")[0] == 2
    assert "Rejected" in say(signer, policy.reject, digest, "--reason", "who is that")[1]
    assert refusal(signer, FEDERATION, "order", request) == "PolicyDenied"
    assert "Approved" in say(signer, policy.approve, digest[:8], "--reason", "he called")[1]
    assert sign_order(signer, asked) == expected(signer, asked)
    lines = say(signer, log)[1].splitlines()
    words = ["approval_needed", "who is that", "rejected", "he called", "allowed"]
    assert all(word in line for word, line in zip(words, lines[-5:], strict=True))
    assert "records verified, by the governance key" in say(signer, log, "--verify")[1]


def test_without_a_signer_the_commands_say_so(signer: Signer) -> None:
    signer.stop()
    for command, words in ((policy.requests, ()), (policy.approve, ("ab", "--reason", "x"))):
        code, said = say(signer, command, *words)
        assert code == 1 and "does not answer" in said
    assert say(signer, log, "--verify")[0] == 0, "the log needs no signer"
