/* check.c - the two meta pages, then all trees of the newer one. */
#include "store/check.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

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
