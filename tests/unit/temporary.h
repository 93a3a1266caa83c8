/* temporary.h - a directory for each test, gone afterwards: setup and teardown for cmocka. */
#ifndef TEMPORARY_H
#define TEMPORARY_H

#include "testing.h"

#include <stdio.h>
#include <unistd.h>

struct home { /* the test's *state */
    char path[64];
};

static inline int make_home(void **state)
{
    struct home *home = ts_alloc(sizeof *home);
    snprintf(home->path, sizeof home->path, "/tmp/trustspan-XXXXXX");
    assert_non_null(mkdtemp(home->path));
    *state = home;
    return 0;
}

static inline int remove_home(void **state)
{
    struct home *home = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", home->path);
    assert_int_equal(system(command), 0);
    free(home);
    return 0;
}

#endif
