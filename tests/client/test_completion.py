"""The scripts of `bystack completion` in the shells themselves: words and chains are finished.

bash is called as its line editor calls it. For zsh, which may be missing, the two functions that
would draw a list print it instead.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main

BASH = """
source ./script
complete -p bystack >/dev/null || exit 3
COMP_WORDS=({words}) COMP_CWORD={last}
_bystack_completion bystack
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ [[ $2 == bystack ]] || exit 3 }}
_describe() {{ print -rl -- ${{(P)3}} }}
compadd() {{ print -rl -- ${{(P)5}} }}
source ./script
words=({words}) CURRENT=$(({last} + 1))
_bystack_completion
"""
SHELLS = {"bash": (BASH, "--norc"), "zsh": (ZSH, "-f")}
HERE = [one for one in SHELLS if one == "bash" or shutil.which(one)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node's home with the sidechain trade."""
    table = '[[sidechain]]\nname = "trade"\ngenesis = "trade.toml"\n'
    (tmp_path / "bystack.toml").write_text(f'network = "regtest"\n{table}')
    return tmp_path


@pytest.mark.parametrize("shell", HERE)
def test_a_shell_finishes_the_name_of_a_chain(home: Path, shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell]).output
    (home / "script").write_text(script)
    text, flag = SHELLS[shell]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        [shutil.which(shell) or shell, flag, "-c", text.format(words="bystack pegin ''", last=2)],
        cwd=home,
        env={"PATH": path, "BYSTACK_HOME": str(home), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["trade"]
