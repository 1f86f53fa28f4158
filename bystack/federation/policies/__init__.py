"""A member's own policy: what its signer lets through of what it could prove to be right.

`requests` (what is asked, what is decided), `policy` (the numbers), `reading` (its file),
`allowance`, `hours`, `judging` (one verdict of all rules), `standing` (rules in the sidechain's
state). A policy only takes away: nothing here makes a signer sign what its proofs refuse.
"""
