"""docs/configuration.md: every table and key, with bounds, default and what a change does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bystack.node.config.changing import BY_TABLE, LIVE_RPC, RESTART, TAKEN
from bystack.node.config.loading import expectation, table_of
from bystack.node.config.tables import Config, Table
from bystack.node.config.template import EXAMPLES, documented, sentence, toml_value, use

HEAD: Final = """# Configuration

Made by `bystackd config docs --markdown` from the types that check every file.

One file, `bystack.toml` in the home; each `[[sidechain]]` and `[[federation]]` table may be a
file of its own instead, `sidechains/NAME.toml` and `federations/NAME.toml` with the keys alone.
`bystackd init` writes a commented one, `configs/` has a home for every use. Reading is strict: an
unknown key, a wrong type or a value out of range is an error, all are told at once, and the exit
code is 2.

```
bystackd config check --home H     # every error, with value, expectation, nearest name
bystackd config show --home H      # what is in force, defaults included
bystackd config docs               # this page in the terminal
```

SIGHUP reads the files again. A faulty configuration changes nothing. Otherwise the column
*SIGHUP* says what becomes of a changed key: *now*: taken over; *process*: the processes it
concerns are started again, the others go on; *restart*: only a restart of `bystackd` takes it
over (the log and `needs_restart` in `run/bystackd.json` name such keys until then). `network`
never changes: a home is one network's.
"""

WORDS: Final = {TAKEN: "now", RESTART: "restart"}


def config_page() -> str:
    """The page in Markdown."""
    lines = [HEAD]
    for name, kind, _, _ in documented(Config):
        table = table_of(kind)
        if table is None:
            lines += [f"## {name}\n", f"Required: {use(kind)}.\n"]
        else:
            bars = f"[[{name}]]" if name in EXAMPLES else f"[{name}]"
            lines += [f"## {bars}\n", f"{sentence(table)}\n", *_table(name, table), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(name: str, table: type[Table]) -> Iterator[str]:
    yield "| key | default | accepts | what | SIGHUP |"
    yield "|---|---|---|---|---|"
    for key, kind, default, required in documented(table):
        state = "required" if required else f"`{toml_value(default)}`"
        effect = TAKEN if name == "rpc" and key in LIVE_RPC else BY_TABLE[name]
        cells = (f"`{key}`", state, expectation(kind), use(kind), WORDS.get(effect, "process"))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
