"""A real browser for the dashboard's tests: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node
from bystack.client.rpc import wait_for

WAIT = 180_000
"""Milliseconds until something must be shown: the machine may be busy."""
PHONE = {"width": 360, "height": 740}


COMING = "BYSTACK_BROWSER_COMING"
"""Names a file that is there while `scripts/test` fetches a browser."""
FETCH = 400.0
PICTURES = "BYSTACK_PICTURES"
"""Names the folder where the tests leave pictures of what they look at: `docs/images`."""
WIDE = {"width": 1100, "height": 720}


def wanted() -> None:
    """Wait for a browser that is on its way; without one fail in CI, and skip elsewhere."""
    coming = Path(os.environ.get(COMING, "/nonexistent"))
    wait_for("scripts/browser ends", lambda: not coming.exists(), FETCH)
    if chromium() is None:
        missing = "no Chromium here: run scripts/browser as root, or name it in BYSTACK_CHROMIUM"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def chromium() -> str | None:
    """Where the browser is: `BYSTACK_CHROMIUM`, or on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("BYSTACK_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


class Pages:
    """One tab on a node's dashboard; `faults` is what its console complained of."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base, self.faults = page, base, list[str]()
        self.foreign: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.base):
            self.foreign.append(request.url)

    def enter(self, secret: str) -> None:
        """Come with a token, as `bystack dashboard` prints it."""
        self.page.goto(f"{self.base}#token={secret}")
        self.see("main[data-page=overview]")

    def go(self, address: str, words: str = "") -> None:
        """Go to a page, and wait until it is the one that is shown and says these words."""
        self.page.evaluate("to => { location.hash = to }", address)
        self.see(f'main[data-address="{address}"]:has-text("{words}")')

    def see(self, what: str) -> Any:
        """An element, once it is there."""
        return self.page.wait_for_selector(what, state="attached")

    def picture(self, name: str) -> None:
        """Keep what is shown as a picture, where `BYSTACK_PICTURES` names a folder for them."""
        if folder := os.environ.get(PICTURES):
            self.page.screenshot(path=f"{folder}/dashboard-{name}.png", full_page=True)

    def text(self) -> str:
        """What the page says."""
        return str(self.page.inner_text("main"))


@contextmanager
def started() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        # No sandbox of its own: root in a container cannot have one, and it visits us alone.
        found = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()


@contextmanager
def dashboard(browser: Any, node: Node, **context: Any) -> Iterator[Pages]:
    """A tab on a node's dashboard, that knows nothing of the browser's other tabs."""
    made = browser.new_context(**{"viewport": WIDE, **context})
    try:
        yield Pages(made.new_page(), str(processes.facts_of(node)["url"]))
    finally:
        made.close()


def token(node: Node) -> str:
    """The secret that `bystack dashboard` hands to a browser."""
    return (Path(node.home) / "tokens" / "dashboard").read_text().strip()
