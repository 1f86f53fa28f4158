"""Transactions that wait, in a process: judged, verified, kept over a restart."""
