"""The optional index of addresses, of the main chain and of sidechains alike."""
