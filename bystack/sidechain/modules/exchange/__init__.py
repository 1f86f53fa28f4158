"""The exchange: limit orders for two assets of a sidechain, matched as they arrive."""
