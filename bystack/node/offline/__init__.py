"""What is done to a stopped node's stores: check them, repair them, carry a chain out and in."""
