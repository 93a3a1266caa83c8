#include "store/damage.h"

#include "base/log.h"
#include "store/check.h"
#include "store/directories.h"
#include "store/salvage.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPONENT "store"

/* A first start that was killed leaves one; so does a disk that lost everything. */
static void warn_if_empty(const char *directory)
{
    char path[PATH_MAX];
    struct stat found;
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (stat(path, &found) == 0 && found.st_size == 0)
        ts_log(TS_WARN, COMPONENT, "the file of the store is empty; starting anew", "file='%s'",
               path);
}

/* Long paths leave the command without them, not the message without its command. */
static void fail(const char *directory, const char *flaw, const char *left, struct ts_err *err)
{
    enum { LONG = 48 };
    bool short_name = strlen(directory) <= LONG;
    const char *name = short_name ? directory : "DIR";
    ts_fail(err, TS_DATA_LOSS,
            "'%s/data.mdb' is damaged, %s; at least %s can be read; save them: trustspan store "
            "rescue %s "
            "--to %s%s",
            directory, flaw, left, name, name, short_name ? ".rescued" : "2");
}

static bool refuse(const char *directory, struct ts_err *err)
{
    struct ts_salvage salvage;
    struct ts_buf left = TS_BUF_INIT;
    if (!ts_salvage(&salvage, directory, NULL, err))
        return false;
    ts_salvage_say(&salvage, &left);
    if (salvage.count > 0)
        fail(directory, salvage.flaw, ts_buf_cstr(&left), err);
    else
        ts_fail(err, TS_DATA_LOSS,
                "'%s/data.mdb' is damaged or is no store of ours, %s; no record of it can be read; "
                "move it aside to start empty",
                directory, salvage.flaw);
    ts_salvage_release(&salvage);
    ts_buf_release(&left);
    return false;
}

static bool has_lock_file(const char *directory, struct ts_err *err)
{
    char path[PATH_MAX];
    struct stat found;
    snprintf(path, sizeof path, "%s/lock.mdb", directory);
    return stat(path, &found) != 0 || S_ISREG(found.st_mode) ||
           ts_fail(err, TS_FAILED_PRECONDITION, "'%s' is not a file; move it aside", path);
}

bool ts_store_admit(const char *directory, struct ts_err *err)
{
    struct ts_err why = {0};
    warn_if_empty(directory);
    if (!has_lock_file(directory, err))
        return false;
    if (ts_check_file(directory, true, &why))
        return true;
    return why.code == TS_DATA_LOSS ? refuse(directory, err)
                                    : ts_fail(err, why.code, "%s", why.what);
}

/* The last one that was set aside makes room for this one. */
static bool set_aside(const char *directory, const char *aside)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[PATH_MAX];
    for (size_t i = 0; i < TS_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", aside, names[i]);
        unlink(path);
    }
    rmdir(aside);
    return rename(directory, aside) == 0;
}

bool ts_cache_admit(const char *directory, struct ts_err *err)
{
    char aside[PATH_MAX];
    struct ts_err why = {0};
    if (ts_check_file(directory, false, &why))
        return true;
    snprintf(aside, sizeof aside, "%s.damaged", directory);
    if (!set_aside(directory, aside))
        return ts_fail(
            err, TS_DATA_LOSS,
            "the score cache '%s/data.mdb' is damaged, %s, and cannot be set aside (%s); "
            "remove it: rm -r '%s'",
            directory, why.what, strerror(errno), directory);
    ts_log(TS_WARN, "score cache",
           "the score cache is damaged and was set aside; scores are paid for anew",
           "aside='%s' reason=\"%s\"", aside, why.what);
    return ts_make_directories(directory, err);
}
