"""The wheel in an environment of its own: programs run, files and what it needs are there.

It is built and installed, run and renewed as docs/deployment.md says, below a folder (`Machine`).
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.deploy.machine import Machine
from tests.deploy.units import read_unit
from tests.processes.pages import ROOT, Part, reading

PAGE = "docs/deployment.md"
INSTALL = Part(PAGE, "Install")
SERVICE = Part(PAGE, "systemd", only="^(cp|install) |bystackd init")
USER = Part(PAGE, "systemd", only="^systemd-sysusers")
MOVE = Part(PAGE, "Backup and restore", only="^rsync")
UPGRADE = Part(PAGE, "Upgrade", but="^systemctl|bystack doctor")
EXTRAS = Part("docs/analysts.md", only="^pip install")
IMPORT = re.compile(r"^ *(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?$)", re.M)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the page's first chapter was done."""
    found = Machine(tmp_path_factory.mktemp("machine"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.delenv("BYSTACK_HOME", raising=False)
        with reading(found, INSTALL) as page:
            page.type("pip wheel")
            page.type("python3 -m venv")
            found.borrow("/opt/bystack-0.1.0")
            page.type("/opt/bystack-0.1.0/bin/pip install")
            page.type("ln")
        yield found


@pytest.fixture(scope="module")
def wheel(machine: Machine) -> Path:
    (built,) = machine.at("/dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Path:
    return machine.at("/opt/bystack")


def source_files() -> set[str]:
    """What lies under bystack/ and belongs to the project."""
    every = (path for path in (ROOT / "bystack").rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT).as_posix()
        for path in every
        if "__pycache__" not in path.parts and path.suffix not in (".pyc", ".log")
    }


def test_every_file_is_in_the_wheel(wheel: Path) -> None:
    inside = set(ZipFile(wheel).namelist())
    # Files that come while this runs may be in the wheel; none may be missing.
    assert {one for one in source_files() if (ROOT / one).exists()} - inside == set()
    assert {one.partition("/")[0] for one in inside} == {"bystack", wheel_info(wheel)}
    assert "bystack/node/web/dashboard/index.html" in inside


def wheel_info(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{name}-{version}.dist-info"


def run(place: Path, *words: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [place / "bin" / words[0], *words[1:]],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_programs_run(wheel: Path, installed: Path) -> None:
    version = wheel.name.split("-")[1]
    code = "import bystack, importlib.metadata as m; print(bystack.__file__, m.version('bystack'))"
    file, told = run(installed, "python", "-c", code).split()
    assert Path(file).is_relative_to(installed) and told == version
    assert run(installed, "bystackd", "version").strip() == f"bystackd {version}"
    assert "status" in run(installed, "bystack", "--help")


WALK = """
import click
from click.testing import CliRunner
from bystack.client.cli.main import main as bystack
from bystack.node.main import main as bystackd

def leaves(command, words):
    yield words
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from leaves(one, [*words, name])

for name, program in (("bystack", bystack), ("bystackd", bystackd)):
    for words in leaves(program, []):
        done = CliRunner().invoke(program, [*words, "--help"])
        assert done.exit_code == 0 and done.output.startswith("Usage:"), (words, done.output)
        print(name, *words)
"""


def test_every_command_of_it_shows_its_help(installed: Path) -> None:
    shown = run(installed, "python", "-c", WALK).splitlines()
    assert len(shown) > 150 and len(set(shown)) == len(shown)


def test_its_extras_are_those_that_the_pages_name(wheel: Path) -> None:
    text = ZipFile(wheel).read(f"{wheel_info(wheel)}/METADATA").decode()
    given = set(re.findall(r"^Provides-Extra: (.+)$", text, re.M))
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "deploy/docker/Dockerfile"]
    named = re.findall(r"(?:bystack|whl|\.)\[([a-z,]+)\]", "".join(p.read_text() for p in pages))
    assert named and {one for names in named for one in names.split(",")} <= given
    for extra in given:
        assert re.search(rf"^Requires-Dist: .*extra == '{extra}'", text, re.M), extra


def test_a_home_is_made_with_it(installed: Path) -> None:
    home = str(installed / "home")
    run(installed, "bystackd", "init", "--home", home, "--network", "regtest")
    assert "no errors" in run(installed, "bystackd", "config", "check", "--home", home)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_it_imports_it_asks_for() -> None:
    texts = [path.read_text() for path in (ROOT / "bystack").rglob("*.py")]
    names = {one or other for text in texts for one, other in IMPORT.findall(text)}
    third = names - sys.stdlib_module_names - {"bystack"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(one for name in extras if name != "dev" for one in extras[name]),
    ]
    packages = {normal(re.split(r"[<>=;\[ ]", one)[0]) for one in asked}
    from_where = packages_distributions()
    unasked = {
        name
        for name in third
        if not packages & {normal(one) for one in from_where.get(name, [name])}
    }
    assert third >= {"trio", "msgspec", "starlette"} and unasked == set()


# --- as a service, without the service manager ------------------------------------------------


def test_a_service_gets_its_files_and_its_home(machine: Machine) -> None:
    for folder in ("/etc/systemd/system", "/var/lib"):  # of a new machine
        machine.at(folder).mkdir(parents=True)
    with reading(machine, SERVICE) as page:
        page.rest()
    unit = read_unit(machine.at("/etc/systemd/system/bystackd@.service"))["Service"]
    (home,), (mode,) = unit["WorkingDirectory"], unit["StateDirectoryMode"]
    assert home.replace("%S", "/var/lib").replace("%i", "main") == "/var/lib/bystack/main"
    assert machine.at("/var/lib/bystack").stat().st_mode & 0o7777 == int(mode, 8)
    (command,) = unit["ExecStart"]
    assert os.access(machine.at(command.split()[0]), os.X_OK), command
    assert machine.at("/etc/sysusers.d/bystack.conf").is_file()
    assert 'network = "main"' in machine.at("/var/lib/bystack/main/bystack.toml").read_text()
    renewed(machine)
    moved(machine)


def renewed(machine: Machine) -> None:
    """The same program under a later number: its configuration is looked at before the change."""
    given = "bystack-{}-py3-none-any.whl"
    later(machine.at(f"dist/{given.format('0.1.0')}"), machine.at(given.format("0.2.0")))
    with reading(machine, UPGRADE) as page:
        page.type("python3 -m venv")
        machine.borrow("/opt/bystack-0.2.0")
        page.type("/opt/bystack-0.2.0/bin/pip install")
        assert "no errors" in page.type("runuser")
        page.type("ln")
    shown = run(machine.at("/opt/bystack"), "bystackd", "version")
    assert shown == "bystackd 0.2.0\n"
    assert run(machine.at("/opt/bystack-0.1.0"), "bystackd", "version") == "bystackd 0.1.0\n"


def later(old: Path, new: Path) -> None:
    """A wheel as it was, but for its version."""
    with ZipFile(old) as given, ZipFile(new, "w") as made:
        for name in given.namelist():
            data = given.read(name)
            if ".dist-info/" in name:
                data = data.replace(b"bystack-0.1.0", b"bystack-0.2.0")
                data = data.replace(b"\nVersion: 0.1.0\n", b"\nVersion: 0.2.0\n")
            made.writestr(name.replace("bystack-0.1.0", "bystack-0.2.0"), data)


def moved(machine: Machine) -> None:
    """The whole home, to another folder for another machine."""
    if shutil.which("rsync") is None:
        pytest.skip("no rsync on this machine: a planned move was not typed")
    machine.at("/new.example/var/lib/bystack").mkdir(parents=True)
    with reading(machine, MOVE) as page:
        page.type("rsync")
    home = "/var/lib/bystack/main/"
    assert listing(machine.at(f"/new.example{home}")) == listing(machine.at(home))


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers here")
def test_the_services_user_is_made(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.at("/etc/sysusers.d").mkdir(parents=True)
    given = ROOT / "deploy/systemd/bystack.sysusers.conf"
    shutil.copy(given, machine.at("/etc/sysusers.d/bystack.conf"))
    machine.changes["systemd-sysusers"] = f"systemd-sysusers --root={tmp_path}"
    with reading(machine, USER) as page:
        page.rest()
    users = machine.at("/etc/passwd").read_text()
    assert re.search(r"^bystack:.*:/var/lib/bystack:.*nologin$", users, re.M)


def test_an_analysts_extras_are_fetched_with_it(machine: Machine) -> None:
    """All they need is there already: pip looks whether it is, and asks no index."""
    with reading(machine, EXTRAS) as page:
        for extra in ("psycopg", "pyarrow"):
            said = page.type("pip install 'bystack[")
            assert "WARNING" not in said and f"already satisfied: {extra}" in said, said
