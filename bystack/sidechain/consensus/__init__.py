"""BBFT and other engines: machines without I/O that never touch coins. Pure."""
