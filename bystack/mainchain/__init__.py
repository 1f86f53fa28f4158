"""The rules of the proof-of-work main chain. It knows no sidechain. Pure."""
