#include "store/space.h"
#include "store/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct ts_space ts_space_of(int fd)
{
    struct statvfs fs;
    int bad;
    while ((bad = fstatvfs(fd, &fs)) != 0 && errno == EINTR)
        continue;
    if (bad != 0 || fs.f_blocks == 0)
        return (struct ts_space){.free = UINT64_MAX};
    return (struct ts_space){(uint64_t)fs.f_bavail * fs.f_frsize, (fs.f_flag & ST_RDONLY) != 0};
}

bool ts_space_reserve(int fd, uint64_t from, uint64_t to)
{
    int bad;
    while ((bad = fallocate(fd, 0, (off_t)from, (off_t)(to - from))) != 0 && errno == EINTR)
        continue;
    return bad == 0 || errno == EOPNOTSUPP || errno == ENOSYS;
}

int ts_space_error(int fd, int error)
{
    const uint64_t little = 16 << 20;
    return error == EIO && ts_space_of(fd).free < little ? ENOSPC : error;
}

bool ts_space_reserve_lock(const char *directory)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock.mdb", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, TS_FILE_MODE);
    if (fd < 0)
        return false;
    bool ok = ts_space_reserve(fd, 0, (uint64_t)sysconf(_SC_PAGESIZE));
    int why = errno;
    close(fd);
    errno = why;
    return ok;
}
