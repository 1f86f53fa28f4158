"""State snapshots of a sidechain on this node: made, kept, given to others, taken in."""
