"""What a block does: executed and built on final parents or on those still being voted on."""
