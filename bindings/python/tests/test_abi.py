"""The binding's tables say what the header says, name by name, both ways."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest

import tracevault
from tracevault import _abi
from tracevault.errors import Status, TraceVaultError, error_class

from .conftest import HEADER

PROJECT = "bindings/python/pyproject.toml"

SCALARS: dict[str, Any] = {
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "tv_status": ctypes.c_int32,
    "tv_cause": ctypes.c_int32,
}
#: The structs that a host sees into.
STRUCTS: dict[str, Any] = {"tv_entry": _abi.Entry, "tv_walk": _abi.Walk}


def without_comments(header: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", header, flags=re.S)


def ref_class(name: str) -> Any:
    return getattr(_abi, name.removeprefix("tv_").capitalize() + "Ref")


def ctype(text: str, *, is_return: bool) -> Any:
    """The ctypes type that must stand for a C type of the header."""
    stars = text.count("*")
    base = text.replace("const", " ").replace("*", " ").strip()
    pointer: Any
    if base == "char":
        pointer = _abi.TextRef if is_return or stars == 2 else ctypes.c_char_p
    elif base == "void":
        if stars == 0:
            return None
        pointer = ctypes.c_void_p
    elif base in STRUCTS:
        return ctypes.POINTER(STRUCTS[base])
    elif base in SCALARS:
        return ctypes.POINTER(SCALARS[base]) if stars else SCALARS[base]
    else:
        pointer = ref_class(base)
    return ctypes.POINTER(pointer) if stars == 2 else pointer


def declared(header: str) -> dict[str, tuple[tuple[Any, ...], Any]]:
    """Every function of the header as (argument types, return type)."""
    found = {}
    pattern = r"TV_API\s+(?:TV_CHECK\s+)?([\w\s*]+?)(tv_\w+)\(([^)]*)\);"
    for returned, name, arguments in re.findall(pattern, without_comments(header)):
        types = []
        if arguments.strip() != "void":
            for argument in arguments.split(","):
                without_name = re.sub(r"\w+\s*$", "", argument.strip())
                types.append(ctype(without_name, is_return=False))
        found[name] = (tuple(types), ctype(returned, is_return=True))
    return found


def test_every_function_of_the_header_is_bound_with_its_types(header: str) -> None:
    functions = declared(header)
    assert len(functions) == len(re.findall(r"^TV_API ", header, flags=re.M)) > 50
    table = {name: (tuple(argtypes), restype) for name, argtypes, restype in _abi.TABLE}
    assert len(table) == len(_abi.TABLE), "a name stands twice in the table"
    assert table == functions


def test_the_table_keeps_the_order_of_the_header(header: str) -> None:
    assert [name for name, _, _ in _abi.TABLE] == list(declared(header))


def test_every_opaque_type_has_its_own_pointer_class(header: str) -> None:
    names = re.findall(r"typedef struct (tv_\w+) tv_", without_comments(header))
    classes = [ref_class(name) for name in names]
    assert len(set(classes)) == len(names) == 10
    assert all(issubclass(each, ctypes.c_void_p) for each in classes)


def test_every_struct_of_the_header_has_its_fields_in_their_order(header: str) -> None:
    kinds = {
        "uint8_t": ctypes.c_uint8,
        "uint16_t": ctypes.c_uint16,
        "uint32_t": ctypes.c_uint32,
        "size_t": ctypes.c_size_t,
        "const char": _abi.TextRef,
        "const tv_entry": ctypes.POINTER(_abi.Entry),
    }
    found = re.findall(r"typedef struct (tv_\w+) {(.*?)}", without_comments(header), flags=re.S)
    assert [name for name, _ in found] == list(STRUCTS)
    for name, body in found:
        fields = re.findall(r"([\w ]+?) \*?(\w+);", body)
        wanted = [(field, kinds[text.strip()]) for text, field in fields]
        assert list(STRUCTS[name]._fields_) == wanted
    assert ctypes.sizeof(_abi.Entry) == 16


def test_a_handle_of_another_type_is_refused_before_the_call() -> None:
    function = ctypes.CDLL(None).free
    function.argtypes, function.restype = (_abi.EngineRef,), None
    with pytest.raises(ctypes.ArgumentError):
        function(_abi.VaultRef())


def test_every_status_of_the_header_is_in_the_enum_and_no_other(header: str) -> None:
    pairs = re.findall(r"TV_(OK|E_\w+) = (\d+)", without_comments(header))
    assert {name: int(number) for name, number in pairs} == {s.name: s.value for s in Status}


def test_every_failure_status_but_the_librarys_own_fault_has_a_family() -> None:
    without = [s for s in Status if error_class(s) is TraceVaultError]
    assert without == [Status.OK, Status.E_OTHER]


def test_versions_and_abi_number_agree(header: str) -> None:
    version = re.search(r'#define TV_VERSION "([^"]+)"', header)
    abi = re.search(r"#define TV_ABI (\d+)", header)
    assert version is not None
    assert abi is not None
    assert tracevault.__version__ == version[1]
    assert f'\nversion = "{version[1]}"\n' in (HEADER.parents[1] / PROJECT).read_text()
    assert int(abi[1]) == _abi.ABI


def test_the_table_covers_every_exported_function_of_the_library(library_path: Path) -> None:
    loaded = ctypes.CDLL(str(library_path))
    assert [name for name, _, _ in _abi.TABLE if not hasattr(loaded, name)] == []
