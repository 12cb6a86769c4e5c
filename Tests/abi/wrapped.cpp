// wrapped.cpp - tracevault.hpp: what is made is freed, what fails is thrown, nothing is copied.
#include <tracevault.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>

namespace tv = tracevault;

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim)) {                                                                        \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #claim);                            \
            std::exit(1);                                                                      \
        }                                                                                      \
    } while (0)

static_assert(!std::is_copy_constructible_v<tv::engine> && std::is_move_constructible_v<tv::engine>);
static_assert(!std::is_copy_constructible_v<tv::vault> && std::is_move_constructible_v<tv::vault>);

template <class Call> static tv_status status_of(Call call) {
    try {
        call();
    } catch (const tv::error &failure) {
        CHECK(std::string(failure.what()).rfind(tv_status_name(failure.status()), 0) == 0);
        return failure.status();
    }
    return TV_OK;
}

int main() {
    const std::string account(32, 'a'), origin = "http://127.0.0.1:1";
    tv::config config;
    config.set("api.base_url", origin + "/client/v4").set("api.allow_http_loopback", "true");
    config.set("retry.max_attempts", "1");
    CHECK(config.get("retry.max_attempts") == "1");
    CHECK(status_of([&] { config.set("no.such", "1"); }) == TV_E_CONFIG_NAME);

    auto vault = tv::vault::create("", tv::unlock::key(std::string(32, 'k')), &config);
    const auto before = vault.generation();
    vault.edit().put_token("acme", account, "test-token-not-real-acme-01-000000000000");
    CHECK(vault.generation() == before); // without commit() nothing has happened
    vault.edit()
        .put_token("acme", account, "test-token-not-real-acme-01-000000000000")
        .set("acme", account, "origin", origin)
        .commit();
    CHECK(vault.generation() == before + 1);
    CHECK(status_of([&] { vault.tenant("nobody"); }) == TV_E_NOT_FOUND);

    auto acme = vault.tenant("acme");
    CHECK(acme.accounts().view().find(account) != std::string_view::npos);
    tv::engine first(config);
    auto engine = std::move(first);
    CHECK(status_of([&] { first.stats(); }) == TV_E_HANDLE); // NOLINT: a moved-from object says so
    CHECK(engine.descriptor() >= 0);
    const auto ask = tv::request::trace("4Njp3P0STMz2c02Q");
    CHECK(status_of([&] { engine.fetch(acme, ask); }) == TV_E_TRANSPORT);

    CHECK(!engine.take());
    const auto id = engine.submit(acme, ask, 7);
    const auto result = engine.take(std::chrono::seconds(30));
    CHECK(result && result->id() == id && result->tag() == 7 && !*result);
    CHECK(result->kind() == TV_RESULT_TRACE);
    CHECK(status_of([&] { result->view(); }) == TV_E_TRANSPORT);
    try {
        result->check();
    } catch (const tv::error &failure) {
        const tv::error copy = failure;
        CHECK(copy.retriable() && copy.http_status() == 0 && copy.codes().empty());
        CHECK(copy.cf_ray().empty() && std::string(copy.what()) == failure.what());
    }

    const auto decoded = tv::document::decode("{\"success\":true,\"result\":{\"inbound\":{\"lines\":[]}}}");
    CHECK(decoded.view("trace").find("\"inbound\"") != std::string_view::npos);
    CHECK(status_of([&] { decoded.view("no such view"); }) == TV_E_NOT_FOUND);
    CHECK(status_of([] { tv::document::decode("not JSON"); }) == TV_E_NOT_JSON);
    CHECK(tv::build_info().view().find("libcurl") != std::string_view::npos);
    engine.shutdown();
    std::puts("1 passed, 0 failed");
}
