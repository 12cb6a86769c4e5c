"""The public header, as data: every function's name, argument types and return type.

Tests compare it with ``include/tracevault.h`` both ways. Nothing here loads a library, and nothing
here decides anything. Each opaque type of C has its own pointer class, so that a wrong handle is
a ``ctypes.ArgumentError`` instead of a wrong call.
"""

from __future__ import annotations

from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

#: The ABI this table describes; a library that speaks another one is refused.
ABI = 0


class Ref(c_void_p):
    """An opaque pointer. A subclass is neither unwrapped to int nor interchangeable."""


class TextRef(Ref):
    """Borrowed bytes: ``const char *`` out of the library."""


class ErrorRef(Ref):
    """``tv_error *``"""


class ConfigRef(Ref):
    """``tv_config *``"""


class UnlockRef(Ref):
    """``tv_unlock *``"""


class VaultRef(Ref):
    """``tv_vault *``"""


class EditRef(Ref):
    """``tv_edit *``"""


class TenantRef(Ref):
    """``tv_tenant *``"""


class RequestRef(Ref):
    """``tv_request *``"""


class EngineRef(Ref):
    """``tv_engine *``"""


class ResultRef(Ref):
    """``tv_result *``"""


class DocumentRef(Ref):
    """``tv_document *``"""


class Entry(Structure):
    """``tv_entry``"""

    _fields_ = (
        ("start", c_uint32),
        ("end", c_uint32),
        ("next", c_uint32),
        ("kind", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint16),
    )


class Walk(Structure):
    """``tv_walk``"""

    _fields_ = (
        ("text", TextRef),
        ("text_len", c_size_t),
        ("entries", POINTER(Entry)),
        ("entry_count", c_size_t),
        ("entry_size", c_size_t),
    )


Status = c_int32
Cause = c_int32

_TEXT = (c_char_p, c_size_t)
_TEXT_OUT = (POINTER(TextRef), POINTER(c_size_t))
_BYTES = (c_void_p, c_size_t)
_ERR = (POINTER(ErrorRef),)
_DOC = (POINTER(DocumentRef),)
_U64_OUT = (POINTER(c_uint64),)
_ACCOUNT = (*_TEXT, *_TEXT)  # tenant, account

# fmt: off
#: (name, argument types, return type), in the header's order.
TABLE: tuple[tuple[str, tuple[Any, ...], Any], ...] = (
    ("tv_status_name",          (Status,),                                          TextRef),
    ("tv_cause_name",           (Cause,),                                           TextRef),
    ("tv_abi",                  (),                                                 c_int32),
    ("tv_version",              (),                                                 TextRef),
    ("tv_build_info",           (*_DOC, *_ERR),                                     Status),

    ("tv_error_status",         (ErrorRef,),                                        Status),
    ("tv_error_message",        (ErrorRef, POINTER(c_size_t)),                      TextRef),
    ("tv_error_retriable",      (ErrorRef,),                                        c_int32),
    ("tv_error_http_status",    (ErrorRef,),                                        c_int32),
    ("tv_error_code_count",     (ErrorRef,),                                        c_size_t),
    ("tv_error_code",           (ErrorRef, c_size_t),                               c_int64),
    ("tv_error_cf_ray",         (ErrorRef,),                                        TextRef),
    ("tv_error_retry_after_ms", (ErrorRef,),                                        c_int64),
    ("tv_error_cause",          (ErrorRef,),                                        Cause),
    ("tv_error_system_error",   (ErrorRef,),                                        c_int32),
    ("tv_error_curl_code",      (ErrorRef,),                                        c_int32),
    ("tv_error_free",           (ErrorRef,),                                        None),

    ("tv_config_new",           (POINTER(ConfigRef), *_ERR),                        Status),
    ("tv_config_set",           (ConfigRef, *_TEXT, *_TEXT, *_ERR),                 Status),
    ("tv_config_get",           (ConfigRef, *_TEXT, *_TEXT_OUT, *_ERR),             Status),
    ("tv_config_secret",        (ConfigRef, *_TEXT, *_BYTES, *_ERR),                Status),
    ("tv_config_describe",      (*_DOC, *_ERR),                                     Status),
    ("tv_config_free",          (ConfigRef,),                                       None),

    ("tv_unlock_passphrase",    (*_BYTES, POINTER(UnlockRef), *_ERR),               Status),
    ("tv_unlock_key",           (*_BYTES, POINTER(UnlockRef), *_ERR),               Status),
    ("tv_unlock_keyfile",       (*_TEXT, POINTER(UnlockRef), *_ERR),                Status),
    ("tv_unlock_credential",    (*_TEXT, POINTER(UnlockRef), *_ERR),                Status),
    ("tv_unlock_free",          (UnlockRef,),                                       None),

    ("tv_vault_create",         (*_TEXT, UnlockRef, ConfigRef, POINTER(VaultRef), *_ERR), Status),
    ("tv_vault_open",           (*_TEXT, UnlockRef, ConfigRef, POINTER(VaultRef), *_ERR), Status),
    ("tv_vault_refresh",        (VaultRef, *_ERR),                                  Status),
    ("tv_vault_generation",     (VaultRef, *_U64_OUT, *_ERR),                       Status),
    ("tv_vault_list",           (VaultRef, *_DOC, *_ERR),                           Status),
    ("tv_vault_describe",       (VaultRef, *_DOC, *_ERR),                           Status),
    ("tv_vault_verify",         (VaultRef, *_DOC, *_ERR),                           Status),
    ("tv_vault_lock",           (VaultRef, *_ERR),                                  Status),
    ("tv_vault_unlock",         (VaultRef, UnlockRef, *_ERR),                       Status),
    ("tv_vault_export",         (VaultRef, *_TEXT, *_TEXT, UnlockRef, ConfigRef, *_ERR), Status),
    ("tv_vault_free",           (VaultRef,),                                        None),

    ("tv_edit_begin",           (VaultRef, POINTER(EditRef), *_ERR),                Status),
    ("tv_edit_put_token",       (EditRef, *_ACCOUNT, *_BYTES, *_ERR),               Status),
    ("tv_edit_put_key",         (EditRef, *_ACCOUNT, *_TEXT, *_BYTES, *_ERR),       Status),
    ("tv_edit_set",             (EditRef, *_ACCOUNT, *_TEXT, *_TEXT, *_ERR),        Status),
    ("tv_edit_retire",          (EditRef, *_ACCOUNT, *_ERR),                        Status),
    ("tv_edit_promote",         (EditRef, *_ACCOUNT, *_ERR),                        Status),
    ("tv_edit_remove_retiring", (EditRef, *_ACCOUNT, *_ERR),                        Status),
    ("tv_edit_remove",          (EditRef, *_ACCOUNT, *_ERR),                        Status),
    ("tv_edit_remove_tenant",   (EditRef, *_TEXT, *_ERR),                           Status),
    ("tv_edit_add_unlock",      (EditRef, UnlockRef, UnlockRef, *_TEXT, *_ERR),     Status),
    ("tv_edit_remove_unlock",   (EditRef, c_int32, *_ERR),                          Status),
    ("tv_edit_rekey",           (EditRef, UnlockRef, *_ERR),                        Status),
    ("tv_edit_hints",           (EditRef, *_DOC, *_ERR),                            Status),
    ("tv_edit_commit",          (EditRef, *_ERR),                                   Status),
    ("tv_edit_cancel",          (EditRef, *_ERR),                                   Status),
    ("tv_edit_free",            (EditRef,),                                         None),

    ("tv_tenant_open",          (VaultRef, *_TEXT, POINTER(TenantRef), *_ERR),      Status),
    ("tv_tenant_list",          (TenantRef, *_DOC, *_ERR),                          Status),
    ("tv_tenant_free",          (TenantRef,),                                       None),

    ("tv_request_trace",        (*_TEXT, *_TEXT, POINTER(RequestRef), *_ERR),       Status),
    ("tv_request_search",       (*_TEXT, POINTER(RequestRef), *_ERR),               Status),
    ("tv_request_check",        (*_TEXT, POINTER(RequestRef), *_ERR),               Status),
    ("tv_request_set",          (RequestRef, *_TEXT, *_TEXT, *_ERR),                Status),
    ("tv_request_free",         (RequestRef,),                                      None),

    ("tv_engine_new",           (ConfigRef, POINTER(EngineRef), *_ERR),             Status),
    ("tv_engine_submit",        (EngineRef, TenantRef, RequestRef, c_uint64, *_U64_OUT, *_ERR),
                                                                                    Status),
    ("tv_engine_take",          (EngineRef, c_int32, POINTER(ResultRef), *_ERR),     Status),
    ("tv_engine_fd",            (EngineRef, POINTER(c_int), *_ERR),                 Status),
    ("tv_engine_cancel",        (EngineRef, c_uint64, *_ERR),                       Status),
    ("tv_engine_fetch",         (EngineRef, TenantRef, RequestRef, POINTER(ResultRef), *_ERR),
                                                                                    Status),
    ("tv_engine_stats",         (EngineRef, *_DOC, *_ERR),                          Status),
    ("tv_engine_estimate",      (EngineRef, TenantRef, *_TEXT, c_uint64, *_DOC, *_ERR), Status),
    ("tv_engine_lift",          (EngineRef, TenantRef, *_TEXT, *_ERR),              Status),
    ("tv_engine_shutdown",      (EngineRef, *_ERR),                                 Status),
    ("tv_engine_free",          (EngineRef,),                                       None),

    ("tv_request_hunt",         (*_TEXT, POINTER(RequestRef), *_ERR),               Status),
    ("tv_engine_hunt",          (EngineRef, POINTER(TenantRef), c_size_t, RequestRef, c_uint64,
                                 *_U64_OUT, *_ERR),                                 Status),
    ("tv_engine_hunt_vault",    (EngineRef, VaultRef, RequestRef, c_uint64, *_U64_OUT, *_ERR),
                                                                                    Status),

    ("tv_result_kind",           (ResultRef,),                                        c_int32),
    ("tv_result_id",             (ResultRef,),                                        c_uint64),
    ("tv_result_tag",            (ResultRef,),                                        c_uint64),
    ("tv_result_status",         (ResultRef,),                                        Status),
    ("tv_result_error",          (ResultRef, *_ERR, *_ERR),                           Status),
    ("tv_result_document",       (ResultRef, *_TEXT, *_TEXT_OUT, *_ERR),              Status),
    ("tv_result_free",           (ResultRef,),                                        None),

    ("tv_document_decode",      (*_BYTES, *_DOC, *_ERR),                            Status),
    ("tv_document_view",        (DocumentRef, *_TEXT, *_TEXT_OUT, *_ERR),           Status),
    ("tv_document_free",        (DocumentRef,),                                     None),

    ("tv_document_walk",        (DocumentRef, *_TEXT, POINTER(Walk), *_ERR),        Status),
    ("tv_result_walk",          (ResultRef, *_TEXT, POINTER(Walk), *_ERR),          Status),
    ("tv_document_read",        (*_BYTES, *_DOC, *_ERR),                            Status),
)
# fmt: on
