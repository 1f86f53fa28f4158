"""Coins, transactions, policies and vaults: shared by the main chain and every sidechain. Pure."""
