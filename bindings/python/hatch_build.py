"""Puts the built shared library into the wheel and names the platforms it runs on.

The library comes from ``$TRACEVAULT_LIBRARY`` or from ``build/lib`` of the repository; it is
never built here. The platform tag is read from the library itself: ``manylinux_X_Y`` only when
every library it needs is one that manylinux promises, otherwise ``linux``, because a wheel that
needs the host's libcurl may not claim more.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SONAME = "libtracevault.so.0"

#: What PEP 600 promises to be there, as far as a C++ or Swift library may need it.
PROMISED = re.compile(
    r"(ld-linux.*|libc|libm|libdl|libpthread|librt|libutil|libgcc_s|libstdc\+\+)\.so\.\d+\Z"
)
MACHINES = {62: "x86_64", 183: "aarch64"}


class LibraryHook(BuildHookInterface[Any]):
    """hatchling's hook."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a package is written."""
        if self.target_name == "sdist":
            raise RuntimeError(
                "there is no source package of the binding alone: it could not build the library. "
                "Build a wheel, or take the whole source (`make dist`)"
            )
        if version == "editable":
            return  # the library is found by $TRACEVAULT_LIBRARY or the system then
        library = find_library(Path(self.root))
        page = Path(self.root).parents[1] / "docs" / "man" / "tracevault.1"
        if page.is_file():
            build_data["shared_data"][str(page)] = "share/man/man1/tracevault.1"
        build_data["force_include"][str(library)] = f"tracevault/{SONAME}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(library.read_bytes())}"


def find_library(project: Path) -> Path:
    """The built library; a clear error when there is none."""
    asked = os.environ.get("TRACEVAULT_LIBRARY")
    found = Path(asked) if asked else project.parents[1] / "build" / "lib" / SONAME
    if not found.is_file():
        raise FileNotFoundError(
            f"{found} does not exist: run `make` in the repository first, or name the built "
            f"{SONAME} in $TRACEVAULT_LIBRARY"
        )
    return found.resolve()


def platform_tag(elf: bytes) -> str:
    """The platform part of the wheel's tag."""
    machine = MACHINES.get(struct.unpack_from("<H", elf, 18)[0]) if elf[:4] == b"\x7fELF" else None
    if machine is None or elf[4:6] != b"\x02\x01":
        raise ValueError(f"{SONAME} is not a 64-bit ELF library for x86-64 or aarch64")
    names, needed = dynamic_names(elf)
    versions = re.findall(rb"(?:\A|\0)GLIBC_2\.(\d+)(?=[.\0])", names)
    if versions and all(PROMISED.match(name) for name in needed):
        return f"manylinux_2_{max(map(int, versions))}_{machine}"
    return f"linux_{machine}"


def dynamic_names(elf: bytes) -> tuple[bytes, list[str]]:
    """The dynamic string table, and the names of the libraries that are needed at load."""
    (headers,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, headers + at * size) for at in range(count)]
    for _, kind, _, _, offset, length, link, *_ in sections:
        if kind == 6:  # SHT_DYNAMIC; its link is the string table
            start, end = sections[link][4], sections[link][4] + sections[link][5]
            names = elf[start:end]
            entries = struct.iter_unpack("<qQ", elf[offset : offset + length])
            needed = [
                names[at : names.index(b"\0", at)].decode() for tag, at in entries if tag == 1
            ]
            return names, needed
    raise ValueError(f"{SONAME} has no dynamic section: it is not a shared library")
