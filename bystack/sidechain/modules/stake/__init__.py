"""Delegated stake: who may validate is voted on with locked coins, paid for, and answers for it."""
