"""What holds for every file: short files, nothing left undone, every wire type's bytes pinned."""

import ast
import importlib
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import bystack
from bystack.primitives.codec import Wire
from tests.wire import GOLDEN

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "bystack").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEXTS = [
    path
    for place in ("README.md", "bystack", "configs", "deploy", "docs", "scripts", "tests", ".ci")
    for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"))
    if path.suffix in (".py", ".md", ".toml", "") and path.is_file() and path != Path(__file__)
]
UNDONE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplemented\b|[Pp]laceholder|\bstub(bed)?\b")
ELSEWHERE = re.compile(r"\.\./shared|/work/")
ODD_NAMES = {"utils", "common", "core", "types", "interfaces", "managers", "helpers"}

LONGEST = 400
LONGEST_TEST = 600
LONGEST_FUNCTION = 40


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_files_are_short() -> None:
    long = [path for path in SOURCES if lines(path) > LONGEST]
    long += [path for path in TESTS if lines(path) > LONGEST_TEST]
    assert [shown(path) for path in long] == []


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the name to the end, the docstring left out."""
    total = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return total - ((first.end_lineno or 0) - first.lineno + 1 if documented else 0)


def test_functions_are_short() -> None:
    every = [(shown(path), one.name, length(one)) for path in SOURCES for one in functions(path)]
    assert [one for one in every if one[2] >= LONGEST_FUNCTION] == []
    assert sum(size <= 30 for _, _, size in every) >= 0.9 * len(every)


def test_nothing_is_left_undone_and_nothing_points_outside() -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNDONE.search(line) or ELSEWHERE.search(line)
    ]
    assert found == []


def test_no_file_is_a_drawer() -> None:
    names = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert names & ODD_NAMES == set()


def test_files_open_with_what_they_decide() -> None:
    bare = [path for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [shown(path) for path in bare] == []


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in TESTS}
    assert [shown(one) for one in folders if not (one / "__init__.py").is_file()] == []


def test_everything_caught_at_once_is_caught_at_a_border() -> None:
    """`except Exception` stands once per boundary: a peer, request, process, command, package."""
    found = {shown(path) for path in SOURCES if "except Exception" in path.read_text()}
    assert found <= {
        "bystack/client/cli/network.py",
        "bystack/client/demo/run.py",
        "bystack/node/ipc/server.py",
        "bystack/node/rpc/batching.py",
        "bystack/node/processes/role_main.py",
        "bystack/node/signer/plugins.py",
        "bystack/node/web/server.py",
        "bystack/p2p/host.py",
        "bystack/node/sidechain/modules.py",
        "bystack/sidechain/modules/containment.py",
    }


@pytest.mark.parametrize("script", ["check", "demo", "environment", "soak", "test"])
def test_scripts_are_sound_bash(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / "scripts" / script)], check=True)


def test_without_a_fitting_python_the_scripts_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    script = shutil.copy(ROOT / "scripts" / "environment", tmp_path / "scripts")
    old = tmp_path / "bin" / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        [shutil.which("bash") or "/bin/bash", "-c", f"set -e; . {script}; echo on it goes"],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and not done.stdout
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (tmp_path / ".venv").exists()


# --- every wire type has its bytes in a golden file -------------------------------------------

WORDS = {"bystack.sidechain.consensus": {"bbft", "evidence"}, "bystack.federation": {"dkg"}}
"""What a package's golden files may be called besides its modules' names."""

IRREGULAR = {
    "bystack.federation.messages.Signed": "federation_dkg_hello",
    "bystack.federation.states.CeremonyState": "federation_greeted",
    "bystack.ledger.transactions.Approval": "witness_approval",
    "bystack.ledger.transactions.NoWitness": "witness_none",
    "bystack.ledger.transactions.Spend": "witness_spend",
    "bystack.p2p.items.Announce": "gossip_announce",
    "bystack.p2p.items.Get": "gossip_get",
    "bystack.p2p.items.Item": "gossip_item",
    "bystack.p2p.items.Items": "gossip_items",
    "bystack.p2p.items.Missing": "gossip_missing",
    "bystack.p2p.peers.StoredBook": "p2p_peer_book",
    "bystack.sidechain.consensus.offences.TwoVotes": "bbft_evidence_found",
    "bystack.sidechain.records.Mirror": "sidechain_mirror_state",
}
"""Types whose golden file has a name of its own."""

WITHOUT: dict[str, str] = {}
"""Types without a golden file, each with the reason."""


def descendants(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def wire_types() -> list[type]:
    """Every wire type of the project that values are made of, not those that others extend."""
    for module in pkgutil.walk_packages(bystack.__path__, "bystack."):
        importlib.import_module(module.name)
    every = {one for one in descendants(Wire) if one.__module__.startswith("bystack.")}
    return sorted((one for one in every if not one.__subclasses__()), key=full_name)


def full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def words(kind: type) -> set[str]:
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower().split("_"))


def context(kind: type) -> set[str]:
    parts = re.split(r"[._]", kind.__module__)
    singular = {part.removesuffix("s") for part in parts} | {
        part.removesuffix("ies") + "y" for part in parts if part.endswith("ies")
    }
    extra = [more for package, more in WORDS.items() if kind.__module__.startswith(package)]
    return set(parts) | singular | set().union(*extra)


def own_file(kind: type) -> str | None:
    """The golden file called as the type, with words of its module about it."""
    if full_name(kind) in IRREGULAR:
        name = IRREGULAR[full_name(kind)]
        return name if (GOLDEN / f"{name}.hex").is_file() else None
    named = words(kind)
    for path in sorted(GOLDEN.glob("*.hex")):
        found = set(path.stem.split("_"))
        if named <= found and found - named <= context(kind):
            return path.stem
    return None


def parts(hint: Any) -> Iterator[type]:
    """The wire types that a value of this type surely or possibly holds, choices left out."""
    if isinstance(hint, type) and issubclass(hint, Wire):
        yield hint
    elif get_origin(hint) is Union or type(hint).__name__ == "UnionType":
        return
    else:
        for one in get_args(hint):
            yield from parts(one)


def pinned() -> set[type]:
    """Types with a file of their own, and those that stand inside such."""
    ready = [one for one in wire_types() if own_file(one)]
    found: set[type] = set()
    while ready:
        kind = ready.pop()
        if kind not in found:
            found.add(kind)
            ready += [one for hint in get_type_hints(kind).values() for one in parts(hint)]
    return found


def test_every_wire_type_has_golden_bytes() -> None:
    have = pinned()
    missing = [full_name(one) for one in wire_types() if one not in have]
    assert [name for name in missing if name not in WITHOUT] == []


def test_no_reason_outlives_its_type() -> None:
    every = {full_name(one) for one in wire_types()}
    assert WITHOUT.keys() <= every
    assert IRREGULAR.keys() <= every


def test_golden_files_are_lines_of_hex() -> None:
    files = sorted(GOLDEN.glob("*.hex"))
    assert files
    for path in files:
        assert bytes.fromhex(path.read_text()) or path.stem == "empty"


def test_no_script_hands_its_own_arguments_to_the_environment() -> None:
    """Sourced without arguments, `environment` sees its caller's: `scripts/demo --json` broke."""
    for name in ("demo", "test", "check", "soak"):
        lines = (ROOT / "scripts" / name).read_text().splitlines()
        (sourced,) = [line for line in lines if line.startswith(". ")]
        assert re.match(r'\. "\$\(dirname "\$0"\)/environment" (""|dev)', sourced), name
