"""What people use: command line, devnet, demo, benchmarks. Speaks RPC to the node."""
