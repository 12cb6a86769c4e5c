"""A Cloudflare Email Security stand-in for tests; not a client, not part of the library."""
