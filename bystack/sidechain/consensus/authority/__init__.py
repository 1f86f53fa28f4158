"""The engine `authority`: known validators seal blocks in turn, and depth makes them final."""
