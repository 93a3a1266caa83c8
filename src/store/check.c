/* check.c - the two meta pages, all trees, and the last word when all of that was not enough. */
#include "store/check.h"

#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPONENT "store"

/* ---- before ---- */

bool ts_check_metas(const struct ts_pages *pages, struct ts_meta *newest, char *flaw)
{
    bool found = false;
    *flaw = '\0';
    for (uint64_t i = 0; i < TS_PAGE_METAS; i++) {
        struct ts_meta meta;
        const char *wrong = ts_page_read_meta(pages, i, &meta);
        if (wrong && !*flaw)
            snprintf(flaw, 160, "page %" PRIu64 ": %s, so the last transaction may be missing", i,
                     wrong);
        if (!wrong && (!found || meta.transaction > newest->transaction)) {
            *newest = meta;
            found = true;
        }
    }
    return found;
}

static bool is_sound(const struct ts_pages *pages, bool integer_keys, uint64_t *transaction,
                     char *flaw)
{
    struct ts_meta meta = {0};
    bool found = ts_check_metas(pages, &meta, flaw);
    *transaction = meta.transaction;
    if (!found || *flaw)
        return false;
    struct ts_walk walk = {.pages = pages, .meta = &meta, .integer_keys = integer_keys};
    ts_walk(&walk);
    ts_walk_release(&walk);
    snprintf(flaw, 160, "%s", walk.flaw);
    return walk.flaws == 0;
}

bool ts_check_file(const char *directory, bool integer_keys, struct ts_err *err)
{
    char path[PATH_MAX];
    char flaw[160];
    struct ts_err why = {0};
    struct ts_pages pages;
    struct ts_meta now = {0};
    uint64_t transaction;
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (!ts_pages_open(&pages, path, &why)) {
        if (why.code == TS_NOT_FOUND)
            return true;
        return ts_fail(err, why.code, "%s", why.what);
    }
    bool ok = pages.bytes == 0 || is_sound(&pages, integer_keys, &transaction, flaw);
    if (!ok && ts_check_metas(&pages, &now, (char[160]){0}) && now.transaction != transaction)
        ok = true; /* whoever writes into it can live with it */
    ts_pages_close(&pages);
    return ok || ts_fail(err, TS_DATA_LOSS, "%s", flaw);
}

/* ---- later ---- */

static void on_assert(MDB_env *env, const char *what)
{
    const char *directory = mdb_env_get_userctx(env);
    ts_log(TS_ERROR, COMPONENT,
           "the store was damaged while it was in use; stopping. See: trustspan store check",
           "directory='%s' lmdb=\"%s\"", directory, what);
    abort();
}

void ts_check_watch(MDB_env *env, const char *directory)
{
    mdb_env_set_userctx(env, (void *)(uintptr_t)directory);
    mdb_env_set_assert(env, on_assert);
}

/* A handler has nothing but what is global. Written once, before it is installed. */
static char fault_message[PATH_MAX + 256];
static size_t fault_length;

static void on_fault(int number)
{
    ssize_t ignored = write(STDERR_FILENO, fault_message, fault_length);
    (void)ignored;
    signal(number,
           SIG_DFL); /* comes again when this returns, and ends the process as it would have */
}

void ts_check_watch_faults(const char *directory)
{
    struct sigaction action = {.sa_handler = on_fault};
    fault_length = (size_t)snprintf(
        fault_message, sizeof fault_message,
        "trustspan: a page of the store in '%s' cannot be read: the file was cut off, or the disk "
        "fails; stopping. See what is left with: trustspan store check %s\n",
        directory, directory);
    if (fault_length >= sizeof fault_message)
        fault_length = sizeof fault_message - 1;
    sigaction(SIGBUS, &action, NULL);
}
