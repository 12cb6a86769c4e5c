"""One HTML page that tells what happened, to be attached to a case.

The page is one file: it asks no network for anything, runs without its script, is light or dark as
the reader's screen is, and prints on A4. Words of strangers are shown as text.
"""

from .hunt import finding_fragment
from .page import html_page, hunt_page
from .sections import trace_fragment

__all__ = ["finding_fragment", "html_page", "hunt_page", "trace_fragment"]
