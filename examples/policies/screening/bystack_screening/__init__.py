"""A policy for signers of a Bystack federation: nobody on a list of one's own is paid."""
