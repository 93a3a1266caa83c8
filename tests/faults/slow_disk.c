/* slow_disk.c - a disk that is slow or broken, for LD_PRELOAD. SLOW_DISK names a file with three numbers of 32 bits,
 * which may change at any time: milliseconds that a sync takes, milliseconds that a write takes, and how many
 * calls of a thousand fail with EIO. Only files below SLOW_DISK_UNDER are touched by it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct faults {
    _Atomic uint32_t sync_ms, write_ms, broken;
};

static const struct faults *faults;
static const char *under;
static _Atomic uint32_t calls;

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("SLOW_DISK");
    under = getenv("SLOW_DISK_UNDER");
    if (!path || !under)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *faults, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        perror(path);
        abort(); /* a test that injects nothing proves nothing */
    }
    close(fd);
    faults = map;
}

static bool is_under(int fd)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t len = strlen(under);
    return n > 0 && (size_t)n >= len && memcmp(path, under, len) == 0;
}

/* Sleeps; true: the call is to fail, errno is set. */
static bool suffer(int fd, bool sync)
{
    if (!faults)
        return false;
    uint32_t ms = sync ? faults->sync_ms : faults->write_ms;
    uint32_t broken = faults->broken;
    if ((ms == 0 && broken == 0) || !is_under(fd))
        return false;
    struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
    uint32_t n =
        atomic_fetch_add(&calls, 1) * 2654435761u; /* spread evenly, the same in every run */
    if (n >> 22 >= broken * 1024 / 1000)
        return false;
    errno = EIO;
    return true;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
    return suffer(fd, true) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    return suffer(fd, true) ? -1 : NEXT(fdatasync)(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return suffer(fd, false) ? -1 : NEXT(pwrite)(fd, bytes, n, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    return suffer(fd, false) ? -1 : NEXT(pwrite64)(fd, bytes, n, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return suffer(fd, false) ? -1 : NEXT(writev)(fd, parts, count);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
