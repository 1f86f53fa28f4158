"""What a devnet's files say: a charter every size of federation can work under."""

from pathlib import Path

import pytest

from bystack.client.devnet import files
from bystack.client.devnet.files import threshold, weights, write_config
from bystack.client.devnet.layout import new_layout
from bystack.node.config import load_config


@pytest.mark.parametrize("members", range(3, 17))
def test_no_member_signs_or_stops_alone(members: int) -> None:
    shares = weights(members)
    needed = threshold(shares)
    assert max(shares) < needed <= sum(shares) - max(shares)
    assert 2 * needed > sum(shares)


def test_the_usual_federation_needs_five_of_seven() -> None:
    assert (weights(5), threshold(weights(5))) == ([2, 2, 1, 1, 1], 5)


def test_the_last_member_asks_two_main_chain_nodes_beside_its_own(tmp_path: Path) -> None:
    layout = new_layout(tmp_path, 1, 3, 3)
    for node in layout.nodes:
        write_config(layout, node, layout.sidechains)
    found = [load_config(node.home).federation[0] for node in layout.nodes]
    assert [one.upstreams for one in found] == [1, 1, 2]
    assert found[2].upstream_peers == tuple(f"127.0.0.1:{n.main}" for n in layout.nodes[:2])


def test_tokens_given_out_stay_when_the_network_comes_up_again(tmp_path: Path) -> None:
    layout = new_layout(tmp_path, 1, 3, 3)
    node = layout.nodes[0]
    write_config(layout, node, layout.sidechains)
    with (Path(node.home) / "bystack.toml").open("a") as config:
        config.write('\n[rpc.tokens]\nshop = "wallet"\n')
    write_config(layout, node, layout.sidechains)
    rpc = load_config(node.home).rpc
    assert rpc.tokens == {"shop": "wallet"} and str(rpc.listen).endswith(str(node.rpc))


def test_a_charter_that_was_agreed_stays_when_the_network_comes_up_again(tmp_path: Path) -> None:
    """Another version's template, or terms that were changed since, must not replace it."""
    path = tmp_path / "federations" / "trade.charter.toml"
    files.keep(path, b"agreed")
    files.keep(path, b"another version's")
    assert path.read_bytes() == b"agreed"
