"""The `bystack` command: one file per group of subcommands."""
