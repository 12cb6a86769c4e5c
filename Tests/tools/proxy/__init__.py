"""proxy: a network that fails, between an engine and the stand-in."""
