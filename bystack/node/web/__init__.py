"""The HTTP face of a node: who may ask (`access`), what is asked where (`app`), the server."""
