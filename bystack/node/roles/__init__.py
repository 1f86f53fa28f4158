"""One file per exec'd process: this listing is the process list."""
