"""The registry: time-stamped digests that somebody owns, and can show to anybody."""
