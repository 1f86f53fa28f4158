"""The rules of a sidechain: relay of the main chain, claims and burns, modules, blocks. Pure."""
