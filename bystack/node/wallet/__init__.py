"""The wallet process: users' keys, and a view of the main chain and each sidechain."""
