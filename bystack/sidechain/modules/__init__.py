"""Application modules of a sidechain: actions, state under a prefix, queries. Pure."""
