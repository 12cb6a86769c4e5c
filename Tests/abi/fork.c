/* fork.c - after fork() the child gets TV_E_FORKED from old handles and may make its own; the
 * parent notices nothing. */
#include "loopback.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static loopback closed;
static tv_vault *vault;
static tv_tenant *tenant;
static tv_request *request;
static tv_engine *engine;
static tv_document *document;

static void make(void) {
    closed = open_loopback(0);
    vault = test_vault(closed.origin);
    tenant = test_tenant(vault, "acme");
    request = test_request();
    engine = loopback_engine(&closed, NULL);
    OK(tv_build_info(&document, ERR));
}

/* Runs `body` in a child; the promise holds if it did there. */
static void in_child(void (*body)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(60); /* a child that hangs is a failure, not a hang of the suite */
        body();
        fflush(stdout);
        _exit(test_holds ? 0 : 1);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0)) FAIL("the child: status %#x", status);
}

static void old_handles_answer_forked(void) {
    tv_result *result = NULL;
    tv_tenant *other = NULL;
    const char *data = NULL;
    size_t len = 0;
    int fd = -1;
    GIVES(TV_E_FORKED, tv_engine_submit(engine, tenant, request, 0, NULL, ERR));
    GIVES(TV_E_FORKED, tv_engine_take(engine, -1, &result, ERR));
    GIVES(TV_E_FORKED, tv_engine_fetch(engine, tenant, request, &result, ERR));
    GIVES(TV_E_FORKED, tv_engine_fd(engine, &fd, ERR));
    GIVES(TV_E_FORKED, tv_engine_shutdown(engine, ERR));
    GIVES(TV_E_FORKED, tv_vault_refresh(vault, ERR));
    GIVES(TV_E_FORKED, tv_tenant_open(vault, "acme", TV_NUL, &other, ERR));
    GIVES(TV_E_FORKED, tv_request_set(request, "wait_ms", TV_NUL, "1", TV_NUL, ERR));
    GIVES(TV_E_FORKED, tv_document_view(document, "json", TV_NUL, &data, &len, ERR));
}

static void freeing_old_handles_does_nothing(void) {
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    tv_vault_free(vault);
    tv_request_free(request);
    tv_document_free(document);
    GIVES(TV_E_FORKED, tv_vault_refresh(vault, ERR));
}

static void a_fresh_set_works(void) {
    make();
    OK(tv_engine_submit(engine, tenant, request, 5, NULL, ERR));
    tv_result *result = next_result(engine);
    CHECK(tv_result_tag(result) == 5 && tv_result_status(result) == TV_E_TRANSPORT);
    tv_result_free(result);
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    tv_vault_free(vault);
    tv_request_free(request);
    tv_document_free(document);
    close(closed.fd);
}

static void a_grandchild_may_start_again(void) {
    a_fresh_set_works();
    in_child(a_fresh_set_works);
}

PROMISE(old_handles_are_a_status_in_the_child) { in_child(old_handles_answer_forked); }

PROMISE(freeing_old_handles_in_the_child_does_nothing) {
    in_child(freeing_old_handles_does_nothing);
}

PROMISE(the_child_may_make_its_own) { in_child(a_fresh_set_works); }

PROMISE(so_may_a_grandchild) { in_child(a_grandchild_may_start_again); }

PROMISE(the_parent_goes_on_as_before) {
    OK(tv_engine_submit(engine, tenant, request, 6, NULL, ERR));
    tv_result *result = next_result(engine);
    CHECK(tv_result_tag(result) == 6 && tv_result_status(result) == TV_E_TRANSPORT);
    tv_result_free(result);
    OK(tv_vault_refresh(vault, ERR));
}

static tv_request *hunt;

static void a_hunt_of_the_parent_is_not_the_childs(void) {
    uint64_t id = 0;
    tv_result *result = NULL;
    GIVES(TV_E_FORKED, tv_engine_hunt_vault(engine, vault, hunt, 0, &id, ERR));
    GIVES(TV_E_FORKED, tv_engine_take(engine, 0, &result, ERR));
    CHECK(id == 0 && result == NULL);
}

PROMISE(hunts_of_the_parent_go_on_to_their_end) {
    uint64_t id = 0;
    int32_t kind = TV_RESULT_NONE;
    OK(tv_request_hunt("", 0, &hunt, ERR));
    OK(tv_engine_hunt_vault(engine, vault, hunt, 0, &id, ERR));
    in_child(a_hunt_of_the_parent_is_not_the_childs);
    for (int findings = 0; kind != TV_RESULT_HUNT && test_holds; findings++) {
        tv_result *result = next_result(engine);
        kind = tv_result_kind(result);
        CHECK(tv_result_id(result) == id && findings <= 2);
        CHECK(tv_result_status(result) == (kind == TV_RESULT_HUNT ? TV_OK : TV_E_TRANSPORT));
        tv_result_free(result);
    }
    tv_request_free(hunt);
}

/* Stands before libc's: a descriptor that is closed while an engine is freed is closed slowly, so that
 * a fork comes in between if it can. */
static _Thread_local int closes_slowly;
static atomic_int closing, is_freed;

int close(int descriptor) {
    if (!closes_slowly) return (int)syscall(SYS_close, descriptor);
    atomic_fetch_add(&closing, 1);
    usleep(20 * 1000);
    int answer = (int)syscall(SYS_close, descriptor);
    atomic_fetch_sub(&closing, 1);
    return answer;
}

static void *free_engine(void *freed) {
    closes_slowly = 1;
    tv_engine_free(freed);
    atomic_store(&is_freed, 1);
    return NULL;
}

static void nobody_is_in_the_middle(void) { CHECK(atomic_load(&closing) == 0); }

PROMISE(a_fork_waits_until_an_engine_is_freed) {
    for (int engines = 0; engines < 20; engines++) {
        pthread_t thread;
        atomic_store(&is_freed, 0);
        CHECK(pthread_create(&thread, NULL, free_engine, loopback_engine(&closed, NULL)) == 0);
        while (!atomic_load(&is_freed)) {
            if (atomic_load(&closing) == 0)
                sched_yield();
            else
                in_child(nobody_is_in_the_middle);
        }
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
    test_holds = 1;
    make();
    if (!test_holds) return 1;
    RUN(old_handles_are_a_status_in_the_child);
    RUN(freeing_old_handles_in_the_child_does_nothing);
    RUN(the_child_may_make_its_own);
    RUN(so_may_a_grandchild);
    RUN(the_parent_goes_on_as_before);
    RUN(hunts_of_the_parent_go_on_to_their_end);
    RUN(a_fork_waits_until_an_engine_is_freed);
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    tv_vault_free(vault);
    tv_request_free(request);
    tv_document_free(document);
    return finish();
}
