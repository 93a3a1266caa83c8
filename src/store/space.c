#include "store/space.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

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
