"""docs/CONFIGURATION.md says what the library's own table of settings says.

`build/venv/bin/python scripts/checks/configuration.py --write` writes the page anew.
"""

import ctypes
import json
import sys
from typing import Any

from _tree import ROOT, answer, library, read

PAGE = ROOT / "docs/CONFIGURATION.md"

HEAD = """# Settings

Made from the library's own table by `build/venv/bin/python scripts/checks/configuration.py --write`. Set them with
`tv_config_set(config, name, …)` in C, or `settings={name: value}` in Python. Unknown names fail
with `TV_E_CONFIG_NAME`, values out of bounds with `TV_E_CONFIG_VALUE`.

| name | values | default | meaning |
|---|---|---|---|
"""


def table() -> list[dict[str, Any]]:
    """The rows of tv_config_describe()."""
    loaded = ctypes.CDLL(str(library()))
    document, data, length = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
    loaded.tv_config_describe.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    loaded.tv_document_view.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t) + (
        (ctypes.c_void_p,) * 3
    )
    loaded.tv_document_free.argtypes = (ctypes.c_void_p,)
    assert loaded.tv_config_describe(ctypes.byref(document), None) == 0
    data_at, length_at = ctypes.byref(data), ctypes.byref(length)
    assert loaded.tv_document_view(document, b"json", 4, data_at, length_at, None) == 0
    rows: list[dict[str, Any]] = json.loads(ctypes.string_at(data.value or 0, length.value))
    loaded.tv_document_free(document)
    return rows


def values(row: dict[str, Any]) -> str:
    if row["type"] == "integer":
        return f"{row['min']} to {row['max']}"
    if row["type"] == "choice":
        return ", ".join(row["choices"])
    return "true, false" if row["type"] == "bool" else f"text, at most {row['max_len']} bytes"


page = HEAD + "".join(
    f"| `{row['name']}` | {values(row)} | {row['default'] or '(empty)'} | {row['text']} |\n"
    for row in table()
)
if sys.argv[1:] == ["--write"]:
    PAGE.write_text(page, encoding="utf-8")
same = PAGE.exists() and read(PAGE) == page
answer(
    [] if same else ["docs/CONFIGURATION.md differs from the library's table"],
    "run build/venv/bin/python scripts/checks/configuration.py --write",
    "the page and the table are the same",
)
