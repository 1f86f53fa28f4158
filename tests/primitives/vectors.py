"""Reads the published vectors."""

import csv
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "vectors"


def load(path: str) -> Any:
    return json.loads((FOLDER / path).read_text())


def load_table(path: str) -> list[dict[str, str]]:
    with (FOLDER / path).open(newline="") as file:
        return list(csv.DictReader(file))


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
