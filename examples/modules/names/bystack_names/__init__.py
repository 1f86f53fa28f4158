"""Names for addresses of a Bystack sidechain: an example of a module in a package of its own."""
