"""The member's driver: follows both chains, carries partials and ceremonies, assembles, sponsors.

It has an identity and a sponsor's purse, no share: what is signed is the signer's decision.
"""
