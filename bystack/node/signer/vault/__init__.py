"""A federation's keys at work: what its signer verifies, decides, remembers and signs.

One room each: `keeper` (the calls, one at a time), `calls` (methods and their parameters), `view`
(what the signer verified), `feeding` (what its member shows), `keygen` (ceremonies), `release`
(the one way by which a signature leaves), `orders`, `operations` and `approvals`
(what is signed).
"""
