"""Vault operations that a member's operator builds, has signed, and sends.

`jobs` (one operation on its way), `founding` (the creation), `planning` and `building` (from a name
and parameters to a job), `desk` (the jobs of this member, and what others ask for), `forms` (what
operators are shown).
"""
