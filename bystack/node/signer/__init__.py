"""The keeper of keys: validators' votes, federation shares, named keys. No peers, no RPC, no web.

Each client's socket is bound to one key, and every decision rests on what this process verified.
"""
