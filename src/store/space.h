/* space.h - room on a file system. */
#ifndef TS_STORE_SPACE_H
#define TS_STORE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

struct ts_space {
    uint64_t free; /* bytes that any user may fill; UINT64_MAX: the file system does not tell */
    bool read_only;
};

/* Of the file system that holds the open file. Thread: any. */
struct ts_space ts_space_of(int fd);
/* Makes sure that writing to these bytes of the file finds room, whoever else fills the file system; the
 * file grows. False: there is none (errno); to find out can be slow, a journal may be written first. True
 * without effect where the file system has no such promise to give. */
bool ts_space_reserve(int fd, uint64_t from, uint64_t to);
/* LMDB says EIO when a write was cut short: ENOSPC instead of that where little is free; any other error
 * as it is. Thread: any. */
int ts_space_error(int fd, int error);
/* LMDB maps its lock file and writes to it, which ends the process where no block can be had for it: makes
 * sure of one, enough for sixty readers at a time. False: errno. Before the environment is opened. */
bool ts_space_reserve_lock(const char *directory);

#endif
