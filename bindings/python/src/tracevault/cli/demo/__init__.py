"""The demonstration: a stand-in for Cloudflare that comes with the package, and a tour.

Everything stays on this host: the stand-in listens on loopback, its tokens are invented, and its
mail never was.
"""
