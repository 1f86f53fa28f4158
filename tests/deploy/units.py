"""Reading systemd's files: sections with keys that may come again."""

from pathlib import Path

Unit = dict[str, dict[str, list[str]]]


def read_unit(path: Path) -> Unit:
    """Sections, their keys, and each key's values in order.

    Raises AssertionError for a line that systemd would pass over with a warning.
    """
    found: Unit = {}
    section: dict[str, list[str]] | None = None
    for line in path.read_text().splitlines():
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
            continue
        key, sign, value = line.partition("=")
        assert section is not None and sign and key.isalpha(), f"{path.name}: {line}"
        section.setdefault(key, []).append(value)
    return found
