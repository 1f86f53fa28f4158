"""Runs things: processes, disk, sockets, RPC. The only shell around the rules."""
