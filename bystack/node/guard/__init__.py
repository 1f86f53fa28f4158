"""The guard's process: its own node's chains in, alarms and guard operations out.

Nobody's word is taken: both chains come from the same node's full node and follower.
"""
