"""Taking part in consensus: the engine's driver, its timers, its signer, its peers."""
