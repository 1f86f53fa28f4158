"""What a guard sees in both chains and what it does about it: pure, events in, outputs out."""
