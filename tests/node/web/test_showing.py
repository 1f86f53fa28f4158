"""The dashboard's files: headers, bounds, what they may ask, and who may without a token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bystack.node.catalogue import catalogue
from bystack.node.web import public, showing
from tests.node.web.reader import Rejected, connected
from tests.node.web.test_web import WHO, FakeNode, Web, run

FOLDER = Path(showing.__file__).parent / "dashboard"
OPERATORS = {"getpeerinfo", "getfederationinfo", "listpending", "getauditlog"}
"""Asked for holders of a credential only: addresses of peers, a member's own affairs."""
READ = {"Authorization": "Bearer " + "e" * 64}


class Node(FakeNode):
    def status(self) -> dict[str, Any]:
        names = (("mainchain", ""), ("sidechain", "trade"), ("federation", "trade"), ("signer", ""))
        rows = [
            {"role": r, "name": n, "pid": 7, "state": "running", "restarts": 0, "exit": None}
            for r, n in names
        ]
        return {"network": "regtest", "pid": 1, "processes": rows}


def texts(*kinds: str) -> Iterable[tuple[Path, str]]:
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in kinds:
            yield path, path.read_text()


def test_pages_come_without_a_credential_under_a_strict_policy() -> None:
    async def body(web: Web) -> None:
        for path in ("/", "/dashboard/app.js", "/dashboard/views/overview.js"):
            answer = await web.http.get(path)
            assert answer.status_code == 200, path
            policy = dict(
                part.strip().partition(" ")[::2]
                for part in answer.headers["content-security-policy"].split(";")
            )
            assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
            assert policy["connect-src"] == policy["style-src"] == "'self'"
            assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
            assert "unsafe" not in str(policy) and "http" not in str(policy)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "set-cookie" not in answer.headers
        assert (await web.http.get("/")).headers["content-type"].startswith("text/html")
        foreign = await web.http.get("/", headers={"Host": "evil.example"})
        assert foreign.status_code == 403 and "<" not in foreign.text

    run(body, Node())


@pytest.mark.parametrize(
    "path",
    (
        "/dashboard/", "/dashboard/../app.py", "/dashboard/%2e%2e/app.py", "/dashboard/..%2fapp.py",
        "/dashboard//etc/passwd", "/dashboard/%2fetc%2fpasswd", "/dashboard/views",
        "/dashboard/app.js/", "/dashboard/app.js%00", "/dashboard/views/../../app.py",
    ),
)  # fmt: skip
def test_a_path_is_a_key_and_nothing_else(path: str) -> None:
    async def body(web: Web) -> None:
        line = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        status = (await web.raw(line.encode())).partition(b"\r\n")[0]
        assert b" 404 " in status or b" 405 " in status, status

    run(body, Node())


def test_files_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"x" * showing.MAX_FILE)
    (tmp_path / ".secret").write_text("of no kind that is served")
    assert list(showing.shown_files(tmp_path)) == ["a.js"]
    (tmp_path / "b.js").write_bytes(b"x" * (showing.MAX_FILE + 1))
    with pytest.raises(showing.TooMuch):
        showing.shown_files(tmp_path)
    (tmp_path / "b.js").unlink()
    for number in range(showing.MAX_FILES):
        (tmp_path / f"c{number}.js").touch()
    with pytest.raises(showing.TooMuch):
        showing.shown_files(tmp_path)


def test_nothing_is_inline_and_nothing_comes_from_outside() -> None:
    for path, text in texts(".html", ".js", ".css", ".svg"):
        foreign = set(re.findall(r"https?://[^\s\"'`]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not foreign, path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert "localStorage" not in text and "document.cookie" not in text, path
    html = (FOLDER / "index.html").read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*src=)", html)


def asked() -> set[str]:
    """Every method that a page may ask for."""
    named = r"""["']((?:get|list)[a-z]+)["']"""
    return {name for _, text in texts(".js") for name in re.findall(named, text)}


def test_pages_ask_only_what_reads() -> None:
    scopes = {
        one["name"]: one["x-scope"]
        for part in catalogue().values()
        for one in part.document()["methods"]
    }
    found = asked()
    assert "getblock" in found and "getpegoutstatus" in found
    assert {name for name in found if scopes[name] != "read"} == set()
    assert found - public.METHODS == OPERATORS
    assert {name for name in public.METHODS if scopes[name] != "read"} == set()


def test_the_node_tells_its_chains_to_holders_of_a_credential() -> None:
    async def body(web: Web) -> None:
        assert (await web.http.get("/node.json")).status_code == 401
        told = (await web.http.get("/node.json", headers=READ)).json()
        assert (told["network"], told["scope"]) == ("regtest", "read")
        assert [one["role"] for one in told["processes"]][-1] == "signer"
        assert set(told["processes"][0]) == {"role", "name", "state", "restarts"}

    run(body, Node())


def test_an_open_node_answers_anybody_the_listed_reads_only() -> None:
    async def body(web: Web) -> None:
        told = (await web.http.get("/node.json")).json()
        assert {one["role"] for one in told["processes"]} == {"mainchain", "sidechain"}
        ask = {"jsonrpc": "2.0", "id": 1, "method": "getblock", "params": []}
        assert (await web.post(ask, secret="")).status_code == 200
        assert (await web.post(ask, "/sidechain/trade", secret="")).status_code == 200
        for method in ("getauditlog", "submitblock", "sendrawtransaction", "getbalance", "who"):
            for form in ({**ask, "method": method}, [ask, {**ask, "method": method}]):
                assert (await web.post(form, secret="")).status_code == 403, method
        assert (await web.post(ask, "/wallet/a/sidechain/trade", secret="")).status_code == 403
        assert (await web.post(ask, secret="x" * 64)).status_code == 401
        for path in ("/metrics", "/openrpc.json"):
            assert (await web.http.get(path)).status_code == 401
        foreign = {"Origin": "http://evil.example"}
        assert (await web.post(ask, secret="", **foreign)).status_code == 403
        async with connected(web.address):
            assert (await web.post(WHO)).status_code == 200
        with pytest.raises(Rejected):
            async with connected(web.address, protocols=["bystack", "token.wrong"]):
                raise AssertionError("a wrong secret was let in")

    run(body, Node(), dashboard="open")


def test_by_default_nobody_is_let_in_without_a_token_and_off_means_off() -> None:
    async def shut(web: Web) -> None:
        ask = {"jsonrpc": "2.0", "id": 1, "method": "getblock", "params": []}
        assert (await web.post(ask, secret="")).status_code == 401
        with pytest.raises(Rejected):
            async with connected(web.address):
                raise AssertionError("let in without a token")

    async def off(web: Web) -> None:
        assert (await web.http.get("/")).status_code == 404
        assert (await web.http.get("/dashboard/app.js")).status_code == 404

    run(shut, Node())
    run(off, Node(), dashboard="off")
