#include "store/damage.h"

#include "base/log.h"
#include "store/check.h"
#include "store/salvage.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

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
            "'%s/data.mdb' is damaged, %s; %s can be read; save them: trustspan store rescue %s "
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

bool ts_store_admit(const char *directory, struct ts_err *err)
{
    struct ts_err why = {0};
    warn_if_empty(directory);
    if (ts_check_file(directory, true, &why))
        return true;
    return why.code == TS_DATA_LOSS ? refuse(directory, err)
                                    : ts_fail(err, why.code, "%s", why.what);
}
