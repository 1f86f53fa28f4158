"""The image's recipe and the network of five containers: what can be held without a container."""

import json
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
import yaml
from click.testing import CliRunner

from bystack.client.cli.main import main as bystack
from bystack.node.config import load_config
from bystack.node.main import main as bystackd
from bystack.node.web.access import accepts_host
from tests.processes.pages import lines

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "deploy" / "docker"
HOME = "/var/lib/bystack"
PROGRAMS = {"bystack": bystack, "bystackd": bystackd}
NAMES = ("alice", "bob", "carol", "dave", "erin")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what follows each, continued lines joined."""
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n *", "", text)
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(word, rest) for word, rest in pairs]


def of(word: str) -> list[str]:
    return [rest for one, rest in instructions() if one == word]


def test_the_base_is_pinned() -> None:
    (argument,) = of("ARG")
    assert re.fullmatch(r"PYTHON=3\.1[123]\.\d+-slim-\w+", argument)
    assert [one.split()[0] for one in of("FROM")] == ["python:${PYTHON}"] * 2


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [one for rest in of("COPY") if "--from" not in rest for one in rest.split()[:-1]]
    assert "*" in ignored and copied
    for one in copied:
        assert (ROOT / one).exists() and f"!{one}" in ignored


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = of("USER")
    number, _, group = user.partition(":")
    assert int(number) >= 10_000 and group == number
    assert f"--uid {number}" in " ".join(of("RUN"))
    assert of("VOLUME") == [HOME] and f"BYSTACK_HOME={HOME}" in of("ENV")[0]


def test_it_starts_the_daemon_and_asks_for_its_health() -> None:
    ((program,), words) = json.loads(of("ENTRYPOINT")[0]), json.loads(of("CMD")[0])
    assert set(words) <= set(PROGRAMS[program].commands)
    (check,) = of("HEALTHCHECK")
    python, option, _ = json.loads(check.partition("CMD ")[2])
    assert (python, option) == ("python", "-c")
    # It goes by the address the daemon announces, 0.0.0.0 among them.
    assert accepts_host("0.0.0.0:9736", "0.0.0.0:9736", ())


class Answer(BaseHTTPRequestHandler):
    """A node's `/health`."""

    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def node_at(home: Path, *, tls: bool) -> Iterator[None]:
    """Something that answers in a node's place, announced as a node announces itself."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    if tls:
        pem = home / "own.pem"
        made = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=elsewhere"]
        words = [*made, "-keyout", str(pem), "-out", str(home / "shown.pem")]
        subprocess.run(words, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home / "shown.pem", pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    (home / "run").mkdir(exist_ok=True)
    url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/"
    (home / "run" / "bystackd.json").write_text(json.dumps({"url": url}))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def healthy(home: Path) -> bool:
    """What the image's own check says, where all requests would go by a proxy that is away."""
    *_, code = json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])
    nowhere = {f"{scheme}_proxy": "http://127.0.0.1:1" for scheme in ("http", "https")}
    environment = {**os.environ, **nowhere, "BYSTACK_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "certificate of its own"])
def test_its_health_is_whether_the_node_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    assert not healthy(tmp_path)  # nothing runs yet
    with node_at(tmp_path, tls=tls):
        assert healthy(tmp_path)
        monkeypatch.setattr(Answer, "status", 503)
        assert not healthy(tmp_path)
    assert not healthy(tmp_path)  # it was killed, and its announcement is left


# --- five containers --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_five_services_with_volumes_of_their_own(compose: dict[str, Any]) -> None:
    assert set(compose) == {"name", "x-node", "services", "volumes", "networks"}
    assert tuple(compose["services"]) == tuple(compose["volumes"]) == NAMES
    for name, service in compose["services"].items():
        home, config = service["volumes"]
        assert home == f"{name}:{HOME}"
        source, target, mode = config.split(":")
        assert (DOCKER / source).is_file() and target == f"{HOME}/bystack.toml" and mode == "ro"
        assert set(service["networks"]) <= set(compose["networks"])


def test_each_container_has_no_more_rights_than_it_needs(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service and "network_mode" not in service
        assert service["init"] is True and service["restart"] == "unless-stopped"


def test_the_image_is_built_from_the_recipe_here(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        context = (DOCKER / service["build"]["context"]).resolve()
        assert context == ROOT and (context / service["build"]["dockerfile"]).is_file()
        assert not service["image"].endswith(":latest") and ":" in service["image"]


def test_rpc_is_published_on_loopback_once_each(compose: dict[str, Any]) -> None:
    published = [one for service in compose["services"].values() for one in service["ports"]]
    hosts = [tuple(one.split(":")) for one in published]
    assert {(address, inner) for address, _, inner in hosts} == {("127.0.0.1", "9736")}
    assert len({outer for _, outer, _ in hosts}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_services_configuration_is_right(name: str) -> None:
    home = DOCKER / "nodes" / name
    done = CliRunner().invoke(bystackd, ["config", "check", "--home", str(home)])
    assert done.exit_code == 0, done.output
    config = load_config(home)
    ports = {one: load_config(DOCKER / "nodes" / one).mainchain.listen for one in NAMES}
    others = {f"{one}:{address.rpartition(':')[2]}" for one, address in ports.items()}
    assert set(config.mainchain.peers) == {one for one in others if not one.startswith(f"{name}:")}
    # A browser on the host comes with the host's name for it, and the published port.
    assert config.rpc.listen == "0.0.0.0:9736"
    assert accepts_host("127.0.0.1:9746", config.rpc.listen, config.rpc.hosts)


def test_the_commands_in_its_comments_are_ours(compose: dict[str, Any]) -> None:
    text = (DOCKER / "compose.yaml").read_text()
    (said,) = re.findall(r"exec (\w+ .*)", text)
    service, program, command = shlex.split(said)
    assert service in compose["services"] and command in PROGRAMS[program].commands


# --- the page's commands ------------------------------------------------------------------------

STAND_INS = {
    "docker": """printf '%s\\n' "$*" >> "$SAID"
case "$*" in
  *getblockcount) echo 110 ;;
  *" wallet address") echo rm1qalice ;;
  *" id -u") echo "${AS:-10001}" ;;
  *" touch "*) exit "${TOUCHED:-1}" ;;
esac
""",
    "curl": "printf ready\n",
}
"""An engine that runs nothing and knows what was asked of it; nodes that are ready."""


def scripted(
    folder: Path, page: str, **engine: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What `scripts/deployment containers` asks of the engine where this is the page."""
    for place in ("scripts", "docs", "bin"):
        (folder / place).mkdir()
    (folder / "deploy").symlink_to(ROOT / "deploy")
    script = folder / "scripts/deployment"
    script.write_text((ROOT / "scripts/deployment").read_text())
    (folder / "docs/deployment.md").write_text(page)
    for name, text in STAND_INS.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}")
        (folder / "bin" / name).chmod(0o755)
    said, path = folder / "said", f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "SAID": str(said), "HOME": str(folder), **engine}
    words = ["bash", str(script), "containers"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    return done, said.read_text().splitlines()


def test_the_script_types_each_line_of_the_page_in_its_order(tmp_path: Path) -> None:
    """So what was tried by it, with an engine, is what the page says."""
    page = (ROOT / "docs/deployment.md").read_text()
    done, said = scripted(tmp_path, page)
    assert done.returncode == 0, done.stderr
    typed = [one.words for one in lines("docs/deployment.md") if one.words.startswith("docker ")]
    asked = iter(said)
    for words in typed:
        meant = words.removeprefix("docker ").replace("rm1q…", "rm1qalice")
        meant = meant.replace("build ", "build --network host ", 1).replace(" exec a", " exec -T a")
        assert meant in asked, f"{words}: not typed, or not after those before it"
    assert len(typed) >= 9


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("docker exec node bystack status\n", ""),
        ("docker run -d --name", "docker run --detach --name"),
        ("compose.yaml down\n", "compose.yaml down\ndocker system prune\n"),
    ],
)
def test_the_script_fails_on_a_page_that_says_otherwise(tmp_path: Path, old: str, new: str) -> None:
    page = (ROOT / "docs/deployment.md").read_text()
    assert page.count(old) == 1
    done, _ = scripted(tmp_path, page.replace(old, new))
    assert done.returncode == 1 and "docker " in done.stderr


@pytest.mark.parametrize("engine", [{"AS": "0"}, {"TOUCHED": "0"}], ids=["root", "writable"])
def test_the_script_fails_on_an_image_with_more_rights(
    tmp_path: Path, engine: dict[str, str]
) -> None:
    done, _ = scripted(tmp_path, (ROOT / "docs/deployment.md").read_text(), **engine)
    assert done.returncode == 1
