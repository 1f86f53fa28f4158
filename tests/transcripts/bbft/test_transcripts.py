"""Each transcript, played again, must read the same. To rewrite them after a reviewed change:
`python -m tests.transcripts.bbft.test_transcripts`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts.bbft.play import play

SCENES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("scene", SCENES, ids=lambda p: p.stem)
def test_transcript(scene: Path) -> None:
    assert play(scene.read_text()) == scene.read_text()


def test_there_are_transcripts() -> None:
    assert len(SCENES) >= 6


if __name__ == "__main__":
    for path in SCENES:
        path.write_text(play(path.read_text()))
