/* tracevault.h - Cloudflare Email Security delivery traces, for many accounts at once.
 *
 * A host opens a sealed vault, takes a tenant out of it, hands requests to an engine and takes
 * finished results from the engine's queue. No function of this library returns a secret.
 *
 *   vault ── tenant ──┐
 *                     ├─► engine ──► result ──► document (JSON)
 *           request ──┘
 *
 * Rules that hold everywhere, so no comment below repeats them:
 *   - Every function is safe to call from any thread. Handles are looked up, never dereferenced:
 *     NULL, freed, foreign and wrong-type handles give TV_E_HANDLE, never a crash.
 *   - After fork() the child gets TV_E_FORKED from every handle made before it and may make its
 *     own. tv_*_free() of such a handle does nothing. fork() waits for a moment when no thread is
 *     computing inside a call of this library: normally below a millisecond; while one opens, lists,
 *     verifies, exports, rekeys or changes a large vault, as long as that computes (up to 100 µs for
 *     each credential); at most ten seconds. It does not wait for calls that are themselves waiting:
 *     for the network, another writer, the disk or a passphrase. The host's own pthread_atfork()
 *     handlers may call the library. One that waits for a mutex which other threads hold while they
 *     call the library must be registered after the library was loaded.
 *   - pthread_cancel() of a thread inside a call takes effect when the call has returned.
 *   - Returns TV_OK (0) or the reason. Outputs come last and are written only on TV_OK, except
 *     *error_out, which is written only on failure.
 *   - error_out may be NULL. What it receives is freed with tv_error_free(). Look at the status first:
 *     in check(tv_x(…, &e), e) C may evaluate the argument `e` before the call and pass the old
 *     value; check(tv_x(…, &e), &e) is right.
 *   - (pointer, length) pairs in are bytes, UTF-8 where they are text, not NUL-terminated; they
 *     are copied during the call. NULL is allowed only together with length 0. A text, and a secret
 *     that is one, may end with a NUL instead: its length is then TV_NUL.
 *   - Text out is UTF-8, NUL-terminated and comes with its length (without the NUL). It is
 *     borrowed: it lives as long as the object that its comment names.
 *   - Every handle a function gives belongs to the caller, who frees it once, in any order: an
 *     object keeps alive what it needs.
 *   - tv_*_free(NULL) does nothing.
 *   - Times end in _ms (milliseconds), sizes in _len (bytes).
 *   - `Blocks:` says how long a call may wait. Where it is absent, the call does not wait.
 *   - The library prints nothing, installs no signal handler and changes no process-wide setting.
 *   - A document is one line of JSON, without a newline in it or behind it. "ecs", "ocsf" and "spans"
 *     are JSON lines: one object a line, each with its newline. Only "raw" is as the server sent it.
 *   - Stack: 32 KiB are enough for every call. What needs more runs on threads of the library.
 *   - Descriptors: 6 for each engine, one more for all engines that share a ledger, one for each
 *     connection (twice http.max_connections), and a few for moments. An open vault file holds none,
 *     an open vault in an object store a few.
 *   - In exit handlers (atexit) every call is allowed. Engines end in a handler of the library's own:
 *     after it, they and new ones give TV_E_SHUTDOWN, and everything else goes on as before.
 *
 * What a call takes at most, and what it gives beyond that. Settings have their bounds in
 * docs/CONFIGURATION.md; docs/limits.md has the rest, and what bounds a reply.
 *
 *   a token or key                               512 bytes of printable ASCII  TV_E_CREDENTIAL_FORMAT
 *   an object store's access key or secret key   256 bytes of printable ASCII  TV_E_CREDENTIAL_FORMAT
 *   an object store's session token              1984 bytes of the same        TV_E_CREDENTIAL_FORMAT
 *   a tenant's name, a label, a budget group     128 bytes                     TV_E_ARGUMENT
 *   an unlock's label                            40 bytes                      TV_E_ARGUMENT
 *   unlocks of a vault                           8, 2 of them passphrases      TV_E_LIMIT
 *   a passphrase                                 1 to 1024 bytes               TV_E_ARGUMENT
 *   a key file                                   32 to 65536 bytes             TV_E_ARGUMENT
 *   a path, a name of a setting or view          4096 bytes                    TV_E_ARGUMENT
 *   a setting's value                            65536 bytes                   TV_E_ARGUMENT
 *   steps of one edit                            1000000                       TV_E_LIMIT
 *   a vault file                                 512 MiB                       TV_E_LIMIT
 *   a message reference                          256 characters                TV_E_MESSAGE_REF
 *   a filter's text                              1024 bytes                    TV_E_CONFIG_VALUE
 *   a search's cursor                            4096 bytes                    TV_E_CONFIG_VALUE
 *   `limit` and `per_page` of a search           100000                        TV_E_CONFIG_VALUE
 *   requests of one engine that are alive        1048576                       TV_E_QUEUE_FULL
 *   hunts of one engine that are alive           32                            TV_E_QUEUE_FULL
 *   tenants, and accounts, of one hunt           100000                        TV_E_LIMIT
 *   `count` of an estimate                       1000000000                    TV_E_ARGUMENT
 *   a stored reply for `tv_document_decode()`    64 MiB                        TV_E_ARGUMENT
 *   a stored text for `tv_document_read()`       256 MiB                       TV_E_ARGUMENT
 */
#ifndef TRACEVAULT_H
#define TRACEVAULT_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; tv_version() tells the version of the loaded library. */
#define TV_VERSION "0.1.0"

/** The ABI this header describes; compare it with tv_abi() before calling anything else. */
#define TV_ABI 0

/** As the length of a text: it ends with a NUL. Not for a raw key or a reply's body. */
#define TV_NUL ((size_t)-1)

#if defined(__GNUC__)
#define TV_API __attribute__((visibility("default")))
#define TV_CHECK __attribute__((warn_unused_result))
#else
#define TV_API
#define TV_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Objects ------------------------------------------------------------------------------ */

typedef struct tv_error tv_error;       /* why a call or a request failed */
typedef struct tv_config tv_config;     /* named settings for vaults and engines */
typedef struct tv_unlock tv_unlock;     /* what opens a vault: a passphrase or a key */
typedef struct tv_vault tv_vault;       /* the sealed credentials of many tenants */
typedef struct tv_edit tv_edit;         /* one atomic change of a vault */
typedef struct tv_tenant tv_tenant;     /* the right to use one tenant's accounts, nothing else */
typedef struct tv_request tv_request;   /* one question to Cloudflare */
typedef struct tv_engine tv_engine;     /* fetches; owns one thread */
typedef struct tv_result tv_result;     /* one finished request */
typedef struct tv_document tv_document; /* one JSON answer, in one or more views */

/* ---- Statuses ----------------------------------------------------------------------------- */

/** What a call came to. Numbers are never reused; treat an unknown one as TV_E_OTHER. */
typedef int32_t tv_status;

enum tv_status_code {
    TV_OK = 0,
    TV_E_OTHER = 1,             /* a fault of the library itself; please report it */
    TV_E_HANDLE = 2,            /* not a live handle of this type */
    TV_E_ARGUMENT = 3,          /* an argument is missing, too long or malformed */
    TV_E_CONFIG_NAME = 4,       /* no setting has this name */
    TV_E_CONFIG_VALUE = 5,      /* a setting's value is malformed or out of range */
    TV_E_ACCOUNT_ID = 6,        /* an account id is not 32 lower-case hexadecimal digits */
    TV_E_MESSAGE_REF = 7,       /* a message reference has a character that is not allowed */
    TV_E_CREDENTIAL_FORMAT = 8, /* a token, key or e-mail is empty, too long or not printable */
    TV_E_LIMIT = 9,             /* a documented maximum is reached */
    TV_E_NO_MEMORY = 10,        /* the system gave no memory; it may pass */
    TV_E_FORKED = 11,           /* the handle was made before fork() */
    TV_E_SHUTDOWN = 12,         /* the engine is shut down */

    TV_E_NOT_FOUND = 20,     /* this tenant has no such account, or the vault no such tenant */
    TV_E_AMBIGUOUS = 21,     /* the tenant has several accounts: name one */
    TV_E_EXISTS = 22,        /* the file exists already */
    TV_E_ORIGIN = 23,        /* the credential is sealed for another origin */
    TV_E_EDIT_FINISHED = 24, /* the edit is committed or failed: begin a new one */
    TV_E_LOCKED = 25,        /* the vault is locked: unlock it */
    TV_E_EXPIRED = 26,       /* the credential has expired or is not valid yet */

    TV_E_NOT_VAULT = 30,          /* the file is not a TraceVault file */
    TV_E_VAULT_VERSION = 31,      /* the file was written by a newer version */
    TV_E_DAMAGED_HEADER = 32,     /* the file's header is damaged */
    TV_E_KDF_BOUNDS = 33,         /* the file asks for an absurd passphrase cost */
    TV_E_WEAK_KDF = 34,           /* the file's passphrase cost is below the floor */
    TV_E_UNLOCK = 35,             /* wrong key or passphrase, or a forged key slot */
    TV_E_HEADER_MAC = 36,         /* the key is right, but the header was altered */
    TV_E_DAMAGED_BODY = 37,       /* the file's body is damaged or cut */
    TV_E_RECORD_AUTH = 38,        /* a record does not open, or holds what no edit takes */
    TV_E_CONFLICT = 39,           /* the vault was changed under this edit */
    TV_E_IO = 40,                 /* reading or writing failed; the old vault stands */
    TV_E_DURABILITY_UNKNOWN = 41, /* the new vault is or may be in place, but may not last: look */
    TV_E_UNSAFE_FILE = 42,        /* owner, mode or a symbolic link make the file unsafe */
    TV_E_BUSY = 43,               /* another writer held the vault too long */
    TV_E_ROLLBACK = 44,           /* the vault is older than it must be: an old copy was put back */
    TV_E_NO_VAULT = 45,           /* there is no vault at the path or in the store */
    TV_E_NO_DESCRIPTORS = 46,     /* all descriptors of the process are in use; it may pass */
    TV_E_STALE = 47,              /* the vault was out of sight for too long: nothing is lent */

    TV_E_QUEUE_FULL = 60,       /* take results, then submit again */
    TV_E_CANCELLED = 61,        /* cancelled by the host */
    TV_E_DEADLINE = 62,         /* no answer within the deadline */
    TV_E_CREDENTIAL = 63,       /* Cloudflare refused the credential, now or a moment ago; or it
                                   lacks a permission and the refusal (code 10000) is the same */
    TV_E_FORBIDDEN = 64,        /* not allowed, in words that do not mean the credential */
    TV_E_NO_MESSAGE = 65,       /* Cloudflare's API knows no such message (HTTP 404) */
    TV_E_RATE_LIMITED = 66,     /* over the request quota (HTTP 429); see retry_after */
    TV_E_SERVER = 67,           /* Cloudflare failed (HTTP 5xx), also after the retries */
    TV_E_TRANSPORT = 68,        /* no connection, or it broke */
    TV_E_TLS = 69,              /* the server's certificate or TLS handshake is not acceptable */
    TV_E_HTTP = 70,             /* an HTTP status this library has no better name for */
    TV_E_REDIRECT = 71,         /* a redirect; never followed */
    TV_E_NOT_JSON = 72,         /* the reply is HTML or other text */
    TV_E_REPLY_EMPTY = 73,      /* the reply has no content */
    TV_E_REPLY_TRUNCATED = 74,  /* the reply ends too early */
    TV_E_REPLY_SHAPE = 75,      /* valid JSON, but not what was asked for */
    TV_E_REPLY_DEPTH = 76,      /* the reply is nested too deeply or has too many parts */
    TV_E_REPLY_TOO_LARGE = 77,  /* the reply exceeds http.max_reply_bytes */
    TV_E_REPLY_REFUSED = 78,    /* HTTP 200 with success:false, not for the credential */
    TV_E_REPLY_DEFERRED = 79,   /* HTTP 202: the answer is to be had later */
    TV_E_PROXY = 80,            /* the proxy wants another login, or made no connection */
    TV_E_FOREIGN_REPLY = 81,    /* an answer, but not the API's: a portal, a proxy, a block page */
    TV_E_DESCRIPTORS_LOST = 82  /* the host closed the engine's descriptors: make another engine */
};

/**
 * Name a status, such as "TV_E_UNLOCK"; "TV_E_OTHER" for a number it does not know.
 *
 * @return NUL-terminated text that lives for ever.
 * @since 0.1
 */
TV_API const char *tv_status_name(tv_status status);

/* ---- Causes ------------------------------------------------------------------------------- */

/** What lies behind a failure, below HTTP. Numbers are never reused; treat an unknown one as
 * TV_CAUSE_NONE. The message says whether the server or the proxy is meant. */
typedef int32_t tv_cause;

enum tv_cause_code {
    TV_CAUSE_NONE = 0,                       /* nothing below HTTP, or not known */
    TV_CAUSE_NAME_LOOKUP = 1,                /* the name could not be looked up */
    TV_CAUSE_REFUSED = 2,                    /* the connection was refused */
    TV_CAUSE_UNREACHABLE = 3,                /* no way there */
    TV_CAUSE_CONNECT_TIMEOUT = 4,            /* no connection within http.connect_timeout_ms */
    TV_CAUSE_BROKEN = 5,                     /* the connection broke before the reply was whole */
    TV_CAUSE_NO_FIRST_BYTE = 6,              /* no first byte within http.first_byte_ms */
    TV_CAUSE_SILENCE = 7,                    /* the reply began and then went silent */
    TV_CAUSE_PROXY_LOGIN = 8,                /* the proxy wants another login */
    TV_CAUSE_PROXY_REFUSED = 9,              /* the proxy made no connection to the server */
    TV_CAUSE_UNKNOWN_AUTHORITY = 10,         /* the certificate is signed by nobody trusted */
    TV_CAUSE_CERTIFICATE_EXPIRED = 11,       /* or the host's clock is wrong */
    TV_CAUSE_CERTIFICATE_NOT_YET_VALID = 12, /* or the host's clock is wrong */
    TV_CAUSE_CERTIFICATE_NAME = 13,          /* the certificate is for another name */
    TV_CAUSE_CERTIFICATE = 14,               /* it is not acceptable for another reason */
    TV_CAUSE_HANDSHAKE = 15,                 /* the TLS handshake failed */
    TV_CAUSE_TRUST_STORE = 16,               /* the file of authorities holds none */
    TV_CAUSE_DESCRIPTORS = 17,               /* no descriptor was left */
    TV_CAUSE_MEMORY = 18                     /* no memory was left */
};

/**
 * Name a cause, such as "TV_CAUSE_REFUSED"; "TV_CAUSE_NONE" for a number it does not know.
 *
 * @return NUL-terminated text that lives for ever.
 * @since 0.1
 */
TV_API const char *tv_cause_name(tv_cause cause);

/* ---- Library ------------------------------------------------------------------------------ */

/** Tell the ABI the loaded library speaks. Bindings refuse any other. @since 0.1 */
TV_API int32_t tv_abi(void);

/** Tell the version of the loaded library, such as "0.1.0"; lives for ever. @since 0.1 */
TV_API const char *tv_version(void);

/**
 * Describe the loaded library: versions of libcurl, its TLS backend and libsodium, the memory
 * protection that was really obtained, and limits.
 *
 * "libcurl_faults" are the public faults of this version of libcurl that a server could use, and
 * what the library does about each: "avoided", or "open" where only another libcurl helps. A
 * distribution may have mended a fault without another version.
 *
 * @param document_out  one view, "json".  Owner: the caller; tv_document_free().
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_build_info(tv_document **document_out, tv_error **error_out);

/* ---- Errors ------------------------------------------------------------------------------- */

/** Give the status that the failed call returned. TV_E_HANDLE for a dead handle. @since 0.1 */
TV_API tv_status tv_error_status(const tv_error *error);

/**
 * Give one line that says what failed and what to do; never contains a secret.
 *
 * @param message_len_out  may be NULL.
 * @return NUL-terminated text owned by the error; "" for a dead handle.
 * @since 0.1
 */
TV_API const char *tv_error_message(const tv_error *error, size_t *message_len_out);

/** Tell whether the same call may succeed later (1) or not (0). @since 0.1 */
TV_API int32_t tv_error_retriable(const tv_error *error);

/** Give the HTTP status of Cloudflare's reply, 0 when there was none. @since 0.1 */
TV_API int32_t tv_error_http_status(const tv_error *error);

/**
 * Count the error codes of Cloudflare's API in the reply. The numbers of its edge (error 1015 and the
 * like) mean other things: they stand in the message.
 *
 * @since 0.1
 */
TV_API size_t tv_error_code_count(const tv_error *error);

/** Give Cloudflare's error code number `index`, 0 when there is none. @since 0.1 */
TV_API int64_t tv_error_code(const tv_error *error, size_t index);

/** Give the reply's cf-ray, for Cloudflare's support; "" when there is none.  Owner: the error.
 * @since 0.1 */
TV_API const char *tv_error_cf_ray(const tv_error *error);

/** Tell how long to wait before trying again, in ms; -1 when not known, and where trying again does
 * not help (tv_error_retriable). @since 0.1 */
TV_API int64_t tv_error_retry_after_ms(const tv_error *error);

/** Give what lies behind the failure, below HTTP. @since 0.1 */
TV_API tv_cause tv_error_cause(const tv_error *error);

/** Give the errno of the system call that failed, 0 when there is none. @since 0.1 */
TV_API int32_t tv_error_system_error(const tv_error *error);

/** Give libcurl's code (CURLcode) for the end of the last transfer, 0 without one. @since 0.1 */
TV_API int32_t tv_error_curl_code(const tv_error *error);

/** Free an error. @since 0.1 */
TV_API void tv_error_free(tv_error *error);

/* ---- Configuration ------------------------------------------------------------------------ */

/**
 * Make a set of settings, all at their defaults. docs/CONFIGURATION.md lists them.
 *
 * Vaults and engines copy what they need when they are made.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_config_new(tv_config **config_out, tv_error **error_out);

/**
 * Set one setting by name; the value is text, such as "30000", "true" or "/etc/ssl/ca.pem".
 *
 * Fails with TV_E_CONFIG_NAME or TV_E_CONFIG_VALUE; the message names the bounds.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_config_set(tv_config *config, const char *name, size_t name_len,
                                        const char *value, size_t value_len,
                                        tv_error **error_out);

/**
 * Give one setting as text.
 *
 * @param value_out  borrowed until the setting is set again or the config is freed.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_config_get(const tv_config *config, const char *name, size_t name_len,
                                        const char **value_out, size_t *value_len_out,
                                        tv_error **error_out);

/**
 * Hand over a secret by name, beside the settings. It is kept in guarded memory and never given
 * back, printed or described.
 *
 * There are "s3.access_key", "s3.secret_key" and "s3.session_token", printable ASCII without spaces
 * (the table above has their lengths): what opens the object store of a vault at s3://BUCKET/KEY
 * where the setting s3.keys names no other place. "redis.password" and, where its ACL names one,
 * "redis.user" log an engine into the Redis of redis.addresses where redis.login names no other
 * place.
 *
 * Fails with TV_E_CONFIG_NAME or TV_E_CREDENTIAL_FORMAT. The bytes are copied at once; wipe your own
 * copy afterwards.
 * @param secret  an empty one takes an earlier one away.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_config_secret(tv_config *config, const char *name, size_t name_len,
                                           const void *secret, size_t secret_len,
                                           tv_error **error_out);

/**
 * Describe every setting: name, type, bounds, default, text.
 *
 * @param document_out  one view, "json": an array of objects.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_config_describe(tv_document **document_out, tv_error **error_out);

/** Free a configuration. @since 0.1 */
TV_API void tv_config_free(tv_config *config);

/* ---- Unlocking ---------------------------------------------------------------------------- */

/**
 * Hold a passphrase of 1 to 1024 bytes in guarded memory.
 *
 * The bytes are copied at once; wipe your own copy afterwards.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_unlock_passphrase(const void *passphrase, size_t passphrase_len,
                                               tv_unlock **unlock_out, tv_error **error_out);

/**
 * Hold a raw key of exactly 32 random bytes in guarded memory. Opens in milliseconds, where a
 * passphrase takes about a second.
 *
 * Fails with TV_E_ARGUMENT when it has another length, or is a few bytes again and again.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_unlock_key(const void *key, size_t key_len, tv_unlock **unlock_out,
                                        tv_error **error_out);

/**
 * Use the content of a file as the key: a file that only its owner may read, of 32 bytes to 64 KiB.
 *
 * Fails with TV_E_IO when it cannot be read or changes meanwhile, TV_E_UNSAFE_FILE when it is no
 * regular file, has a second name, belongs to a user other than this one and root, or lets group or
 * others do anything; TV_E_ARGUMENT when it holds a few characters again and again.
 *
 * Blocks: on the disk.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_unlock_keyfile(const char *path, size_t path_len,
                                            tv_unlock **unlock_out, tv_error **error_out);

/**
 * Use a credential that systemd handed to this service: the file `name` in the directory that
 * $CREDENTIALS_DIRECTORY names, read at this call. It opens what the same content sealed as a key
 * file, and the other way round.
 *
 * Fails as tv_unlock_keyfile(), and with TV_E_NOT_FOUND where systemd handed over none.
 *
 * Blocks: on the disk.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_unlock_credential(const char *name, size_t name_len,
                                               tv_unlock **unlock_out, tv_error **error_out);

/** Wipe and free an unlock secret. @since 0.1 */
TV_API void tv_unlock_free(tv_unlock *unlock);

/* ---- Vault -------------------------------------------------------------------------------- */

/**
 * Create an empty vault file, sealed with `unlock`; TV_E_EXISTS when the path is taken,
 * TV_E_UNSAFE_FILE where others may write to the directory, also to a sticky one.
 *
 * An empty path makes a vault in memory only, which ends with its last handle.
 *
 * "s3://BUCKET/KEY" in the place of a path, here and wherever a vault's path goes, is an object in the
 * S3-compatible store that the settings s3.* of `config` describe. A store that ignores If-Match or
 * If-None-Match is refused here (TV_E_OTHER). Whatever asks such a store fails with
 * TV_E_FORBIDDEN where it refuses the keys, TV_E_REDIRECT where the bucket is in another region,
 * TV_E_RATE_LIMITED, TV_E_SERVER, TV_E_TRANSPORT, TV_E_PROXY or TV_E_TLS, and where TV_E_IO
 * would be told of a file.
 *
 * TV_E_EXISTS also where s3.copy_file names a file that is no copy of this vault.
 *
 * Blocks: on the disk, for the passphrase's cost, and on an object store for twice
 * s3.timeout_ms at most.
 * @param config  may be NULL: defaults.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_create(const char *path, size_t path_len,
                                          const tv_unlock *unlock, const tv_config *config,
                                          tv_vault **vault_out, tv_error **error_out);

/**
 * Open a vault file, or the vault at "s3://BUCKET/KEY"; see tv_vault_create().
 *
 * Each kind of damage has its own status (TV_E_NOT_VAULT to TV_E_RECORD_AUTH); the file is never
 * changed by opening it. One older than vault.min_generation is refused with TV_E_ROLLBACK.
 *
 * A relative path begins at the working directory of this moment. Links in the path to the file's
 * directory may lead elsewhere later: the vault there is followed then. A file that is mounted by
 * itself is refused with TV_E_UNSAFE_FILE, as the file of its next state would never be seen: mount
 * its directory. With vault.max_stale_ms 0, which asks to follow nothing, it is opened.
 *
 * A thread of the library looks whether another process changed the file or object: every two
 * seconds at an object, and twice a second at a file while the vault is in use (vault.refresh_ms
 * says otherwise for both); at a file that nobody uses ever more seldom, and then before the next
 * use. The vault goes on with the newer state, and so do its tenants and running engines, within
 * two seconds, three at an object, and without a lock. A file system or a store that
 * does not answer holds up none of them for longer than 0.2 s. What it answered after a pause, or
 * what takes longer than a second to read, is waited for: about 6 ms for each MiB. What was removed
 * or replaced is not lent any more from then on, whether a request waits, sleeps, has joined
 * another one or could be answered from the cache.
 *
 * A look that fails changes nothing at first and is told by tv_vault_describe() and
 * tv_engine_stats(). When looks have failed for vault.max_stale_ms (the file cannot be read, is
 * gone, is damaged, is another one, is an old copy, was rekeyed), nobody knows what was removed
 * meanwhile, and nothing is lent any more: TV_E_STALE, until a look succeeds. Once a look has met a
 * rekey, no state from before it is taken again: TV_E_ROLLBACK, until tv_vault_unlock() or a vault
 * that is opened anew.
 *
 * With s3.copy_file this host keeps the sealed bytes of an object on its disk as well, and opens and
 * unlocks the vault from there while the store cannot be reached, for vault.max_stale_ms after its
 * last answer; the look that failed is told as above. An object older than what the host has seen is
 * refused with TV_E_ROLLBACK, one of another vault with TV_E_CONFLICT.
 *
 * Blocks: on the disk, for the passphrase's cost, and on an object store for s3.timeout_ms at most.
 * @param config  may be NULL: defaults.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_open(const char *path, size_t path_len, const tv_unlock *unlock,
                                        const tv_config *config, tv_vault **vault_out,
                                        tv_error **error_out);

/**
 * Read the file again now if another process changed it.
 *
 * Fails, and goes on with the state it has, as tv_vault_open() does, with TV_E_ROLLBACK when the
 * file is older than what was read before or than a rekey that was met before, with TV_E_UNLOCK
 * when the vault was rekeyed, and with TV_E_CONFLICT when the file is another vault.
 *
 * Blocks: on the disk, and on an object store for s3.timeout_ms at most.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_refresh(tv_vault *vault, tv_error **error_out);

/** Give the number of the snapshot in use; every edit that changes something adds one.
 * @since 0.1 */
TV_API TV_CHECK tv_status tv_vault_generation(const tv_vault *vault, uint64_t *generation_out,
                                              tv_error **error_out);

/**
 * List every credential of every tenant: metadata only, no secrets.
 *
 * @param document_out  one view, "json": {"generation":N,"accounts":[…]}, an account with a
 *                      retiring credential twice, the active one first.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_list(const tv_vault *vault, tv_document **document_out,
                                        tv_error **error_out);

/**
 * Describe the vault: identity, format, generation, times, counts, its unlocks, "refresh_error"
 * when the last look at the file failed or has not come back for two seconds, and "copy_error"
 * ({"status", "message"}) when the copy of s3.copy_file could not be written, or what lies beside
 * it is damaged.
 *
 * @param document_out  one view, "json". "unlocks" is an array of {"slot", "type", "label"} and,
 *                      for passphrases, "kdf_memory_kib" and "kdf_passes". "refresh_error" is
 *                      {"status", "message", "since", "stale"}: "since" is when the first of the
 *                      looks failed, or, where somebody did something to the file, when the last
 *                      good one began; "stale" is whether nothing is lent any more.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_describe(const tv_vault *vault, tv_document **document_out,
                                            tv_error **error_out);

/**
 * Check the stored vault: read it afresh and open every record, without lending a secret.
 *
 * Fails with the status of the first fault; the message names the record.
 *
 * Blocks: on the disk, and about 10 µs for each credential.
 * @param document_out  one view, "json": {"vault_id", "generation", "bytes", "tenants",
 *                      "credentials", "epochs"}.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_verify(const tv_vault *vault, tv_document **document_out,
                                          tv_error **error_out);

/**
 * Wipe every key of the vault and of the tenants taken from it.
 *
 * They fail with TV_E_LOCKED until tv_vault_unlock(). A request that is on the wire ends; its next
 * try fails, and so does one that still connects. Open edits end too: what was put into them is
 * wiped, and every further call on them fails with TV_E_LOCKED, also after tv_vault_unlock(); so
 * does a commit or a tv_vault_export() that is not being stored yet. A tv_vault_unlock() that began
 * before does not open the vault again.
 * Tenants of a vault that was closed with tv_vault_free() keep their key.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_lock(tv_vault *vault, tv_error **error_out);

/**
 * Open a locked vault again, as it is stored now; tenants taken before the lock work again.
 *
 * Fails as tv_vault_open() and tv_vault_refresh(). A vault that is not locked takes the stored
 * state as well, so a service goes on after a rekey once it gives the new secret; its tenants go on
 * with it.
 *
 * Blocks: on the disk, and for the passphrase's cost.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_unlock(tv_vault *vault, const tv_unlock *unlock,
                                          tv_error **error_out);

/**
 * Write one tenant, or every tenant, into a new vault with keys of its own: a file, or
 * "s3://BUCKET/KEY".
 *
 * TV_E_EXISTS when the path is taken. Nothing in the new file tells which vault it came from.
 *
 * Blocks: on the disk, for the passphrase's cost, and about 10 µs for each credential.
 * @param tenant  the tenant's name; NULL (not ""): every tenant.
 * @param unlock  what opens the new vault.
 * @param config  may be NULL: defaults.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_vault_export(const tv_vault *vault, const char *tenant,
                                          size_t tenant_len, const char *path, size_t path_len,
                                          const tv_unlock *unlock, const tv_config *config,
                                          tv_error **error_out);

/**
 * Close a vault.
 *
 * Tenants taken from it go on with what they know, but learn of no rotation or removal any more:
 * vault.max_stale_ms later they lend nothing (TV_E_STALE). Keep a vault open while its tenants are
 * in use. Only tenants of a vault in memory, which nobody else can change, go on for ever.
 * @since 0.1
 */
TV_API void tv_vault_free(tv_vault *vault);

/* ---- Changing a vault --------------------------------------------------------------------- */

/**
 * Begin a change. Nothing happens to the vault before tv_edit_commit().
 *
 * A step that fails ends the edit, whatever was wrong with it: every later step and the commit fail
 * with the same status, what was put is wiped and nothing is stored. Otherwise a put whose "origin"
 * was refused would be stored for the default origin. Free the edit and begin a new one.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_begin(tv_vault *vault, tv_edit **edit_out, tv_error **error_out);

/**
 * Store the API token of a tenant's account, in the place of its active credential if it has one.
 *
 * A retiring credential stays; a replaced one's properties do not. TV_E_LIMIT when the edit has
 * 1,000,000 steps.
 *
 * @param tenant   1 to 128 bytes of UTF-8 without control characters; made when new.
 * @param account  Cloudflare's account id: 32 lower-case hexadecimal digits.
 * @param token    1 to 512 printable ASCII bytes without spaces. Wipe your copy afterwards.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_put_token(tv_edit *edit, const char *tenant, size_t tenant_len,
                                            const char *account, size_t account_len,
                                            const void *token, size_t token_len,
                                            tv_error **error_out);

/**
 * Store the Global API Key of a tenant's account, as tv_edit_put_token().
 *
 * @param email  the key's e-mail address, sent as X-Auth-Email.
 * @param key    as `token` of tv_edit_put_token().
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_put_key(tv_edit *edit, const char *tenant, size_t tenant_len,
                                          const char *account, size_t account_len,
                                          const char *email, size_t email_len, const void *key,
                                          size_t key_len, tv_error **error_out);

/**
 * Set a property of an account's active credential, stored or put by this edit.
 *
 * "label"         UTF-8, at most 128 bytes, no control characters; empty: none.
 * "budget_group"  whose quota its requests spend, as a label; empty: the token or key has one of its
 *                 own. Give one to all credentials of one Cloudflare user. The name is the vault's:
 *                 processes share the group when they open the same vault file.
 * "not_before"    RFC 3339 with a zone; not used before; empty: no bound. Milliseconds are kept;
 *                 a finer time becomes later, that of "expires" earlier.
 * "expires"       RFC 3339 with a zone; not used from then on; empty: no bound. A time in the
 *                 past is taken, and ends the use at once.
 * "origin"        scheme, host and port the secret may be sent to, "https://api.cloudflare.com" by
 *                 default. Only of a credential that this edit has just put, otherwise
 *                 TV_E_ORIGIN: a stored secret is never pointed elsewhere.
 *
 * Another name fails with TV_E_CONFIG_NAME, an account without an active credential with
 * TV_E_NOT_FOUND.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_set(tv_edit *edit, const char *tenant, size_t tenant_len,
                                      const char *account, size_t account_len, const char *name,
                                      size_t name_len, const char *value, size_t value_len,
                                      tv_error **error_out);

/**
 * Make an account's active credential the retiring one, in the place of an older retiring one.
 *
 * Follow it with tv_edit_put_token() in the same edit to rotate a credential. A retiring
 * credential is used when there is no active one or that one is not valid now. Where the new
 * secret is the active one already, nothing is rotated: an older retiring one stays, and so does
 * each property of the active one that the edit does not set.
 * TV_E_NOT_FOUND without an active one.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_retire(tv_edit *edit, const char *tenant, size_t tenant_len,
                                         const char *account, size_t account_len,
                                         tv_error **error_out);

/**
 * Make an account's retiring credential the active one, and the active one, if any, retiring.
 *
 * Undoes a rotation. TV_E_NOT_FOUND without a retiring one.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_promote(tv_edit *edit, const char *tenant, size_t tenant_len,
                                          const char *account, size_t account_len,
                                          tv_error **error_out);

/** Remove an account's retiring credential: the end of a rotation. TV_E_NOT_FOUND without one.
 * @since 0.1 */
TV_API TV_CHECK tv_status tv_edit_remove_retiring(tv_edit *edit, const char *tenant,
                                                  size_t tenant_len, const char *account,
                                                  size_t account_len, tv_error **error_out);

/** Remove a tenant's account and its secrets; a tenant goes with its last account, and with it the
 * vault's previous generation (`<vault>.prev`), which still holds it. @since 0.1 */
TV_API TV_CHECK tv_status tv_edit_remove(tv_edit *edit, const char *tenant, size_t tenant_len,
                                         const char *account, size_t account_len,
                                         tv_error **error_out);

/**
 * Shred a tenant: its key, its accounts and secrets go, and the vault's previous generation
 * (`<vault>.prev`), which still holds them. TV_E_NOT_FOUND when there is no such tenant.
 *
 * Older copies of the file, backups and the blocks of a disk that wears evenly keep the sealed
 * bytes; revoke the tokens at Cloudflare as well.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_remove_tenant(tv_edit *edit, const char *tenant,
                                                size_t tenant_len, tv_error **error_out);

/**
 * Add a way to unlock the vault; there can be eight. No record is sealed anew.
 *
 * `known` must open the vault already (TV_E_UNLOCK): its root key is kept nowhere. TV_E_LIMIT at
 * the commit when all slots are in use, and for a third passphrase: opening tries two.
 *
 * Blocks: for the cost of both passphrases.
 * @param label  UTF-8, at most 40 bytes, no control characters; may be empty. Readable without a
 *               key by whoever has the file.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_add_unlock(tv_edit *edit, const tv_unlock *known,
                                             const tv_unlock *added, const char *label,
                                             size_t label_len, tv_error **error_out);

/**
 * Remove the unlock in a slot, and the vault's previous generation, which it still opens.
 *
 * Whoever knows a removed unlock and has seen the file may have the root key: rekey after a
 * suspected exposure. The last unlock cannot be removed (TV_E_ARGUMENT at the commit).
 *
 * @param slot  0 to 7, as tv_vault_describe() tells; TV_E_NOT_FOUND when it is not in use.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_remove_unlock(tv_edit *edit, int32_t slot,
                                                tv_error **error_out);

/**
 * Seal everything under new keys that `unlock` alone opens: after a suspected exposure of an
 * unlock secret or of the vault's keys. The previous generation goes.
 *
 * All other unlocks are dropped; add them again in a later edit, since one edit either rekeys or
 * changes unlocks (TV_E_ARGUMENT). Copies of the old file stay readable to whoever had the keys:
 * rotate the tokens too. Other processes that have the vault open go on with what they know for
 * vault.max_stale_ms, a quarter of an hour by default, and lend nothing afterwards until they open
 * it anew.
 *
 * Blocks: for the passphrase's cost.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_rekey(tv_edit *edit, const tv_unlock *unlock,
                                        tv_error **error_out);

/**
 * Tell what looks wrong about the credentials that this edit has put, and was taken all the same:
 * Cloudflare changes the forms of its secrets, so nothing is refused for its looks.
 *
 * Also after the commit. Nothing of a secret is in it.
 *
 * @param document_out  one view, "json": an array of {"tenant", "account_id", "code", "message"},
 *                      of at most 1000 accounts. "code" is "token_looks_like_key",
 *                      "key_looks_like_token", "looks_like_origin_ca_key", "is_quoted",
 *                      "is_placeholder" ({env.X}, ${X}, <token>), "is_table_row" (a comma or a
 *                      semicolon in it), "has_expired" or "is_never_valid" (of times that this
 *                      edit sets); ignore one that you do not know.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_hints(const tv_edit *edit, tv_document **document_out,
                                        tv_error **error_out);

/**
 * Make the whole change durable, or nothing of it. The edit is finished either way.
 *
 * The edit is applied to the newest snapshot, so that changes of other processes are kept. A step
 * touches only the credentials that were stored when it was asked for: when another writer has
 * replaced, moved or removed one of them, or put one where there was none, TV_E_CONFLICT, and
 * nothing is changed. A change of a property alone is no conflict, and what a removal no longer
 * finds is removed. The vault has the newer state then: look, and begin a new edit.
 *
 * An object store may have stored the change although its answer was lost. That is found out by
 * reading; where it cannot be known, TV_E_DURABILITY_UNKNOWN: refresh the vault and look.
 *
 * Blocks: on the disk, and up to vault.lock_timeout_ms for another writer: half of it, once, for one
 * that was stopped while it waited itself. In memory as long as other threads' commits compute. On
 * an object store about three times s3.timeout_ms at most; where other hosts are faster each time,
 * or the store says so, for vault.lock_timeout_ms before that.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_commit(tv_edit *edit, tv_error **error_out);

/**
 * End an edit from another thread: a commit that waits for another writer, or would begin once more
 * as another host was faster, ends with TV_E_CANCELLED, nothing is stored, and what was put is
 * wiped. A commit that writes already goes on, and tells itself how it ended.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_edit_cancel(tv_edit *edit, tv_error **error_out);

/** Free an edit; one that is not committed is dropped and its secrets are wiped. @since 0.1 */
TV_API void tv_edit_free(tv_edit *edit);

/* ---- Tenants ------------------------------------------------------------------------------ */

/**
 * Take one tenant out of a vault: all that a request can be made for.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_tenant_open(const tv_vault *vault, const char *name, size_t name_len,
                                         tv_tenant **tenant_out, tv_error **error_out);

/** List this tenant's accounts, as tv_vault_list() does. @since 0.1 */
TV_API TV_CHECK tv_status tv_tenant_list(const tv_tenant *tenant, tv_document **document_out,
                                         tv_error **error_out);

/** Give a tenant back. Requests under way go on. @since 0.1 */
TV_API void tv_tenant_free(tv_tenant *tenant);

/* ---- Requests ----------------------------------------------------------------------------- */

/**
 * Ask for the delivery trace of one message.
 *
 * @param account  an account id, or empty when the tenant has exactly one account.
 * @param message  investigate id, postfix id or alert id: 1 to 256 of [0-9A-Za-z.:_+-], the first
 *                 a letter or digit.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_request_trace(const char *account, size_t account_len,
                                           const char *message, size_t message_len,
                                           tv_request **request_out, tv_error **error_out);

/**
 * Ask for the messages of an account that filters describe, to learn their message ids.
 *
 * Without filters: the newest of the last 30 days, detections and clean mail alike.
 *
 * @param account  an account id, or empty when the tenant has exactly one account.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_request_search(const char *account, size_t account_len,
                                            tv_request **request_out, tv_error **error_out);

/**
 * Ask whether the credential of an account works, and until when.
 *
 * That it does not work is a result ("valid": false), not a failure. Asks Cloudflare for the
 * token's status, of an account-owned or a user's token; for the user of a global key. That says
 * nothing of permissions: the option "access" does. Goes out also
 * while other requests fail with TV_E_CREDENTIAL (credential.retry_ms); finding the credential good
 * ends that.
 *
 * @param account  an account id, or empty when the tenant has exactly one account.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_request_check(const char *account, size_t account_len,
                                           tv_request **request_out, tv_error **error_out);

/**
 * Set one option of a request; the value is text. TV_E_CONFIG_NAME, with the names there are, for
 * one that this kind of request does not have; TV_E_CONFIG_VALUE for a value it cannot have.
 *
 * Every request:
 * "deadline_ms"  how long the request may take in all, 1 to 86400000; default request.deadline_ms.
 *                One that the quota and the queue cannot meet fails at once with
 *                TV_E_RATE_LIMITED and the time to come back.
 * "patient"      "true": the wait for its turn and for a permit of the quota is not counted in the
 *                deadline. Default: "true" for bulk requests that set no "deadline_ms".
 * "priority"     "interactive" (default) or "bulk": within a tenant, bulk requests wait while
 *                interactive ones do.
 *
 * A trace:
 * "wait_ms"      how long to ask again while the trace is still pending, 0 to 86400000; default 0:
 *                after 1 s, 2 s, 4 s … 30 s, and each time costs a request of the quota
 *                (docs/limits.md). When it ends, or a later look fails for good, the incomplete
 *                trace is the result ("complete": false; "error" says why the look failed).
 * "fresh"        "true": ask Cloudflare even when the engine knows the complete trace already or
 *                is fetching it. Otherwise a complete trace is kept for cache.max_age_ms.
 * "submission"   "true" or "false": send the query parameter `submission` (which datastore to
 *                search). Not sent unless set: Cloudflare dropped it from this call in 2026.
 *
 * A check:
 * "access"       "true": ask for one message as well, when the credential is valid: only that shows
 *                whether a permission is missing ("access" of the document). Default "false".
 *
 * A search:
 * "limit"        how many messages to give in all, 1 to 100000; default 100.
 * "per_page"     how many to ask for at a time, 1 to 100000; default: equal pages of at most 1000.
 * "cursor"       where to begin: "next_cursor" of an earlier search with the same other options; at
 *                most 4096 bytes.
 * "detections_only"  "true": leave out the mail in which Cloudflare found nothing; default
 *                "false". Always sent, because Cloudflare's own default is true.
 * "start" "end"  times of RFC 3339 with a zone; Cloudflare's defaults are 30 days ago and now. An
 *                end before the start is TV_E_ARGUMENT where the request is submitted, or the hunt
 *                begins: nothing would be found, and that would pass for an answer.
 * "sender" "recipient" "domain" "subject" "message_id" "alert_id" "smtp_helo_ip" "query"
 *                text of 1 to 1024 bytes without control characters, escaped by the library;
 *                "query" looks in all of them, and in attachments' names and hashes.
 * "delivery_status" "final_disposition" "message_action" "metric"
 *                a word of letters, - and _, such as "quarantined" or "MALICIOUS". Passed on as it
 *                is: Cloudflare knows which there are, and changes them.
 *
 * A hunt has the options of a search but "cursor", those of a trace, and:
 * "hash"         of an attachment, as Cloudflare shows it: goes into "query", behind what that says.
 * "traces"       "false": tell the messages that are found, and fetch no traces. Default "true".
 * "window"       how many requests of the hunt are under way and findings of it not taken, together
 *                at most, 1 to 1024; default 256. Beyond it the hunt waits for tv_engine_take().
 * "progress"     "true": tell how far the hunt is as well (TV_RESULT_PROGRESS). Default "false".
 * In a hunt "limit" is for each account and 1000 by default; "priority" is "bulk" by default;
 * "deadline_ms" is for each of its requests; "patient" is "true" by default, so their waits for the
 * quota do not count.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_request_set(tv_request *request, const char *name, size_t name_len,
                                         const char *value, size_t value_len,
                                         tv_error **error_out);

/** Free a request. It may be submitted any number of times before. @since 0.1 */
TV_API void tv_request_free(tv_request *request);

/* ---- Engine ------------------------------------------------------------------------------- */

/**
 * Start an engine: one thread, "tracevault" by name, all signals blocked in it.
 *
 * TV_E_SHUTDOWN in an exit handler that runs after the library's own: OpenSSL ends then, too.
 *
 * A host that closes descriptors which it does not know (close_range(3, ~0) of a daemon) ends its
 * engines: what is under way and later calls that need its thread give TV_E_DESCRIPTORS_LOST. The
 * engine then uses and closes none of them any more, whatever the host opens by the same numbers, and
 * leaves libcurl what it holds in memory. Make engines after that.
 *
 * @param config  may be NULL: defaults.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_new(const tv_config *config, tv_engine **engine_out,
                                        tv_error **error_out);

/**
 * Queue a request. Exactly one result with this id will come out of tv_engine_take().
 *
 * TV_E_QUEUE_FULL when engine.max_queued requests are waiting, under way or not yet taken, or the
 * tenant has its share of them: engine.max_queued_per_tenant, or eight times as many as are free. A
 * trace that an identical request of the same tenant is fetching is not fetched twice: each gets the
 * one answer, or its own deadline or cancel, and each has its own tries.
 *
 * A request that the quota and those before it cannot let go before its deadline is refused at once:
 * TV_E_RATE_LIMITED with the time to come back. For more than the quota gives in that time set
 * "priority" to "bulk", or "patient" to "true" (tv_request_set): then that wait is not counted.
 *
 * A deadline's error says what the request waited for, and how many tries there were. Tried again
 * are broken connections, a first byte or a body that does not come, a proxy that cannot reach the
 * server (HTTP 429 and 5xx to CONNECT; of SOCKS general failure, network or host unreachable,
 * refused, time to live), HTTP 408, 500, 502 to 504, 520 to 527, 529 and 530, what a problem
 * document calls "retryable", and what this host lacks for a moment (TV_E_NO_DESCRIPTORS,
 * TV_E_NO_MEMORY); never a certificate, never what a proxy does not allow, and never a login that a
 * proxy refused.
 *
 * @param tag     any number of the host's own; comes back with the result.
 * @param id_out  names the request for tv_engine_cancel(); may be NULL. Written before any thread
 *                can take the result.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_submit(tv_engine *engine, const tv_tenant *tenant,
                                           const tv_request *request, uint64_t tag,
                                           uint64_t *id_out, tv_error **error_out);

/**
 * Take a waiting result; *result_out is NULL when the time ran out.
 *
 * Tenants take turns, and the oldest of each one comes first. Results of a hunt come in their order,
 * as if they were all of one tenant.
 *
 * After tv_engine_shutdown() and the last result it fails with TV_E_SHUTDOWN.
 *
 * Blocks: up to timeout_ms (0 polls, -1 waits).
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_take(tv_engine *engine, int32_t timeout_ms,
                                         tv_result **result_out, tv_error **error_out);

/**
 * Give a file descriptor that is readable while results wait.
 *
 * Level-triggered: readable exactly while tv_engine_take() would return at once. Poll it; never
 * read, write or close it.
 *
 * Owner: the engine; valid until tv_engine_free().
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_fd(const tv_engine *engine, int *fd_out, tv_error **error_out);

/**
 * Cancel a request. Its result comes all the same, with TV_E_CANCELLED or, if it was just done,
 * with its answer. TV_E_NOT_FOUND when the id is not known or its result is already there.
 *
 * Of a hunt come the findings that wait already, then its TV_RESULT_HUNT with TV_E_CANCELLED.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_cancel(tv_engine *engine, uint64_t id, tv_error **error_out);

/**
 * Submit one request and wait for its result, which does not pass through tv_engine_take().
 *
 * A failed request gives its own status here, and its error; *result_out is written only when a
 * trace came. Several threads may fetch at once.
 *
 * Blocks: until the request is done, at most its deadline; a patient one (tv_request_set) also as
 * long as its turn and the quota take.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_fetch(tv_engine *engine, const tv_tenant *tenant,
                                          const tv_request *request, tv_result **result_out,
                                          tv_error **error_out);

/**
 * Describe what the engine is doing: queue depths, requests under way, budget groups, outcomes.
 *
 * Also after tv_engine_shutdown(): as it was at the end. docs/statistics.md has every number.
 *
 * Blocks: until the engine's thread has come round, normally less than a millisecond.
 * @param document_out  one view, "json".
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_stats(const tv_engine *engine, tv_document **document_out,
                                          tv_error **error_out);

/**
 * Estimate how long `count` more requests of an account take, if nobody else spends of its quota.
 *
 * "available", "burst" and "per_minute": how many may go at once, at once after a rest, and in a
 * minute of steady flow; null without a quota. "parked_ms": how long the quota still rests after a
 * 429. "ahead": what waits already and goes before. "first_ms", "done_ms", "done_at": when the first
 * and the last of them may go. "address": "available" and "per_minute" of what all tenants of this
 * host send together (budget.ip_per_second), which "first_ms" and "done_ms" count in. Each reply takes
 * its own time on top; retries and pages spend the same quota.
 *
 * Blocks: until the engine's thread has come round, normally less than a millisecond.
 * @param account  an account id, or empty when the tenant has exactly one account.
 * @param count    1 to 1000000000.
 * @param document_out  one view, "json".
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_estimate(const tv_engine *engine, const tv_tenant *tenant,
                                             const char *account, size_t account_len,
                                             uint64_t count, tv_document **document_out,
                                             tv_error **error_out);

/**
 * Lift the parking of the quota that an account's requests spend, and a slower pace that the server
 * asked for: what waits goes on at once.
 *
 * After HTTP 429 a quota rests for five minutes, or an hour where the server said so twice; in the
 * ledger (budget.ledger), so for all processes that share it and also when this one has ended. Lift it
 * when you know better, such as after a wrong Retry-After. Engines of other processes notice within
 * five seconds. Should the server refuse again, the quota rests again. TV_OK where nothing rests.
 *
 * Blocks: until the engine's thread has come round, normally less than a millisecond.
 * @param account  an account id, or empty when the tenant has exactly one account.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_lift(tv_engine *engine, const tv_tenant *tenant,
                                         const char *account, size_t account_len,
                                         tv_error **error_out);

/**
 * Complete everything that waits or is under way with TV_E_SHUTDOWN and end the thread.
 *
 * The results can still be taken. A second call does nothing.
 *
 * Blocks: for the thread, normally a few milliseconds.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_shutdown(tv_engine *engine, tv_error **error_out);

/** Shut an engine down and free it, with the results not taken.  Blocks: as the shutdown.
 * @since 0.1 */
TV_API void tv_engine_free(tv_engine *engine);

/* ---- Hunts -------------------------------------------------------------------------------- */

/**
 * Ask for all messages that filters describe, in all accounts of some tenants, and for the trace of
 * each: "a user reports this Message-ID: which of my accounts received it, and what happened to each
 * copy?" For tv_engine_hunt() and tv_engine_hunt_vault() alone.
 *
 * With one tenant and its account it is a search whose results feed traces.
 *
 * @param account  an account id, or empty for every account of the tenants.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_request_hunt(const char *account, size_t account_len,
                                          tv_request **request_out, tv_error **error_out);

/**
 * Begin a hunt: search each account of these tenants, page after page, and fetch the trace of each
 * message that is found. What it finds comes out of tv_engine_take() with this tag and id, each as it
 * comes, as TV_RESULT_FINDING; in the end exactly one TV_RESULT_HUNT.
 *
 * An account is asked once, also when several of the tenants have it: through the first whose search
 * succeeds. A message is told once for each account. An account that could not be asked, or not to
 * the end, is a finding with an error. The accounts are those that the vaults have at this call; the
 * credentials are looked up for each request, as for any other.
 *
 * Its requests wait, by default, while others of the same tenants do, and for the quota as long as it
 * takes. They have no part in engine.max_queued; what is found and not taken counts in
 * engine.max_result_bytes, and "window" bounds it (tv_request_set). tv_engine_cancel() with the id
 * ends the hunt and all of its requests.
 *
 * TV_E_NOT_FOUND when none of the tenants has the account. TV_E_QUEUE_FULL when 32 hunts are alive,
 * one until its TV_RESULT_HUNT is taken, or a tenant has as many as are free. TV_E_LIMIT beyond
 * 100000 tenants or accounts, or when tenants share accounts so often that they have 200000.
 *
 * @param tenants  `tenant_count` handles, at least one; may be freed when the call has returned.
 * @param request  of tv_request_hunt(); TV_E_ARGUMENT for another, and where "end" lies before "start".
 * @param tag      any number of the host's own; comes back with every result of the hunt.
 * @param id_out   names the hunt for tv_engine_cancel(); may be NULL. Written before any thread can
 *                 take a result of it.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_hunt(tv_engine *engine, const tv_tenant *const *tenants,
                                         size_t tenant_count, const tv_request *request,
                                         uint64_t tag, uint64_t *id_out, tv_error **error_out);

/**
 * Begin a hunt through every tenant of a vault; see tv_engine_hunt(). TV_E_NOT_FOUND for an empty one.
 *
 * The key of each tenant is held while the hunt is alive: TV_E_LIMIT where guarded memory
 * (2 MiB for each process) has no room for that many.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_engine_hunt_vault(tv_engine *engine, const tv_vault *vault,
                                               const tv_request *request, uint64_t tag,
                                               uint64_t *id_out, tv_error **error_out);

/* ---- Results ------------------------------------------------------------------------------ */

/** What a result is about; treat an unknown kind as "not for me" and free it. */
enum tv_kind {
    TV_RESULT_NONE = 0,
    TV_RESULT_TRACE = 1,
    TV_RESULT_SEARCH = 2,
    TV_RESULT_CHECK = 3,
    /**
     * Something that the library tells without being asked. Its id and tag are 0, its one view is
     * "notice" (docs/notices.md, docs/notice.schema.json). Only where engine.max_notices is set.
     * tv_engine_take() gives it when no answer waits; where nobody takes notices, the oldest are
     * lost, and nothing else.
     */
    TV_RESULT_NOTICE = 4,
    /**
     * What a hunt has found: one copy of a message, or an account that could not be asked, or not to
     * the end. Its status is that of the trace, or why the account could not be asked.
     */
    TV_RESULT_FINDING = 5,
    /**
     * A hunt is over: its last result. TV_OK unless it was ended before its time. Whether all was
     * asked is told by "failed" of the view "hunt": of TV_OK it is 0 where every account was.
     */
    TV_RESULT_HUNT = 6,
    /**
     * How far a hunt is, where "progress" is set (tv_request_set): the newest state, after the last
     * one was taken and something has changed.
     */
    TV_RESULT_PROGRESS = 7
};

/** Tell what a result is about; TV_RESULT_NONE for a dead handle. @since 0.1 */
TV_API int32_t tv_result_kind(const tv_result *result);

/** Give the id that tv_engine_submit() or tv_engine_hunt() gave; 0 for a dead handle. @since 0.1 */
TV_API uint64_t tv_result_id(const tv_result *result);

/** Give the host's own number; 0 for a dead handle. @since 0.1 */
TV_API uint64_t tv_result_tag(const tv_result *result);

/** Tell how the request ended: TV_OK or why not. @since 0.1 */
TV_API tv_status tv_result_status(const tv_result *result);

/**
 * Give the reason of a failed request; *failure_out is NULL when it succeeded.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_result_error(const tv_result *result, tv_error **failure_out,
                                         tv_error **error_out);

/**
 * Give the answer in a view: "trace", "search" or "check", by what was asked
 * (docs/trace.schema.json, docs/search.schema.json, docs/check.schema.json), or "raw" (the body of
 * the last reply as received).
 *
 * A trace has also the views of tv_document_decode(); a search has also "brief", the same without
 * Cloudflare's own items.  Owner: the result, until tv_result_free().
 * A failed request has only "raw", and only when a reply came and its body was kept (not one that
 * is too large); otherwise TV_E_NOT_FOUND.
 *
 * A finding has "finding" (docs/finding.schema.json), also where its trace failed; "found", the same
 * without the trace; and where a trace came all views of that. The other results of a hunt have
 * "hunt" (docs/hunt.schema.json).
 * @param data_len_out  may be NULL.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_result_document(tv_result *result, const char *view, size_t view_len,
                                            const char **data_out, size_t *data_len_out,
                                            tv_error **error_out);

/** Free a result and its document. @since 0.1 */
TV_API void tv_result_free(tv_result *result);

/* ---- Documents ---------------------------------------------------------------------------- */

/**
 * Decode a stored reply of Cloudflare's trace endpoint: no network, no vault.
 *
 * Takes every shape Cloudflare has answered since 2024; fails as a fetch would (TV_E_NOT_JSON,
 * TV_E_REPLY_TRUNCATED, …). At most 64 MiB.
 *
 * Views: "trace"; "brief", the same without the lines' events, the hops and the next ids; "raw";
 * "ecs" and "ocsf", each line as a row for an event store, one JSON object a line (docs/views.md);
 * "ecs_warnings" and "ocsf_warnings", how many lines are no row of theirs; "spans", where each
 * field of a line's event stands in its message, one JSON object a line.
 *
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_document_decode(const void *body, size_t body_len,
                                             tv_document **document_out, tv_error **error_out);

/**
 * Give a document in one of its views; TV_E_NOT_FOUND names the views there are.
 *
 * Made on the first call and kept.  Owner: the document, until tv_document_free().
 * @param data_len_out  may be NULL.
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_document_view(tv_document *document, const char *view,
                                           size_t view_len, const char **data_out,
                                           size_t *data_len_out, tv_error **error_out);

/** Free a document. @since 0.1 */
TV_API void tv_document_free(tv_document *document);

/* ---- Walks -------------------------------------------------------------------------------- */

/** What a value is; treat an unknown kind as a value that is not for you. */
enum tv_entry_kind {
    TV_NULL = 0,
    TV_BOOL = 1,
    TV_NUMBER = 2,
    TV_STRING = 3,
    TV_ARRAY = 4,
    TV_OBJECT = 5
};

/** Bits of an entry's flags; others may be set and mean nothing to a host. */
enum tv_entry_flag {
    TV_ESCAPED = 1, /* a string with at least one backslash: its text is not what it says */
    TV_INTEGER = 4, /* a number with neither fraction nor exponent */
    TV_TRUE = 8     /* a boolean that is true */
};

/**
 * One value, or the name of a member, in a JSON text that was checked.
 *
 * Entries stand in the order of the text. Behind an array's entry stand its elements, behind an
 * object's a name and a value for each member: `next` goes from one to the one after it.
 */
typedef struct tv_entry {
    uint32_t start;    /* where its text begins; of a string behind the opening quote */
    uint32_t end;      /* behind its last byte; of a string at the closing quote */
    uint32_t next;     /* the entry behind this value and all that is inside it */
    uint8_t kind;      /* TV_OBJECT, …; of a name TV_STRING */
    uint8_t flags;     /* TV_ESCAPED, … */
    uint16_t reserved; /* 0 */
} tv_entry;

/**
 * A view and where each of its values stands: JSON that needs no parser any more.
 *
 * Entry 0 is the whole text. In JSON lines the first line is entry 0, the one behind it that
 * entry's `next`, and so on up to `entry_count`, which is 0 for no lines. Every `next` is larger than
 * its entry's place and at most `entry_count`, every place in the text at most `text_len`. Strings
 * are UTF-8 and all escapes whole. A name may come twice in one object where the text says so.
 */
typedef struct tv_walk {
    const char *text; /* the view, NUL-terminated */
    size_t text_len;
    const tv_entry *entries;
    size_t entry_count;
    size_t entry_size; /* sizeof(tv_entry) of the library; refuse another than your own */
} tv_walk;

/**
 * Lend a view of a document as a walk. bindings/c/tv_walk.h has a cursor for it.
 *
 * Made on the first call, in about half of the time that it takes to make the view, and kept. Also
 * of "raw"; TV_E_NOT_JSON and its like when that is no JSON. Where "raw" has bytes in texts that
 * are not UTF-8, the walk's text has U+FFFD for them and is not the view's.
 *
 * @param walk_out  filled.  Owner of what it points to: the document, until tv_document_free().
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_document_walk(tv_document *document, const char *view,
                                           size_t view_len, tv_walk *walk_out,
                                           tv_error **error_out);

/**
 * Lend a view of a result as a walk, as tv_document_walk() does.
 *
 * @param walk_out  filled.  Owner of what it points to: the result, until tv_result_free().
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_result_walk(tv_result *result, const char *view, size_t view_len,
                                         tv_walk *walk_out, tv_error **error_out);

/**
 * Read any JSON text, or JSON lines, such as a view that a host has stored: for its walk.
 *
 * Fails as tv_document_decode(). At most 256 MiB, nested up to 80 deep. The entries take memory as
 * well: 16 bytes for each value and name, of a text of short numbers eight times its length.
 *
 * @param document_out  one view, "json".  Owner: the caller; tv_document_free().
 * @since 0.1
 */
TV_API TV_CHECK tv_status tv_document_read(const void *text, size_t text_len,
                                           tv_document **document_out, tv_error **error_out);

#ifdef __cplusplus
}
#endif

#endif /* TRACEVAULT_H */
