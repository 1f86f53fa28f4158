"""What lies on disk: LevelDB stores of chains and coins, journals, files replaced whole."""
