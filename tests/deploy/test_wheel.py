"""The wheel in an environment of its own: programs run, files and what it needs are there."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent.parent
IMPORT = re.compile(r"^ *(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?$)", re.M)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, and this one's packages for what the wheel needs."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--no-compile", str(wheel)], check=True, timeout=300)
    (packages,) = place.glob("lib/python*/site-packages")
    # A line of a .pth file adds the folder without its own .pth files: no editable installation.
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return place


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
