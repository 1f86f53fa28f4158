"""The main chain of a light node: headers, filters that several peers agree on, proofs."""
