// wrapped.cpp - tracevault.hpp: what is made is freed, what fails is thrown, nothing is copied.
#include <tracevault.hpp>

#include <cerrno>
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
static_assert(std::is_nothrow_copy_constructible_v<tv::error> && std::is_nothrow_move_constructible_v<tv::error>);
static_assert(std::is_nothrow_copy_assignable_v<tv::error>);

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

    auto vault = tv::vault::create("", tv::unlock::key("not-a-real-key-0123456789abcdef!"), &config);
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
        CHECK(copy.cause() == TV_CAUSE_REFUSED && copy.system_error() == ECONNREFUSED);
        CHECK(copy.curl_code() != 0);
        tv::error other(TV_E_OTHER);
        const tv::error moved = std::move(other);
        CHECK(std::string(other.what()) == "TV_E_OTHER: "); // NOLINT: it keeps its words
        CHECK(other.status() == moved.status());
        other = copy;
        CHECK(other.status() == TV_E_TRANSPORT);
    }
    CHECK(status_of([&] { result->walk(); }) == TV_E_TRANSPORT);
    CHECK(engine.estimate(acme, 10).walk()["burst"].integer().has_value());
    engine.lift(acme);
    const auto hunted = engine.hunt(vault, tv::request::hunt().set("sender", "a@b.example"), 9);
    const auto failed = engine.take(std::chrono::seconds(30));
    CHECK(failed && failed->id() == hunted && failed->kind() == TV_RESULT_FINDING);
    CHECK(failed->walk("found")["error"]["status"].text() == "TV_E_TRANSPORT");
    CHECK(failed->view("finding").find(account) != std::string_view::npos);
    const auto over = engine.take(std::chrono::seconds(30));
    CHECK(over && over->tag() == 9 && over->kind() == TV_RESULT_HUNT && over->walk("hunt")["over"].is_true());
    std::vector<tv::tenant> tenants;
    tenants.push_back(vault.tenant("acme"));
    const auto asked = engine.hunt(tenants, tv::request::hunt(account), 3);
    CHECK(status_of([&] { engine.cancel(asked + 1); }) == TV_E_NOT_FOUND);
    auto looked_at = vault.edit();
    looked_at.put_token("acme", account, "${TOKEN}");
    CHECK(looked_at.hints().view().find("is_placeholder") != std::string_view::npos);
    looked_at.cancel();
    CHECK(status_of([&] { looked_at.commit(); }) == TV_E_CANCELLED);
    const auto other = tv::unlock::key("another-fake-key-0123456789abcde");
    CHECK(status_of([&] { vault.export_to("/nowhere/x", other, "acme"); }) == TV_E_IO);
    // The name of nobody is not everybody's.
    CHECK(status_of([&] { vault.export_to("exported.vault", other, std::string_view()); }) ==
          TV_E_ARGUMENT);
    CHECK(tv::settings().view().find("api.base_url") != std::string_view::npos);

    const auto decoded = tv::document::decode("{\"success\":true,\"result\":{\"inbound\":{\"lines\":[]}}}");
    CHECK(decoded.view("trace").find("\"inbound\"") != std::string_view::npos);
    CHECK(status_of([&] { decoded.view("no such view"); }) == TV_E_NOT_FOUND);
    CHECK(status_of([] { tv::document::decode("not JSON"); }) == TV_E_NOT_JSON);
    auto walk = decoded.walk("trace");
    const auto moved = std::move(walk); // what was found stays where it is
    CHECK(moved["inbound"]["lines"].kind() == TV_ARRAY && moved["inbound"]["lines"].size() == 0);
    CHECK(moved["schema"].text() == "tracevault.trace/1" && !moved["none"]["at"]["all"]);

    const auto lines = tv::document::read(
        "{\"a\":[1,2.5,true,\"\\u00e9\\n\",null],\"b\":{\"c\":-3}}\n{\"a\":[]}\n");
    const auto read = lines.walk();
    std::size_t count = 0;
    for (const auto line : read) count += line["a"].kind() == TV_ARRAY;
    CHECK(count == 2);
    std::string seen;
    for (const auto one : read["a"]) {
        if (const auto number = one.number()) seen += std::to_string(static_cast<int>(*number * 10)) + " ";
        if (one.is_true()) seen += "true ";
        seen += one.text();
        if (one.kind() == TV_NULL) seen += "null";
    }
    CHECK(seen == "10 25 true \xC3\xA9\nnull");
    CHECK(read["b"]["c"].integer() == -3 && !read["a"].integer() && read["b"].json() == "{\"c\":-3}");
    auto place = read["a"].begin();
    CHECK((*place++).integer() == 1 && (*place).number() == 2.5);
    for (const auto member : read["b"]) CHECK(member.name() == "c");
    CHECK(status_of([] { tv::document::read("{"); }) != TV_OK);
    CHECK(tv::build_info().view().find("libcurl") != std::string_view::npos);
    engine.shutdown();
    std::puts("1 passed, 0 failed");
}
