"""The federation's module on its sidechain, in rooms: who sits and signs, what members decide.

`records` (who sits, with which key, and every number), `actions` (what members send), `decisions`
(what a proposal or a quorum decides), `voting`, `membership`, `pauses`, `freezes`, `shares`;
`application` is the module itself.
"""
