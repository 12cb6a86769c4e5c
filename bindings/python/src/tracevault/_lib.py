"""Finds, checks and loads ``libtracevault.so.0``, once per process and only when first needed.

The library is opened with RTLD_LOCAL and through ``CDLL``, which releases the GIL during calls.
Nothing else may load it, and no function is bound before its ABI number is known to fit.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from . import _loading
from ._abi import ABI, TABLE, DocumentRef, ErrorRef, TextRef
from .errors import LibraryLoadError, TraceVaultError, error_class

SONAME = "libtracevault.so.0"
VARIABLE = "TRACEVAULT_LIBRARY"

#: The library's texts name functions of C for hosts in C; what stands there for others.
_FOR_C = re.compile(r" \(tv_\w+\)")
_OF_C = (
    ("what tv_vault_generation() gave", "the vault's generation"),
    ("tv_config_secret()", "the program itself"),
)

_loaded: ctypes.CDLL | None = None


def library() -> ctypes.CDLL:
    """The loaded library with every function of the header bound."""
    global _loaded
    if _loaded is None:
        with _loading:
            if _loaded is None:
                _loaded = load()
    return _loaded


def candidates() -> list[str]:
    """Where the library is looked for, in order. A path that was asked for stands alone."""
    asked = os.environ.get(VARIABLE)
    if asked:
        return [asked]
    return [os.path.join(os.path.dirname(os.path.abspath(__file__)), SONAME), SONAME]


def load() -> ctypes.CDLL:
    """Load the first candidate there is; say what was tried when there is none."""
    tried: list[str] = []
    for candidate in candidates():
        if os.path.isabs(candidate) and not os.path.exists(candidate):
            tried.append(f"{candidate}: no such file")
            continue
        try:
            opened = ctypes.CDLL(candidate, mode=ctypes.RTLD_LOCAL)
        except OSError as reason:
            tried.append(str(reason) if candidate in str(reason) else f"{candidate}: {reason}")
            continue
        return _bound(opened, candidate)
    raise LibraryLoadError(
        f"cannot load {SONAME}; tried: {'; '.join(tried)}. Build it with `make`, install it, or "
        f"name it in ${VARIABLE}{_system_hint()}"
    )


def _system_hint() -> str:
    try:
        if (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return ""
    except (ValueError, OSError, AttributeError):
        pass
    return (
        ". This Python does not run on glibc: TraceVault needs Linux with glibc 2.34 or newer "
        "(Debian 12, RHEL 9, Ubuntu 22.04); on Alpine use an image based on one of those"
    )


def _bound(opened: ctypes.CDLL, path: str) -> ctypes.CDLL:
    try:
        tell = opened.tv_abi
    except AttributeError:
        raise LibraryLoadError(f"{path} is not a TraceVault library: no tv_abi in it") from None
    tell.argtypes, tell.restype = (), ctypes.c_int32
    found = tell()
    if found != ABI:
        raise LibraryLoadError(
            f"{path} speaks ABI {found}, this package speaks ABI {ABI}: install the library and "
            "the Python package of the same release"
        )
    for name, argtypes, restype in TABLE:
        try:
            function = getattr(opened, name)
        except AttributeError:
            raise LibraryLoadError(f"{path} has no function {name}: it is damaged") from None
        function.argtypes, function.restype = argtypes, restype
    return opened


def free_function(name: str) -> Callable[..., None]:
    """A ``tv_*_free`` that takes, and does not look at, one argument more.

    A weak reference can call it without Python code: it hands itself over. The calling
    conventions of C on x86-64 and aarch64 leave unused arguments in their registers.
    """
    function = library()[name]
    function.argtypes, function.restype = (ctypes.c_void_p, ctypes.py_object), None
    return function


def check(call: Any, *arguments: Any) -> None:
    """Call a function that ends in ``tv_error **``; raise what it reports."""
    error = ErrorRef()
    status = call(*arguments, ctypes.byref(error))
    if status != 0:
        raise failure(status, error)


def failure(status: int, error: ErrorRef) -> TraceVaultError:
    """Turn a status and its error object, which is freed, into an exception."""
    lib = library()
    try:
        retry_after_ms = lib.tv_error_retry_after_ms(error) if error else -1
        return error_class(status)(
            _message(lib, status, error),
            status=status,
            retriable=bool(lib.tv_error_retriable(error)) if error else False,
            http_status=lib.tv_error_http_status(error) if error else 0,
            codes=_codes(lib, error),
            cf_ray=text(lib.tv_error_cf_ray(error)) if error else "",
            retry_after=retry_after_ms / 1000 if retry_after_ms >= 0 else None,
            cause=lib.tv_error_cause(error) if error else 0,
            system_error=lib.tv_error_system_error(error) if error else 0,
            curl_code=lib.tv_error_curl_code(error) if error else 0,
        )
    finally:
        lib.tv_error_free(error)


def _message(lib: ctypes.CDLL, status: int, error: ErrorRef) -> str:
    message = text(lib.tv_error_message(error, None)) if error else ""
    return without_c(message) or text(lib.tv_status_name(status))


def without_c(said: str) -> str:
    """A text of the library without the names of C's functions."""
    if "tv_" in said:
        said = _FOR_C.sub("", said)
        for function, words in _OF_C:
            said = said.replace(function, words)
    return said


def _codes(lib: ctypes.CDLL, error: ErrorRef) -> tuple[int, ...]:
    if not error:
        return ()
    return tuple(lib.tv_error_code(error, at) for at in range(lib.tv_error_code_count(error)))


def text(borrowed: TextRef) -> str:
    """Copy NUL-terminated text."""
    return ctypes.string_at(borrowed).decode("utf-8", "replace") if borrowed else ""


def view(get: Any, owner: Any, name: bytes) -> bytes:
    """Copy one view of a result or a document."""
    data, length, error = TextRef(), ctypes.c_size_t(), ErrorRef()
    byref = ctypes.byref
    status = get(owner, name, len(name), byref(data), byref(length), byref(error))
    if status != 0:
        raise failure(status, error)
    return ctypes.string_at(data, length.value)


def view_names(views: Iterable[str]) -> tuple[str, ...]:
    """What to copy for the views a caller asks for: each with what was skipped in it."""
    asked = (views,) if isinstance(views, str) else tuple(dict.fromkeys(views))
    for name in asked:
        if name not in ("ecs", "ocsf", "spans"):
            raise ValueError(f"no such view: {name!r}; there are: 'ecs', 'ocsf', 'spans'")
    skipped = tuple(f"{name}_warnings" for name in asked if name != "spans")
    return asked + skipped


def json_document(call: Any, *arguments: Any) -> Any:
    """Call a function that gives a document with the view ``json``; parse and free it."""
    lib = library()
    document = DocumentRef()
    check(call, *arguments, ctypes.byref(document))
    try:
        return json.loads(view(lib.tv_document_view, document, b"json"))
    finally:
        lib.tv_document_free(document)
