// tracevault.hpp - tracevault.h for C++17: objects that free themselves, string_view, exceptions.
//
// Header only; link with -ltracevault. Every class owns one handle, can be moved and not copied, and is as
// safe to use from any thread as the C functions are. What fails throws tracevault::error, except in
// destructors. A moved-from object holds no handle: its calls throw TV_E_HANDLE. The cursor of tv_walk.h
// is part of it: without `make install`, compile with -Ibindings/c as well.
#ifndef TRACEVAULT_HPP
#define TRACEVAULT_HPP

#include <tracevault.h>
#if __has_include(<tracevault/tv_walk.h>)
#include <tracevault/tv_walk.h>
#else
#include <tv_walk.h>
#endif

#include <chrono>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tracevault {

namespace detail {

template <auto Free> struct freed_by {
    template <class Object> void operator()(Object *object) const noexcept { Free(object); }
};
template <class Object, auto Free> using handle = std::unique_ptr<Object, freed_by<Free>>;

} // namespace detail

/// Why a call or a request failed. Copies share the facts, and copying throws nothing.
class error : public std::exception {
  public:
    /// Takes `owned` over, also where it throws std::bad_alloc.
    explicit error(tv_status status, tv_error *owned = nullptr)
        : code(status), facts(owned, &tv_error_free) {
        message = std::make_shared<const std::string>(std::string(tv_status_name(status)) + ": " +
                                                      tv_error_message(owned, nullptr));
    }
    error(const error &) noexcept = default; // no move: every object keeps its words
    error &operator=(const error &) noexcept = default;
    /// "TV_E_UNLOCK: the vault does not open …"
    const char *what() const noexcept override { return message->c_str(); }
    tv_status status() const noexcept { return code; }
    /// What lies behind it, below HTTP: TV_CAUSE_REFUSED, …
    tv_cause cause() const noexcept { return tv_error_cause(facts.get()); }
    /// The errno of the system call that failed; 0 without one.
    int system_error() const noexcept { return tv_error_system_error(facts.get()); }
    /// libcurl's code for the end of the last transfer; 0 without one.
    int curl_code() const noexcept { return tv_error_curl_code(facts.get()); }
    /// Whether the same call may succeed later.
    bool retriable() const noexcept { return tv_error_retriable(facts.get()) != 0; }
    /// The HTTP status of the reply; 0 without one.
    int http_status() const noexcept { return tv_error_http_status(facts.get()); }
    /// When to come back, if the server or the quota says so.
    std::optional<std::chrono::milliseconds> retry_after() const noexcept {
        const auto ms = tv_error_retry_after_ms(facts.get());
        return ms < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(ms));
    }
    /// Cloudflare's error codes, such as 10000.
    std::vector<std::int64_t> codes() const {
        std::vector<std::int64_t> found(tv_error_code_count(facts.get()));
        for (std::size_t i = 0; i < found.size(); i++) found[i] = tv_error_code(facts.get(), i);
        return found;
    }
    /// The name of the reply in Cloudflare's own logs; empty without one.
    std::string cf_ray() const {
        const char *text = tv_error_cf_ray(facts.get());
        return text != nullptr ? text : "";
    }

  private:
    tv_status code;
    std::shared_ptr<tv_error> facts;
    std::shared_ptr<const std::string> message;
};

namespace detail {

/// Calls `function(arguments…, &error)` and throws what it says.
template <class Function, class... Arguments>
void call(Function function, Arguments... arguments) {
    tv_error *why = nullptr;
    const tv_status status = function(arguments..., &why);
    if (status != TV_OK) throw error(status, why);
}

/// The same for a function that gives one object.
template <class Handle, class Function, class... Arguments>
Handle make(Function function, Arguments... arguments) {
    typename Handle::pointer made = nullptr;
    call(function, arguments..., &made);
    return Handle(made);
}

} // namespace detail

/// One value of a walk, or none: a value that is not there gives nothing, so that calls can follow each
/// other. Lives as long as its walk.
class value {
  public:
    class iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = value;
        using difference_type = std::ptrdiff_t;
        using pointer = const value *;
        using reference = value;
        explicit iterator(tv_place where) : at(where) {}
        value operator*() const { return value(at); }
        iterator &operator++() {
            at = tv_next(at);
            return *this;
        }
        iterator operator++(int) {
            const iterator before = *this;
            at = tv_next(at);
            return before;
        }
        bool operator==(const iterator &other) const {
            return at.walk == other.at.walk && (at.walk == nullptr || at.at == other.at.at);
        }
        bool operator!=(const iterator &other) const { return !(*this == other); }

      private:
        tv_place at;
    };

    explicit value(tv_place where) : place(where) {}
    explicit operator bool() const noexcept { return tv_there(place) != 0; }
    /// TV_OBJECT, …; TV_NULL also for no value.
    int kind() const noexcept { return tv_kind(place); }
    /// A member of an object; no value where it is null.
    value operator[](const char *name) const { return value(tv_find(place, name)); }
    /// The name of a member; empty for what is none.
    std::string name() const { return value(tv_name(place)).text(); }
    /// What a string says, without its escapes; empty for what is no string.
    std::string text() const {
        std::string said(tv_text(place, nullptr, 0), '\0');
        tv_text(place, said.data(), said.size() + 1);
        return said;
    }
    std::optional<std::int64_t> integer() const {
        std::int64_t number = 0;
        return tv_int(place, &number) != 0 ? std::optional(number) : std::nullopt;
    }
    std::optional<double> number() const {
        double number = 0;
        return tv_number(place, &number) != 0 ? std::optional(number) : std::nullopt;
    }
    bool is_true() const noexcept { return tv_true(place) != 0; }
    /// As the JSON text that it is; empty for no value.
    std::string_view json() const {
        std::size_t length = 0;
        const char *text = tv_json(place, &length);
        return text != nullptr ? std::string_view(text, length) : std::string_view();
    }
    /// How many elements or members it has.
    std::size_t size() const { return tv_count(place); }
    /// Its elements, or the values of its members.
    iterator begin() const { return iterator(tv_first(place)); }
    iterator end() const { return iterator(tv_nowhere()); }

  private:
    tv_place place;
};

/// A view and where each of its values stands. Lives as long as the document or result it is of.
class walk {
  public:
    explicit walk(const tv_walk &lent) : own(std::make_unique<const tv_walk>(lent)) {}
    /// The whole document; of JSON lines the first.
    value whole() const { return value(tv_whole(own.get())); }
    value operator[](const char *name) const { return whole()[name]; }
    /// The lines of JSON lines, or the one document.
    value::iterator begin() const { return value::iterator(tv_whole(own.get())); }
    value::iterator end() const { return value::iterator(tv_nowhere()); }

  private:
    std::unique_ptr<const tv_walk> own; // where it stays when this is moved
};

/// One JSON answer, in one or more views. The texts live as long as the document.
class document {
  public:
    explicit document(tv_document *owned) : own(owned) {}
    /// A stored reply, without network or vault.
    static document decode(std::string_view body) {
        return document(
            detail::make<handle>(tv_document_decode, static_cast<const void *>(body.data()), body.size())
                .release());
    }
    /// Any JSON text, or JSON lines, such as a view that the host has stored: for its walk.
    static document read(std::string_view text) {
        return document(
            detail::make<handle>(tv_document_read, static_cast<const void *>(text.data()), text.size())
                .release());
    }
    std::string_view view(std::string_view name = "json") const {
        const char *data = nullptr;
        std::size_t length = 0;
        detail::call(tv_document_view, own.get(), name.data(), name.size(), &data, &length);
        return {data, length};
    }
    class walk walk(std::string_view name = "json") const {
        tv_walk lent{};
        detail::call(tv_document_walk, own.get(), name.data(), name.size(), &lent);
        return tracevault::walk(lent);
    }
    tv_document *get() const noexcept { return own.get(); }

  private:
    using handle = detail::handle<tv_document, tv_document_free>;
    handle own;
};

namespace detail {

/// A document that a function gives.
template <class Function, class... Arguments> document told(Function function, Arguments... arguments) {
    return document(
        make<handle<tv_document, tv_document_free>>(function, arguments...).release());
}

} // namespace detail

/// What the library is, as JSON.
inline document build_info() { return detail::told(tv_build_info); }
/// Every setting, as JSON.
inline document settings() { return detail::told(tv_config_describe); }

/// Named settings for vaults and engines.
class config {
  public:
    config() : own(detail::make<handle>(tv_config_new)) {}
    config &set(std::string_view name, std::string_view value) {
        detail::call(tv_config_set, own.get(), name.data(), name.size(), value.data(), value.size());
        return *this;
    }
    /// A secret beside the settings, such as "s3.secret_key".
    config &secret(std::string_view name, std::string_view value) {
        detail::call(tv_config_secret, own.get(), name.data(), name.size(),
                     static_cast<const void *>(value.data()), value.size());
        return *this;
    }
    std::string get(std::string_view name) const {
        const char *value = nullptr;
        std::size_t length = 0;
        detail::call(tv_config_get, own.get(), name.data(), name.size(), &value, &length);
        return {value, length};
    }
    tv_config *get() const noexcept { return own.get(); }

  private:
    using handle = detail::handle<tv_config, tv_config_free>;
    handle own;
};

/// What opens a vault.
class unlock {
  public:
    /// 32 bytes.
    static unlock key(std::string_view bytes) { return made(tv_unlock_key, bytes); }
    static unlock passphrase(std::string_view text) { return made(tv_unlock_passphrase, text); }
    /// A file with at least 32 bytes that nobody else may read.
    static unlock key_file(std::string_view path) { return named(tv_unlock_keyfile, path); }
    /// A credential that systemd hands to the service.
    static unlock credential(std::string_view name) { return named(tv_unlock_credential, name); }
    tv_unlock *get() const noexcept { return own.get(); }

  private:
    using handle = detail::handle<tv_unlock, tv_unlock_free>;
    explicit unlock(handle owned) : own(std::move(owned)) {}
    template <class Function> static unlock made(Function function, std::string_view bytes) {
        return unlock(detail::make<handle>(function, static_cast<const void *>(bytes.data()),
                                           bytes.size()));
    }
    template <class Function> static unlock named(Function function, std::string_view text) {
        return unlock(detail::make<handle>(function, text.data(), text.size()));
    }
    handle own;
};

/// The right to use one tenant's accounts.
class tenant {
  public:
    explicit tenant(tv_tenant *owned) : own(owned) {}
    document accounts() const {
        return detail::told(tv_tenant_list, static_cast<const tv_tenant *>(own.get()));
    }
    tv_tenant *get() const noexcept { return own.get(); }

  private:
    detail::handle<tv_tenant, tv_tenant_free> own;
};

/// One atomic change of a vault. Without commit() nothing has happened.
class edit {
  public:
    explicit edit(tv_edit *owned) : own(owned) {}
    edit &put_token(std::string_view tenant, std::string_view account, std::string_view token) {
        detail::call(tv_edit_put_token, own.get(), tenant.data(), tenant.size(), account.data(),
                     account.size(), static_cast<const void *>(token.data()), token.size());
        return *this;
    }
    edit &put_key(std::string_view tenant, std::string_view account, std::string_view email,
                  std::string_view key) {
        detail::call(tv_edit_put_key, own.get(), tenant.data(), tenant.size(), account.data(),
                     account.size(), email.data(), email.size(),
                     static_cast<const void *>(key.data()), key.size());
        return *this;
    }
    edit &set(std::string_view tenant, std::string_view account, std::string_view name,
              std::string_view value) {
        detail::call(tv_edit_set, own.get(), tenant.data(), tenant.size(), account.data(),
                     account.size(), name.data(), name.size(), value.data(), value.size());
        return *this;
    }
    edit &retire(std::string_view tenant, std::string_view account) {
        return step(tv_edit_retire, tenant, account);
    }
    edit &promote(std::string_view tenant, std::string_view account) {
        return step(tv_edit_promote, tenant, account);
    }
    edit &remove_retiring(std::string_view tenant, std::string_view account) {
        return step(tv_edit_remove_retiring, tenant, account);
    }
    edit &remove(std::string_view tenant, std::string_view account) {
        return step(tv_edit_remove, tenant, account);
    }
    edit &remove_tenant(std::string_view tenant) {
        detail::call(tv_edit_remove_tenant, own.get(), tenant.data(), tenant.size());
        return *this;
    }
    edit &add_unlock(const unlock &known, const unlock &added, std::string_view label = {}) {
        detail::call(tv_edit_add_unlock, own.get(), static_cast<const tv_unlock *>(known.get()),
                     static_cast<const tv_unlock *>(added.get()), label.data(), label.size());
        return *this;
    }
    edit &remove_unlock(std::int32_t slot) {
        detail::call(tv_edit_remove_unlock, own.get(), slot);
        return *this;
    }
    edit &rekey(const unlock &only) {
        detail::call(tv_edit_rekey, own.get(), static_cast<const tv_unlock *>(only.get()));
        return *this;
    }
    /// What looks wrong about the credentials that were put, as JSON.
    document hints() const { return detail::told(tv_edit_hints, static_cast<const tv_edit *>(own.get())); }
    void commit() { detail::call(tv_edit_commit, own.get()); }
    /// From another thread: ends a commit that waits.
    void cancel() { detail::call(tv_edit_cancel, own.get()); }
    tv_edit *get() const noexcept { return own.get(); }

  private:
    template <class Function>
    edit &step(Function function, std::string_view tenant, std::string_view account) {
        detail::call(function, own.get(), tenant.data(), tenant.size(), account.data(),
                     account.size());
        return *this;
    }
    detail::handle<tv_edit, tv_edit_free> own;
};

/// The sealed credentials of many tenants. An empty path: a vault in memory.
class vault {
  public:
    static vault create(std::string_view path, const unlock &secret, const config *settings = nullptr) {
        return vault(tv_vault_create, path, secret, settings);
    }
    static vault open(std::string_view path, const unlock &secret, const config *settings = nullptr) {
        return vault(tv_vault_open, path, secret, settings);
    }
    class tenant tenant(std::string_view name) const {
        return tracevault::tenant(
            detail::make<detail::handle<tv_tenant, tv_tenant_free>>(tv_tenant_open, own.get(),
                                                                    name.data(), name.size())
                .release());
    }
    class edit edit() {
        return tracevault::edit(
            detail::make<detail::handle<tv_edit, tv_edit_free>>(tv_edit_begin, own.get()).release());
    }
    void refresh() { detail::call(tv_vault_refresh, own.get()); }
    void lock() { detail::call(tv_vault_lock, own.get()); }
    void unlock(const class unlock &secret) {
        detail::call(tv_vault_unlock, own.get(), static_cast<const tv_unlock *>(secret.get()));
    }
    std::uint64_t generation() const {
        std::uint64_t number = 0;
        detail::call(tv_vault_generation, own.get(), &number);
        return number;
    }
    document list() const { return told(tv_vault_list); }
    document describe() const { return told(tv_vault_describe); }
    document verify() const { return told(tv_vault_verify); }
    /// One tenant, or all of them, into a new vault that `secret` opens. An empty name is a mistake, not all.
    void export_to(std::string_view path, const class unlock &secret,
                   std::optional<std::string_view> tenant = std::nullopt,
                   const config *settings = nullptr) const {
        // NULL stands for all tenants, and a name without bytes may point to nothing.
        const char *name = tenant && tenant->data() == nullptr ? "" : tenant ? tenant->data() : nullptr;
        detail::call(tv_vault_export, static_cast<const tv_vault *>(own.get()), name,
                     tenant ? tenant->size() : 0, path.data(),
                     path.size(), static_cast<const tv_unlock *>(secret.get()),
                     settings != nullptr ? settings->get() : nullptr);
    }
    tv_vault *get() const noexcept { return own.get(); }

  private:
    using handle = detail::handle<tv_vault, tv_vault_free>;
    template <class Function>
    vault(Function function, std::string_view path, const class unlock &secret, const config *settings)
        : own(detail::make<handle>(function, path.data(), path.size(),
                                   static_cast<const tv_unlock *>(secret.get()),
                                   settings != nullptr ? settings->get() : nullptr)) {}
    template <class Function> document told(Function function) const {
        return detail::told(function, static_cast<const tv_vault *>(own.get()));
    }
    handle own;
};

/// One question to Cloudflare. An empty account: the tenant's only one.
class request {
  public:
    static request trace(std::string_view message, std::string_view account = {}) {
        return request(detail::make<handle>(tv_request_trace, account.data(), account.size(),
                                            message.data(), message.size()));
    }
    static request search(std::string_view account = {}) {
        return request(detail::make<handle>(tv_request_search, account.data(), account.size()));
    }
    static request check(std::string_view account = {}) {
        return request(detail::make<handle>(tv_request_check, account.data(), account.size()));
    }
    /// For engine::hunt() alone. An empty account: all of the tenants.
    static request hunt(std::string_view account = {}) {
        return request(detail::make<handle>(tv_request_hunt, account.data(), account.size()));
    }
    request &set(std::string_view name, std::string_view value) {
        detail::call(tv_request_set, own.get(), name.data(), name.size(), value.data(), value.size());
        return *this;
    }
    tv_request *get() const noexcept { return own.get(); }

  private:
    using handle = detail::handle<tv_request, tv_request_free>;
    explicit request(handle owned) : own(std::move(owned)) {}
    handle own;
};

/// One finished request.
class result {
  public:
    explicit result(tv_result *owned) : own(owned) {}
    std::uint64_t id() const noexcept { return tv_result_id(own.get()); }
    std::uint64_t tag() const noexcept { return tv_result_tag(own.get()); }
    std::int32_t kind() const noexcept { return tv_result_kind(own.get()); }
    tv_status status() const noexcept { return tv_result_status(own.get()); }
    explicit operator bool() const noexcept { return status() == TV_OK; }
    /// Throws why the request failed; does nothing when it did not.
    void check() const {
        if (status() == TV_OK) return;
        tv_error *why = nullptr;
        detail::call(tv_result_error, own.get(), &why);
        throw error(status(), why);
    }
    /// A view of the answer, which lives as long as the result. A failed request throws its reason;
    /// "raw" and what a hunt tells ("finding", "found", "hunt") are given all the same.
    std::string_view view(std::string_view name = "trace") const {
        if (!is_told(name)) check();
        const char *data = nullptr;
        std::size_t length = 0;
        detail::call(tv_result_document, own.get(), name.data(), name.size(), &data, &length);
        return {data, length};
    }
    /// The same as a walk, which lives as long as the result.
    class walk walk(std::string_view name = "trace") const {
        if (!is_told(name)) check();
        tv_walk lent{};
        detail::call(tv_result_walk, own.get(), name.data(), name.size(), &lent);
        return tracevault::walk(lent);
    }
    tv_result *get() const noexcept { return own.get(); }

  private:
    static bool is_told(std::string_view name) noexcept {
        return name == "raw" || name == "finding" || name == "found" || name == "hunt";
    }
    detail::handle<tv_result, tv_result_free> own;
};

/// What fetches: one thread, one queue of results, one descriptor.
class engine {
  public:
    engine() : own(detail::make<handle>(tv_engine_new, static_cast<const tv_config *>(nullptr))) {}
    explicit engine(const config &settings)
        : own(detail::make<handle>(tv_engine_new, static_cast<const tv_config *>(settings.get()))) {}
    std::uint64_t submit(const tenant &who, const request &what, std::uint64_t tag = 0) {
        std::uint64_t id = 0;
        detail::call(tv_engine_submit, own.get(), static_cast<const tv_tenant *>(who.get()),
                     static_cast<const tv_request *>(what.get()), tag, &id);
        return id;
    }
    /// Begins a hunt through every tenant of a vault; `what` is a request::hunt(). Its findings are taken
    /// as any result; the last one has the kind TV_RESULT_HUNT.
    std::uint64_t hunt(const vault &where, const request &what, std::uint64_t tag = 0) {
        std::uint64_t id = 0;
        detail::call(tv_engine_hunt_vault, own.get(), static_cast<const tv_vault *>(where.get()),
                     static_cast<const tv_request *>(what.get()), tag, &id);
        return id;
    }
    /// The same through some tenants.
    std::uint64_t hunt(const std::vector<tenant> &where, const request &what, std::uint64_t tag = 0) {
        std::vector<const tv_tenant *> tenants;
        for (const auto &one : where) tenants.push_back(one.get());
        std::uint64_t id = 0;
        detail::call(tv_engine_hunt, own.get(), static_cast<const tv_tenant *const *>(tenants.data()),
                     tenants.size(), static_cast<const tv_request *>(what.get()), tag, &id);
        return id;
    }
    /// The oldest result; nothing when none came in time. A negative time waits for ever.
    std::optional<result> take(std::chrono::milliseconds wait = std::chrono::milliseconds(0)) {
        tv_result *taken = nullptr;
        const auto ms = wait.count() > INT32_MAX ? INT32_MAX : wait.count() < 0 ? -1 : wait.count();
        detail::call(tv_engine_take, own.get(), static_cast<std::int32_t>(ms), &taken);
        return taken != nullptr ? std::optional<result>(taken) : std::nullopt;
    }
    /// Submits and waits. A request that failed throws its reason.
    result fetch(const tenant &who, const request &what) {
        return result(detail::make<detail::handle<tv_result, tv_result_free>>(
                          tv_engine_fetch, own.get(), static_cast<const tv_tenant *>(who.get()),
                          static_cast<const tv_request *>(what.get()))
                          .release());
    }
    void cancel(std::uint64_t id) { detail::call(tv_engine_cancel, own.get(), id); }
    /// Readable while results wait; poll() it.
    int descriptor() const {
        int fd = -1;
        detail::call(tv_engine_fd, static_cast<const tv_engine *>(own.get()), &fd);
        return fd;
    }
    document stats() const {
        return detail::told(tv_engine_stats, static_cast<const tv_engine *>(own.get()));
    }
    /// How long `count` more requests of an account take, as JSON.
    document estimate(const tenant &who, std::uint64_t count, std::string_view account = {}) const {
        return detail::told(tv_engine_estimate, static_cast<const tv_engine *>(own.get()),
                            static_cast<const tv_tenant *>(who.get()), account.data(),
                            account.size(), count);
    }
    /// Ends the parking of the quota that an account's requests spend.
    void lift(const tenant &who, std::string_view account = {}) {
        detail::call(tv_engine_lift, own.get(), static_cast<const tv_tenant *>(who.get()),
                     account.data(), account.size());
    }
    void shutdown() { detail::call(tv_engine_shutdown, own.get()); }
    tv_engine *get() const noexcept { return own.get(); }

  private:
    using handle = detail::handle<tv_engine, tv_engine_free>;
    handle own;
};

} // namespace tracevault

#endif
