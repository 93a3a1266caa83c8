#include "store/directories.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPONENT "store"
enum { DIRECTORY_MODE = 0700, OTHERS = 0077 };
static const char lock_name[] = "trustspan.lock";

bool ts_make_directories(const char *path, struct ts_err *err)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *c = part + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            mkdir(part, DIRECTORY_MODE);
            *c = '/';
        }
    if (mkdir(part, DIRECTORY_MODE) == 0 || errno == EEXIST)
        return true;
    return ts_fail(err, TS_PERMISSION_DENIED,
                   "cannot create the state directory '%s': %s; create it, or set another", path,
                   strerror(errno));
}

bool ts_lock_directory(const char *path, bool make, int *fd, struct ts_err *err)
{
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s/%s", path, lock_name);
    *fd = open(file, (make ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, TS_FILE_MODE);
    if (*fd < 0 && !make && errno == ENOENT)
        return true;
    if (*fd < 0)
        return ts_fail(err, TS_PERMISSION_DENIED,
                       "cannot %s in the state directory '%s': %s; give this user the right, or "
                       "set another directory",
                       make ? "write" : "read", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    close(*fd);
    *fd = -1;
    return ts_fail(err, TS_FAILED_PRECONDITION,
                   "another trustspan uses the state directory '%s'; stop it, or set another "
                   "directory",
                   path);
}

static void tighten(const char *directory, const char *name)
{
    char file[PATH_MAX];
    struct stat found;
    snprintf(file, sizeof file, "%s/%s", directory, name);
    if (lstat(file, &found) != 0 || !S_ISREG(found.st_mode) || !(found.st_mode & OTHERS))
        return;
    if (chmod(file, TS_FILE_MODE) != 0)
        ts_log(TS_WARN, COMPONENT, "other users may read what is stored",
               "file='%s' mode=%o error=\"%s\"", file, found.st_mode & 07777U, strerror(errno));
}

void ts_keep_private(const char *path)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", lock_name};
    struct stat found;
    for (size_t i = 0; i < TS_COUNT(names); i++)
        tighten(path, names[i]);
    if (stat(path, &found) == 0 && (found.st_mode & OTHERS))
        ts_log(TS_WARN, COMPONENT, "other users may look into the state directory; chmod 700 it",
               "directory='%s' mode=%o", path, found.st_mode & 07777U);
}
