"""Bystack: one main chain, many side chains. Layers, top to bottom: client, node, p2p and
federation, sidechain, mainchain, ledger, primitives; every import points down."""

__version__ = "0.1.0"
