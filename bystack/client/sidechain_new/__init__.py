"""A new sidechain: what its founders decide becomes charter, roster and specification.

`operators` reads the public parts people hand out, `choices` holds what was decided and `asking`
asks for it, `writing` makes the files, `checking` judges them together, `steps` says what is next.
"""
