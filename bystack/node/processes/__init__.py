"""The supervisor, and what every process it starts has: limits, logs, health."""
