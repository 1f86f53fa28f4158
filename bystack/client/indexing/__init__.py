"""Chains as tables, for whoever asks them in SQL: in PostgreSQL, kept up to date, or as Parquet.

`columns` is the one place that says what the tables hold; `mainchain` and `sidechain` turn blocks
into their rows, `source` asks a node for blocks, `parquet` and `postgres` keep rows, `following`
goes where the chain goes, `reaching` says where a database is and what is wrong with it.
"""
