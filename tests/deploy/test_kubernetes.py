"""The manifests under deploy/kubernetes: whole, confined, at one with the configuration."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bystack.node.config import load_config
from bystack.node.main import main as bystackd
from bystack.node.web.access import accepts_host
from tests.processes.pages import Part, Reader, reading

SET = Part("docs/deployment.md", "Kubernetes", only="^kubectl (create|kustomize)")
KEYS = Part("docs/deployment.md", "Validators", only="^kubectl create")
KUBERNETES = Path(__file__).parent.parent.parent / "deploy" / "kubernetes"
NODE, VALIDATOR = KUBERNETES / "node", KUBERNETES / "validator"
LISTED = {"resources", "configMapGenerator", "patches", "images", "namespace", "apiVersion", "kind"}
Manifest = dict[str, Any]


def documents(path: Path) -> list[Any]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one is not None]


def only(folder: Path, kind: str, name: str = "bystack") -> Manifest:
    every = [one for path in folder.glob("*.yaml") for one in documents(path)]
    (found,) = [
        one
        for one in every
        if isinstance(one, dict)
        and (one["kind"], one.get("metadata", {}).get("name")) == (kind, name)
    ]
    return found


def pod(folder: Path) -> Manifest:
    return only(folder, "StatefulSet")["spec"]["template"]["spec"]


def containers(folder: Path) -> Iterator[Manifest]:
    yield from pod(folder)["initContainers"]
    yield from pod(folder)["containers"]


@pytest.mark.parametrize("folder", [NODE, VALIDATOR], ids=lambda path: path.name)
def test_what_is_listed_is_there(folder: Path) -> None:
    (listed,) = documents(folder / "kustomization.yaml")
    assert set(listed) <= LISTED
    files = [*listed["resources"], *(one["path"] for one in listed.get("patches", []))]
    files += [file for one in listed["configMapGenerator"] for file in one["files"]]
    assert [file for file in files if not (folder / file).exists()] == []


@pytest.mark.parametrize("folder", [NODE, VALIDATOR], ids=lambda path: path.name)
def test_every_object_has_version_kind_and_name(folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        for one in documents(path):
            if path.name == "kustomization.yaml" or isinstance(one, list):
                continue
            assert one["apiVersion"] and one["kind"] and one["metadata"]["name"], path.name


def test_every_mount_has_its_volume() -> None:
    given = {one["name"] for one in pod(NODE)["volumes"]}
    given |= {
        one["metadata"]["name"] for one in only(NODE, "StatefulSet")["spec"]["volumeClaimTemplates"]
    }
    more = {one["name"] for one in pod(VALIDATOR)["volumes"]}
    mounted = {one["name"] for each in containers(NODE) for one in each["volumeMounts"]}
    (prepare,) = pod(VALIDATOR)["initContainers"]
    assert mounted == given
    assert {one["name"] for one in prepare["volumeMounts"]} == more


def test_everybody_selects_the_pods() -> None:
    labels = only(NODE, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        only(NODE, "StatefulSet")["spec"]["selector"]["matchLabels"],
        only(NODE, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(NODE, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(
            only(NODE, "Service", f"bystack-{one}")["spec"]["selector"]
            for one in ("peers", "public", "rpc")
        ),
    ]
    assert labels and all(one == labels for one in selectors)


def test_pods_are_confined_as_the_namespace_demands() -> None:
    labels = only(NODE, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    context = pod(NODE)["securityContext"]
    assert context["runAsNonRoot"] is True and context["runAsUser"] >= 10_000
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    # Another policy opens key files to the group at each mount, and the node refuses such keys.
    assert context["fsGroupChangePolicy"] == "OnRootMismatch"
    assert pod(NODE)["automountServiceAccountToken"] is False
    for each in containers(NODE):
        own = each["securityContext"]
        assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]} and "memory" in each["resources"]["limits"]


def test_the_image_runs_as_the_user_of_the_pods() -> None:
    recipe = (KUBERNETES.parent / "docker" / "Dockerfile").read_text().splitlines()
    context = pod(NODE)["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in recipe


def test_the_node_answers_the_probes() -> None:
    config = load_config(NODE)
    (daemon,) = pod(NODE)["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = daemon[probe]["httpGet"]
        hosts = [one["value"] for one in asked["httpHeaders"] if one["name"] == "Host"]
        assert asked["path"] in ("/health", "/ready") and asked["port"] == "rpc"
        assert (
            all(accepts_host(one, config.rpc.listen, config.rpc.hosts) for one in hosts) and hosts
        )
    service = only(NODE, "Service", "bystack-rpc")["metadata"]["name"]
    assert accepts_host(f"{service}:9736", config.rpc.listen, config.rpc.hosts)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize("folder", [NODE, VALIDATOR], ids=lambda path: path.name)
def test_the_configuration_is_right_and_its_ports_are_open(folder: Path) -> None:
    done = CliRunner().invoke(bystackd, ["config", "check", "--home", str(folder)])
    assert done.exit_code == 0, done.output
    config = load_config(folder)
    ports = {one["name"]: one["containerPort"] for one in pod(NODE)["containers"][0]["ports"]}
    if folder == VALIDATOR:
        more = {one["name"]: one["containerPort"] for one in pod(folder)["containers"][0]["ports"]}
        (rule,) = documents(folder / "network.yaml")[0]
        opened = [one["port"] for one in rule["value"]["ports"]]
        public = only(VALIDATOR, "Service", "bystack-public")["spec"]["ports"]
        assert opened == list(more) == [one["targetPort"] for one in public]
        ports |= more
    listening = (config.mainchain.listen, config.rpc.listen, *(t.listen for t in config.sidechain))
    assert sorted(ports.values()) == sorted(map(port_of, listening))
    assert {one.rpartition(":")[0] for one in listening} == {"0.0.0.0"}


def test_the_nodes_of_the_set_find_each_other_by_name() -> None:
    spec = only(NODE, "StatefulSet")["spec"]
    service = only(NODE, "Service", spec["serviceName"])["spec"]
    assert service["clusterIP"] == "None" and service["publishNotReadyAddresses"] is True
    expected = [f"bystack-{one}.{spec['serviceName']}:9735" for one in range(spec["replicas"])]
    assert list(load_config(NODE).mainchain.peers) == expected


def test_a_validator_is_one_pod_on_one_volume_that_stays() -> None:
    spec = only(VALIDATOR, "StatefulSet")["spec"]
    assert spec["replicas"] == 1
    assert set(spec["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    (claim,) = only(NODE, "StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_rpc_is_for_labelled_pods_only() -> None:
    rules = only(NODE, "NetworkPolicy")["spec"]["ingress"]
    rpc = [one for one in rules if any(port["port"] == "rpc" for port in one["ports"])]
    assert [list(one["from"][0]) for one in rpc] == [["podSelector"]]
    assert [list(one["from"][0]["podSelector"]["matchLabels"]) for one in rpc] == [["bystack-rpc"]]


def test_the_example_of_a_secret_names_the_validators_keys() -> None:
    (secret,) = documents(VALIDATOR / "secret.example.yaml")
    (table,) = load_config(VALIDATOR).sidechain
    assert Path(table.validator_key).name in secret["stringData"]
    given = {one["secret"]["secretName"] for one in pod(VALIDATOR)["volumes"]}
    assert given == {secret["metadata"]["name"]}


# --- the script that makes a home -------------------------------------------------------------


def prepare(tmp_path: Path) -> Path:
    """Run it over what lies in `given`; the home that it made."""
    home = tmp_path / "volume" / "home"
    environment = {
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
        "BYSTACK_HOME": str(home),
        "GIVEN": str(tmp_path / "given"),
    }
    done = subprocess.run(
        ["sh", "-eu", str(NODE / "prepare")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    for name in ("config", "keys", "tokens"):
        (folder / name).mkdir(parents=True)
    shutil.copy(VALIDATOR / "bystack.toml", folder / "config")
    (folder / "config" / "trade.genesis.toml").write_text("# a genesis\n")
    for file in ("keys/trade.validator.key", "tokens/reader"):
        (folder / file).write_text("first\n")
        (folder / file).chmod(0o440)  # as a Secret with a group comes
    return folder


def test_a_home_is_made_that_only_its_user_reads(given: Path, tmp_path: Path) -> None:
    home = prepare(tmp_path)
    for file in ("bystack.toml", "keys/trade.validator.key", "tokens/reader"):
        assert (home / file).stat().st_mode & 0o077 == 0
    assert (home / "sidechains" / "trade.genesis.toml").is_file()
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_second_start_takes_configuration_and_tokens_but_leaves_keys(
    given: Path, tmp_path: Path
) -> None:
    prepare(tmp_path)
    for file in ("keys/trade.validator.key", "tokens/reader"):
        (given / file).chmod(0o600)
        (given / file).write_text("second\n")
    config = given / "config" / "bystack.toml"
    config.write_text(config.read_text().replace("peers = []", 'peers = ["other.example:9737"]'))
    home = prepare(tmp_path)
    assert (home / "keys" / "trade.validator.key").read_text() == "first\n"
    assert (home / "tokens" / "reader").read_text() == "second\n"
    assert load_config(home).sidechain[0].peers == ("other.example:9737",)


# --- what kubectl makes of it -----------------------------------------------------------------


kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine")


@kubectl
@pytest.mark.parametrize("folder", [NODE, VALIDATOR], ids=lambda path: path.name)
def test_kubectl_puts_it_together(folder: Path) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    names = {
        one["metadata"]["name"].rpartition("-")[0] for one in built if one["kind"] == "ConfigMap"
    }
    assert names == {"bystack-config", "bystack-prepare"}
    (place,) = {one["metadata"].get("namespace", one["metadata"]["name"]) for one in built}
    (listed,) = documents(folder / "kustomization.yaml")
    assert place == listed["namespace"]
    (running,) = [one for one in built if one["kind"] == "StatefulSet"]
    every = running["spec"]["template"]["spec"]
    volumes = {one["name"] for one in every["volumes"]} | {"home"}
    for each in (*every["initContainers"], *every["containers"]):
        assert {one["name"] for one in each["volumeMounts"]} <= volumes
        assert not each["image"].endswith(":latest") and ":" in each["image"]


@kubectl
def test_the_pages_objects_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that needs no cluster: what is created is shown only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    (tmp_path / "reader").write_text("secret\n")
    (tmp_path / "keys").mkdir()
    for name in ("trade.validator.key", "trade.votes"):
        (tmp_path / "keys" / name).write_text(f"{name}\n")
    dry = "--dry-run=client -o yaml"
    shown = ("create namespace bystack", "--from-file=reader")
    reader = Reader({one: f"{one} {dry}" for one in shown})
    reader.changes["deploy/kubernetes/node"] = str(NODE)
    with reading(reader, SET) as page:
        created = [yaml.safe_load(page.type("kubectl create")) for _ in range(2)]
        built = list(yaml.safe_load_all(page.type("kubectl kustomize")))
    assert [one["metadata"]["name"] for one in created] == ["bystack", "bystack-tokens"]
    assert set(created[1]["data"]) == {"reader"}
    assert {one["kind"] for one in built} >= {"StatefulSet", "NetworkPolicy", "Service"}
    with reading(Reader({}), KEYS) as page:
        page.type("kubectl create")
    (secret,) = documents(tmp_path / "secret.yaml")
    assert (secret["kind"], {secret["metadata"]["name"]}) == ("Secret", secrets_of(VALIDATOR))
    assert set(secret["data"]) == {"trade.validator.key", "trade.votes"}


def secrets_of(folder: Path) -> set[str]:
    """The Secrets that the pods of a set ask for."""
    return {one["secret"]["secretName"] for one in pod(folder)["volumes"] if "secret" in one}
