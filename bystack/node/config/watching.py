"""A configuration that may change while the node runs: read again only when its files changed."""

from __future__ import annotations

from pathlib import Path

from bystack.node.config.loading import FOLDERS, load_config
from bystack.node.config.tables import FILE, IN_FORCE, Config

Stamp = tuple[str, int, int]
"""Name, time and size of a file."""


class Watched:
    """The configuration of `home` as it is on disk. Asking costs a look at the files' times."""

    def __init__(self, home: str | Path, config: Config) -> None:
        """`config`: as read before."""
        self._home, self._config = Path(home), config
        self._stamp: tuple[Stamp, ...] | None = None

    def look(self) -> Config:
        """The configuration by now; raises `ConfigErrors` once for each faulty change.

        After a faulty change the last good one goes on.
        """
        stamp = self._stamps()
        if stamp != self._stamp:
            self._stamp = stamp
            self._config = load_config(self._home)
        return self._config

    def _stamps(self) -> tuple[Stamp, ...]:
        tables = [file for folder, _ in FOLDERS for file in (self._home / folder).glob("*.toml")]
        own = [self._home / FILE, self._home / IN_FORCE / FILE]
        return tuple(filter(None, map(stamp_of, [*own, *sorted(tables)])))


def stamp_of(file: Path) -> Stamp | None:
    """What changes with a file; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return file.name, found.st_mtime_ns, found.st_size
