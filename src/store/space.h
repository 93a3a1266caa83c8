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

#endif
