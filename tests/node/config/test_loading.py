"""Strict configuration: every fault at once, each with place, value, expectation and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.node.config import (
    Config,
    ConfigErrors,
    commented_config,
    config_docs,
    load_config,
    parse_config,
    shown_config,
)
from bystack.node.config.faults import shown_value


def home(path: Path, text: str, **sidechains: str) -> Path:
    (path / "sidechains").mkdir()
    (path / "bystack.toml").write_text(text)
    for name, content in sidechains.items():
        (path / "sidechains" / f"{name}.toml").write_text(content)
    return path


PAGE = """
network = "regtest"                      # main | test | regtest | path to a genesis file
[mainchain]
mode = "full"                            # full | light | off
listen = "127.0.0.1:9735"
peers = []
[mining]
threads = 0
address = ""
[rpc]
listen = "127.0.0.1:9736"                # tokens with scopes: read, wallet, admin
[[sidechain]]
name = "trade"
genesis = "sidechains/trade.genesis.toml"
listen = "127.0.0.1:9737"
validator_key = "keys/trade.key"         # omit to follow only
[[federation]]
name = "trade"
listen = "127.0.0.1:9738"
member_key = "keys/member.key"
charter = "federations/trade.charter.toml"
[[guard]]
name = "trade"
key = "keys/tower.key"
charter = "federations/trade.charter.toml"
"""


def test_the_example_of_the_specification_loads() -> None:
    config = parse_config(PAGE)
    assert config.sidechain[0].validator_key == "keys/trade.key"
    assert config.federation[0].member_key == "keys/member.key"
    assert config.guard[0].key == "keys/tower.key"
    assert config.wallet.enabled


UNGUARDED = PAGE[: PAGE.index("[[guard]]")]


def test_a_guard_needs_a_follower_of_its_own(tmp_path: Path) -> None:
    elsewhere = PAGE.replace('[[guard]]\nname = "trade"', '[[guard]]\nname = "games"')
    with pytest.raises(ConfigErrors) as refused:
        load_config(home(tmp_path, elsewhere))
    (error,) = refused.value.errors
    assert (error.table, error.key, error.given) == ("guard", "name", '"games"')
    assert "[[sidechain]] of this node" in error.expected


def test_a_follower_in_a_file_of_its_own_is_one_too(tmp_path: Path) -> None:
    one = 'name = "games"\ngenesis = "sidechains/games.genesis.toml"\n'
    elsewhere = PAGE.replace('[[guard]]\nname = "trade"', '[[guard]]\nname = "games"')
    assert load_config(home(tmp_path, elsewhere, games=one)).guard[0].name == "games"


def test_what_a_guard_may_do_by_itself(tmp_path: Path) -> None:
    assert parse_config(PAGE).guard[0].act == ("freeze", "veto", "cancel")
    assert parse_config(PAGE + 'act = ["freeze"]\n').guard[0].act == ("freeze",)
    with pytest.raises(ConfigErrors) as refused:
        parse_config(PAGE + 'act = ["pay"]\n')
    assert [(one.key, one.given) for one in refused.value.errors] == [("act", '["pay"]')]


LIGHT = PAGE.replace('mode = "full" ', 'mode = "light"')


def test_members_and_guards_refuse_a_light_main_chain_and_say_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as refused:
        load_config(home(tmp_path, LIGHT))
    text = str(refused.value)
    modes = [one for one in refused.value.errors if one.key == "mode"]
    assert len(modes) == 2
    assert "[[federation]] trade" in text and "[[guard]] trade" in text
    assert text.count("would take an invalid block with enough work for good") == 2


def test_a_light_node_follows_and_validates_but_does_not_mine_or_prune(tmp_path: Path) -> None:
    alone = LIGHT[: LIGHT.index("[[federation]]")]
    config = load_config(home(tmp_path, alone))
    assert config.mainchain.mode == "light" and config.sidechain[0].validator_key
    slips = alone.replace("threads = 0", "threads = 2").replace(
        "[mining]", "prune = 9000\n[mining]"
    )
    (tmp_path / "bystack.toml").write_text(slips)
    with pytest.raises(ConfigErrors) as refused:
        load_config(tmp_path)
    keys = {(one.table, one.key) for one in refused.value.errors}
    assert keys >= {("mining", "threads"), ("mainchain", "prune")}


def test_defaults_alone_load() -> None:
    assert parse_config('network = "main"') == Config(network="main")
    assert Config(network="main").rpc.listen == "127.0.0.1:9736"


def test_sidechains_in_files_of_their_own(tmp_path: Path) -> None:
    one = 'name = "games"\ngenesis = "sidechains/games.genesis.toml"\n'
    path = home(tmp_path, UNGUARDED, games=one)
    (path / "sidechains" / "trade.genesis.toml").write_text("anything = [goes")
    assert [s.name for s in load_config(path).sidechain] == ["trade", "games"]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = """
network = "regtset"
colour = "red"
[mainchain]
mode = "ful"
listen = 3
peers = ["a:65536"]
[mining]
threads = -1
[limits]
memory_mb = "many"
[wallet]
enabled = 1
[rpc.tokens]
explorer = "reed"
[[sidechain]]
name = "trade"
valdiator_key = "x"
[[federation]]
name = "trade"
member_key = "m"
charter = "c"
upstreams = 3
[[guard]]
name = "trade"
key = "k"
charter = "c"
"""
    with pytest.raises(ConfigErrors) as caught:
        load_config(home(tmp_path, text, games="nmae = 1"))
    said = str(caught.value).splitlines()
    wanted = [
        'bystack.toml: network is "regtset", expected "main", "test", "regtest" or a path',
        "bystack.toml: [federation] upstreams is 3, expected at most 1",
        'bystack.toml: colour is "red", expected no such key or table',
        'bystack.toml: [mainchain] mode is "ful", expected ',
        'bystack.toml: [mainchain] listen is 3, expected an address "host:port"',
        'bystack.toml: [mainchain] peers is ["a:65536"], expected a list, each a peer',
        "bystack.toml: [mining] threads is -1, expected an integer from 0 to 256",
        'bystack.toml: [limits] memory_mb is "many", expected an integer from 256',
        "bystack.toml: [wallet] enabled is 1, expected true or false",
        'bystack.toml: [rpc] tokens is {"explorer":"reed"}, expected a table of',
        'bystack.toml: [sidechain "trade"] valdiator_key is "x", expected no such key; '
        "did you mean validator_key?",
        'bystack.toml: [sidechain "trade"] genesis is missing, expected a file',
        "sidechains/games.toml: nmae is 1, expected no such key or table; did you mean name?",
        "sidechains/games.toml: name is missing, expected a name",
        "sidechains/games.toml: genesis is missing, expected a file",
    ]
    for start in wanted:
        assert any(line.startswith(start) for line in said), (start, said)
    assert len(said) == len(wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('network = "regtset"', 'did you mean "regtest"?'),
        ('network = "main"\n[rpc.tokens]\na = "walet"', 'did you mean "wallet"?'),
        ('network = "no/such.toml"', "a path to a genesis file"),
        ('network = "main"\nmainchain = 5', "expected a table [mainchain]"),
        ('network = "main"\nsidechain = 5', "a list of tables [[sidechain]]"),
        ('network = "main"\n[sidechain]\nname = "a"', "a list of tables [[sidechain]]"),
        ('network = "main"\n[[sidechain]]\nname = "A b"\ngenesis = "g"', "a name of small"),
        ('network = "main"\n[[sidechain]]\nname = "a\\n"\ngenesis = "g"', "a name of small"),
        ('network = "main"\n[[sidechain]]\nname = "../x"\ngenesis = "g"', "a name of small"),
        ('network = "main"\n' + '[[sidechain]]\nname = "a"\ngenesis = "g"\n' * 2, "used once"),
        ('network = "main"\n[rpc]\ntls_key = "k"', "certificate and key together"),
        ('network = "main"\n[rpc]\nlisten = "127.0.0.1:65536"', "up to 65535"),
        ('network = "main"\n[mainchain]\npeers = ["127.0.0.1:65536"]', "up to 65535"),
        ('network = "main"\n[rpc]\nlisten = "[::1]:-1"', "up to 65535"),
        ('network = "main"\n[rpc]\nlisten = "127.0.0.1:9735"', "an address used once"),
        ('network = "main"\n[rpc]\nlisten = "9735"', 'an address "host:port"'),
        ("network = [", "readable TOML"),
        (f"network = {'9' * 5000}", "readable TOML"),
        ("", "network is missing"),
    ],
)
def test_faults(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_config(home(tmp_path, text))
    assert said in str(caught.value)
    assert len(caught.value.errors) == 1


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="bystackd init"):
        load_config(tmp_path)


def test_free_ports_may_repeat(tmp_path: Path) -> None:
    text = 'network = "test"\n[mainchain]\nlisten = "127.0.0.1:0"\n[rpc]\nlisten = "127.0.0.1:0"'
    assert load_config(home(tmp_path, text)).network == "test"


def test_network_may_be_a_genesis_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    assert load_config(home(tmp_path, 'network = "mine.toml"')).network == "mine.toml"


def test_commented_file_loads_as_the_defaults_and_names_every_key() -> None:
    text = commented_config("test")
    assert parse_config(text) == Config(network="test")
    docs = config_docs()
    for key in ("threads", "validator_key", "member_key", "memory_mb", "tokens", "level"):
        assert f"\n# {key}: " in text
        assert f"\n  {key} (" in docs


def test_examples_in_the_commented_file_load_when_uncommented() -> None:
    lines = commented_config("regtest").splitlines()
    opened = [line[1:] if line.startswith("#") and line[1:2] != " " else line for line in lines]
    config = parse_config("\n".join(opened))
    assert [len(t) for t in (config.sidechain, config.federation, config.guard)] == [1, 1, 1]


def test_shown_configuration_reads_back_as_itself() -> None:
    config = parse_config(PAGE.replace("[rpc]", '[rpc]\ntokens = { explorer = "read" }'))
    assert parse_config(shown_config(config)) == config


@pytest.mark.parametrize("keep", [1, 287])
def test_a_pruning_node_keeps_enough_for_reorganisations(tmp_path: Path, keep: int) -> None:
    (tmp_path / "bystack.toml").write_text(f'network = "regtest"\n[mainchain]\nprune = {keep}\n')
    with pytest.raises(ConfigErrors, match=r"prune is .*at least 288"):
        load_config(tmp_path)
    (tmp_path / "bystack.toml").write_text('network = "regtest"\n[mainchain]\nprune = 288\n')
    assert load_config(tmp_path).mainchain.prune == 288


def test_a_node_that_reads_old_blocks_at_each_start_does_not_prune(tmp_path: Path) -> None:
    text = 'network = "regtest"\n[mainchain]\nprune = 1000\n'
    (tmp_path / "bystack.toml").write_text(f'{text}[[sidechain]]\nname = "a"\ngenesis = "g"\n')
    with pytest.raises(ConfigErrors, match=r"prune is 1000.*sidechain.*reads old main-chain"):
        load_config(tmp_path)
    (tmp_path / "sidechains").mkdir()
    (tmp_path / "sidechains" / "a.toml").write_text('name = "a"\ngenesis = "g"\n')
    (tmp_path / "bystack.toml").write_text(text)
    with pytest.raises(ConfigErrors, match="prune is 1000"):
        load_config(tmp_path)


MEMBERSHIP = 'name = "trade"\nmember_key = "keys/m.key"\ncharter = "federations/t.charter.toml"\n'


def test_a_membership_may_be_a_file_and_what_lies_beside_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "bystack.toml").write_text('network = "regtest"\n')
    for folder in ("federations", "sidechains"):
        (tmp_path / folder).mkdir()
    for other in (
        "federations/t.charter.toml",
        "federations/t.roster.toml",
        "sidechains/t.spec.toml",
    ):
        (tmp_path / other).write_text("anything = 1\n")
    (tmp_path / "federations/trade.toml").write_text(MEMBERSHIP)
    (table,) = load_config(tmp_path).federation
    assert table.name == "trade"
    (tmp_path / "federations/again.toml").write_text(MEMBERSHIP)
    with pytest.raises(ConfigErrors, match="a name used once"):
        load_config(tmp_path)
    (tmp_path / "federations/again.toml").write_text(MEMBERSHIP.replace("charter", "chart"))
    with pytest.raises(ConfigErrors, match=r"federations/again.toml.*did you mean charter"):
        load_config(tmp_path)


def test_a_fault_names_the_file_that_it_stands_in(tmp_path: Path) -> None:
    text = 'network = "regtest"\n[mainchain]\nlisten = "127.0.0.1:9735"\n[[federation]]\n'
    (tmp_path / "bystack.toml").write_text(text + MEMBERSHIP)
    (tmp_path / "federations").mkdir()
    slips = 'listen = "127.0.0.1:9735"\nupstreams = 3\n'
    (tmp_path / "federations/trade.toml").write_text(MEMBERSHIP + slips)
    with pytest.raises(ConfigErrors) as refused:
        load_config(tmp_path)
    found = {(one.file, one.key) for one in refused.value.errors}
    assert found == {("federations/trade.toml", key) for key in ("name", "listen", "upstreams")}


def test_a_value_too_deep_to_show_is_told_as_such() -> None:
    value: dict[str, object] = {}
    for _ in range(100_000):  # as the key a.a.a… makes it
        value = {"a": value}
    assert shown_value(value) == "nested too deep to show"
