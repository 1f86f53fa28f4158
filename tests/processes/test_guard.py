"""A guard on a network of its own: real shares forge a delayed order, the guard's node answers.

It is found before another block is mined, frozen and vetoed by itself, and once: the guard is
killed between writing down what it will do and doing it. After the rest, people freeze by hand;
then recovery brings other terms, by the page on guards, without a decision of the federation, and
of the next theft the guard that was replaced only tells: the other one's key, apart, vetoes it.

The network is brought up as the page on engines says: fewer nodes, faster blocks, shorter freezes.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bystack.client.demo import thief
from bystack.client.demo.walk import genesis_of
from bystack.client.devnet import files, guarding
from bystack.client.devnet.network import Devnet, opened
from bystack.client.rpc import Rpc, RpcFailed, wait_for
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.fulfilment import items_for
from bystack.ledger.payments import single_key_root
from bystack.ledger.terms import Terms, keys_of
from bystack.ledger.transactions import Output, PolicyLock, Transaction, VaultLock
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_building import Sponsor, approval, assemble, build_order
from bystack.ledger.vault_operations import (
    REPLACE,
    Order,
    Replace,
    decode_operation,
    operation_digest,
)
from bystack.ledger.vault_state import FREEZE_REST
from bystack.mainchain.params import REGTEST, chain_id
from bystack.node.keyfiles import read_key
from bystack.node.signer.keys import NAMED
from bystack.primitives import bls, keys
from bystack.primitives.codec import encode
from tests.processes.network import end
from tests.processes.pages import Part, Reader, Script, reading, says

pytestmark = pytest.mark.processes

CHAIN = Part("docs/engines.md", "Choose one")
SETUP = Part("docs/guards.md", "Setting one up")
BY_HAND = Part("docs/guards.md", "By hand")
RECOVERY = Part("docs/guards.md", "Recovery keys: offline, with files")
NAME, ORDINARY, LARGE = "trade", 0, 1
DEPOSIT, LOOT = "50", 20 * 10**8
FREEZE = 20
SECONDS = 180
POINT, MARK = "guard/guard.after_act", "guard1/run/failpoint-mark"


class Silent:
    """Reports to nobody."""

    def step(
        self, name: str, work: Callable[[], dict[str, Any]], told: object = None
    ) -> dict[str, Any]:
        return work()


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Devnet]:
    """One sidechain, one validator, three members; and a guard's node that will be killed once."""
    folder = tmp_path / "net"
    short = files.CHARTER.replace("freeze = 100", f"freeze = {FREEZE}")
    monkeypatch.setattr(files, "CHARTER", short)
    fewer = "--sidechains 1 --validators 1 --members 3 --set empty_interval=500"
    faster = {"--sidechains 1": fewer, "--set interval=400": "--set interval=200"}
    try:
        reader = Reader({**faster, "--dir mynet": f"--dir {folder}"})
        with reading(reader, CHAIN) as page:
            page.type("bystack devnet up")
        net = opened(folder)
        assert net[0].side(NAME, "getparameters")["engine"] == "authority"
        monkeypatch.setenv("BYSTACK_TESTING", "1")
        monkeypatch.setenv("BYSTACK_FAILPOINT", POINT)
        monkeypatch.setenv("BYSTACK_FAILPOINT_MARK", str(folder / MARK))
        yield guarding.add(net, Silent())
    finally:
        end(folder)


class Thief:
    """Has every member's shares and a super's key, and coins of his own for fees."""

    def __init__(self, net: Devnet, terms: Terms | None = None) -> None:
        """`terms`: the vault's in force, if they are not its first."""
        self.net, self.secret = net, secrets.token_bytes(32)
        self.terms = terms or genesis_of(net, NAME).terms
        self.coin = thief._fund(net, self.secret)
        self.mine = PolicyLock(single_key_root(self.secret))

    def order(self, tier: int, amount: int) -> Transaction:
        """An order to himself that no batch of the sidechain backs."""
        net, vault = self.net, thief.look(self.net, NAME)
        terms, main = self.terms, chain_id(REGTEST)
        order = Order(vault.state.seq, tier, (Output(BTM, amount, self.mine),))
        point, coin = self.coin
        sponsor = Sponsor((point,), (Output(BTM, coin.amount - thief.FEE, self.mine),))
        coins = [owned for owned in vault.coins if owned[1].asset == BTM]
        body = build_order(vault.anchor, terms, order, coins, sponsor)
        digest = operation_digest(main, vault.id, vault.state.seq, order)
        partials = {i: bls.sign(one, digest) for i, one in thief.stolen_shares(net, NAME).items()}
        path = Path(net.layout.nodes[0].home) / "keys/super-1.named.key"
        person = read_key(path, NAMED, None, cheap=True)
        signed = {
            next(key for key in keys_of(terms.tiers[0].policy)): bls.combine(partials),
            keys.public_key(person): keys.sign(person, digest, bytes(32)),
        }
        groups = [items_for(one.policy, signed) for one in demands(main, vault.id, order, terms)]
        anchor = Coin(BTM, 0, VaultLock(vault.id), 0, 0, 1, b"")
        spent = (anchor, *(owned for _, owned in coins), coin)
        paying = thief._sponsor_witness(main, body, spent, self.secret)
        return assemble(body, paying, approval(terms, groups))

    def rob(self, tier: int, amount: int) -> str:
        return str(self.net[0].sendrawtransaction(encode(self.order(tier, amount)).hex()))


def info(rpc: Rpc) -> dict[str, Any]:
    found: dict[str, Any] = rpc.guard(NAME, "getguardinfo")
    return found


def alarms(rpc: Rpc) -> list[str]:
    return [one["kind"] for one in rpc.guard(NAME, "listalarms")]


def test_a_forged_order_is_found_frozen_and_vetoed_before_anything_leaves(guarded: Devnet) -> None:
    net, rpc = guarded, guarded.rpcs["guard1"]
    net[0].pegin(NAME, DEPOSIT, "BTM", net[0].getnewaddress("", "", NAME))
    net.mine(30)  # the buckets are full
    Thief(net).rob(LARGE, LOOT)
    height = net.mine(1)
    wait_for("the alarm", lambda: "unknown_spend" in alarms(rpc), SECONDS)
    assert int(net[0].getblockcount()) == height, "before another block"
    wait_for("the guard is killed", lambda: (net.folder / MARK).exists(), SECONDS)
    # Its successor reads the chain again and does what was written down.
    wait_for("the miner has both acts", lambda: _arrived(net, _sent(rpc), 2), SECONDS)
    net.mine(1)
    stands = wait_for("frozen, and nothing waits", lambda: _safe(rpc), SECONDS)
    assert stands["turn"] == 1
    with pytest.raises(RpcFailed) as refused:
        Thief(net).rob(ORDINARY, 10**8)
    assert refused.value.rule == "VaultFrozen"
    net.mine(3)
    wait_for("three blocks on", lambda: info(rpc)["main_height"] >= height + 4, SECONDS)
    assert info(rpc)["vault"]["turn"] == 1 and info(rpc)["acts"] == 0, "once"
    assert alarms(rpc).count("unknown_spend") == 1
    looked_at(net)
    with reading(Reader({}, net.layout.guards[0].home), BY_HAND) as page:
        frozen_by_hand(net, page)
        vetoed_by_hand(net, page, recovered(net))


def frozen_by_hand(net: Devnet, page: Script[Reader]) -> None:
    """As soon as there may be another freeze."""
    rpc, free = net.rpcs["guard1"], state_of(net)["freeze_from"]
    net.mine(free - int(net[0].getblockcount()))
    wait_for("the rest is over", lambda: info(rpc)["main_height"] >= free, SECONDS)
    page.type("bystack guard freeze")
    wait_for("the miner has it", lambda: _arrived(net, _sent(rpc), 1), SECONDS)
    height = net.mine(1)
    state = state_of(net)
    assert (state["turn"], state["frozen_until"]) == (2, height + FREEZE)
    assert state["freeze_from"] == height + (1 + FREEZE_REST) * FREEZE


def vetoed_by_hand(net: Devnet, page: Script[Reader], terms: Terms) -> None:
    """A delayed payout under terms whose guard has a key apart; the guard that was replaced sees it
    and cannot stop it by itself."""
    rpc, changes = net.rpcs["guard1"], page.reader.changes
    Thief(net, terms).rob(LARGE, LOOT)
    net.mine(1)
    wait_for("the alarm", lambda: alarms(rpc).count("unknown_spend") == 2, SECONDS)
    (pending,) = info(rpc)["vault"]["pending"]
    changes["TXID:VOUT"] = pending["outpoint"]
    changes["veto.json"] = str(net.folder / "veto.json")
    changes["keys/tower-2"] = str(net.folder / "towers/keys/tower-2")
    said = page.type("bystack guard veto")
    assert "SignaturesInsufficient" in said
    (changes["DIGEST"],) = re.findall(r"^digest: (\w{64})$", said, re.M)
    said = page.type("bystackd key sign", answers="y\n")
    (changes["tower-2=HEX"],) = re.findall(r"^tower-2=\w{128}$", said, re.M)
    page.type("bystack guard sign")
    wait_for("the miner has it", lambda: _arrived(net, _sent(rpc), 1), SECONDS)
    net.mine(1)
    wait_for("nothing waits", lambda: not info(rpc)["vault"]["pending"], SECONDS)
    assert state_of(net)["frozen_until"] <= int(net[0].getblockcount()), "nobody froze it"


def state_of(net: Devnet) -> dict[str, Any]:
    """The vault's, as the first node has it."""
    vault = net[0].side(NAME, "getsidechaininfo")["vault"]
    found: dict[str, Any] = net[0].getvault(vault)["state"]
    return found


def looked_at(net: Devnet) -> None:
    home = net.layout.guards[0].home
    with reading(Reader({"--home H": f"--home {net.folder / 'tower'} --cheap"}), SETUP) as page:
        page.type("bystackd key new")
        page.line("bystackd run")  # as the devnet did
        page.reader.changes["--home H"] = f"--home {home}"
        assert "sponsor" in page.type("bystack guard status")


def recovered(net: Devnet) -> Terms:
    """The guard that was broken into leaves, and less may go at once: with two keys of recovery and
    the other guard's, who signs again that it takes over. The new terms."""
    home, new, request = net.layout.nodes[0].home, net.folder / "new.toml", net.folder / "r.json"
    old = f"{home}/federations/{NAME}.charter.toml"
    text = Path(old).read_text().replace('BTM = "30"', 'BTM = "20"')
    new.write_text(text.replace("thresh(1, key(tower-1), key(tower-2))", "thresh(1, key(tower-2))"))
    reader = Reader({"new.toml": str(new), "old.toml": old, "replace.json": str(request)}, home)
    reader.changes["trade.roster.toml"] = f"{home}/federations/{NAME}.roster.toml"
    code, said = reader.type(["bystack", "vault", "replace", NAME, str(new), "--out", str(request)])
    assert code == 0, said
    with reading(reader, RECOVERY) as page:
        line = page.line("bystackd key sign")
    signed = []
    for folder, key in (("recovery", "r1"), ("recovery", "r2"), ("towers", "tower-2")):
        place = f"{net.folder / folder}/keys/{key}.named.key"
        words = reader.meant(line.words.replace("keys/r1.named.key", place))
        code, said = reader.type(words, "y\n")
        assert code == 0 and (key != "r1" or says(said, line.shown)), said
        signed += [one for one in said.split() if one.startswith(f"{key}=")]
    submit = ["bystack", "vault", "submit", NAME, "--operation", "replace"]
    code, said = reader.type([*submit, *signed[:3]])
    assert code == 1 and "SignaturesInsufficient" in said, said
    code, said = reader.type([*submit, *signed[3:]])
    assert code == 0, said
    height = net.mine(1)
    state = state_of(net)
    assert (state["turn"], state["since"], state["frozen_until"]) == (3, 3, height)
    asked = decode_operation(REPLACE, bytes.fromhex(json.loads(request.read_text())["bytes"]))
    assert isinstance(asked, Replace)
    return asked.terms


def _sent(rpc: Rpc) -> list[str]:
    return [one["sent"] for one in rpc.guard(NAME, "listacts") if one["sent"]]


def _arrived(net: Devnet, acts: list[str], count: int) -> bool:
    return len(acts) == count and set(acts) <= set(net[0].getrawmempool())


def _safe(rpc: Rpc) -> dict[str, Any] | None:
    vault: dict[str, Any] = info(rpc)["vault"]
    return vault if vault["frozen_until"] and not vault["pending"] else None
