#include "store/directories.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

bool ts_make_directories(const char *path, struct ts_err *err)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *c = part + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            mkdir(part, 0750);
            *c = '/';
        }
    if (mkdir(part, 0750) == 0 || errno == EEXIST)
        return true;
    return ts_fail(err, TS_PERMISSION_DENIED,
                   "cannot create the state directory '%s': %s; create it, or set another", path,
                   strerror(errno));
}
