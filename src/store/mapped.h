/* mapped.h - what an LMDB environment does with its file: pages in use, free inside, and mapped.
 * A map of the whole file counts as this process's memory wherever it was read. Pages that are given
 * back stay in the page cache: whoever reads them again, at the same time even, finds them there. */
#ifndef TS_STORE_MAPPED_H
#define TS_STORE_MAPPED_H

#include <lmdb.h>
#include <stdatomic.h>
#include <stdint.h>

/* Bytes of the file up to the last page that was ever in use. Thread: any. */
uint64_t ts_env_end(MDB_env *env);
/* Pages inside of that which transactions may take. */
struct ts_free_pages {
    size_t now;  /* the next one */
    size_t soon; /* the one after it: what the last one freed */
};
/* Reads the free list. Thread: any. */
struct ts_free_pages ts_env_free_pages(MDB_env *env);

struct ts_mapped {
    void *base; /* NULL: not known, nothing is given back */
    size_t size;
    _Atomic size_t touched; /* bytes, at most, since the last time */
};

/* Finds the map of an environment that holds at least one named table. */
void ts_mapped_find(struct ts_mapped *mapped, MDB_env *env);
/* With a page that is read the kernel maps others around it: 64 KiB, or all that was written to the file
 * in one go, which for LMDB are 256 KiB of small pages, or a record. */
enum { TS_MAPPED_AROUND = 256 << 10 };
/* Says that up to so many bytes were mapped; now and then gives them back. Thread: any. */
void ts_mapped_touch(struct ts_mapped *mapped, size_t bytes);
/* Gives back what was touched, if anything was. Thread: any. */
void ts_mapped_release(struct ts_mapped *mapped);

#endif
