"""The RPC methods of a sidechain's process, and the forms they answer in."""
