/* pages.h - an LMDB data file read page by page, with pread and without trust.
 * LMDB maps its file and believes every offset in it: a page that is not as it was written ends the
 * process or keeps it busy for ever. Who reads here asks of each page first whether LMDB could.
 * Layout: LMDB 0.9 (mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node), 64 bits, the machine's byte order,
 * without what we do not use: several values under one key. */
#ifndef TS_STORE_PAGES_H
#define TS_STORE_PAGES_H

#include "base/err.h"
#include "base/view.h"

enum {
    TS_PAGE_METAS = 2,        /* pages 0 and 1 */
    TS_PAGE_HEADER = 16,      /* bytes */
    TS_PAGE_MAX = 32768,      /* bytes of a page */
    TS_TREE_DEPTH = 32,       /* LMDB's CURSOR_STACK */
    TS_TREE_INTEGER_KEYS = 8, /* MDB_INTEGERKEY in a tree's flags */
    TS_NODE_BIG = 1,          /* F_BIGDATA: the value has pages of its own */
    TS_NODE_TREE = 2,         /* F_SUBDATA: the value is a tree */
    TS_NODE_TREE_BYTES = 48,  /* … of so many bytes */
};
#define TS_NO_PAGE UINT64_MAX /* root of an empty tree */

enum ts_page_type { TS_PAGE_BRANCH = 1, TS_PAGE_LEAF = 2, TS_PAGE_OVERFLOW = 4, TS_PAGE_META = 8 };

struct ts_pages {
    int fd;
    uint64_t bytes;     /* of the file */
    uint32_t page_size; /* what the meta pages say; the system's when none of them can be read */
};

struct ts_tree {
    uint16_t flags, depth;
    uint64_t entries, root;
};

struct ts_meta {
    uint64_t transaction, last_page;
    struct ts_tree free_list, main;
};

/* An entry of a leaf, or of a branch: then with a page only. Views into the page. */
struct ts_page_node {
    ts_view key;
    ts_view value;  /* what is in the page itself: a big one's is empty */
    uint64_t page;  /* the child; a big value's first page */
    uint32_t size;  /* of the value */
    uint16_t flags; /* TS_NODE_… */
};

/* Opens the file for reading. One that is not there is NOT_FOUND; what is no plain file, or may not be
 * read, is said in err. The page size is that of the meta pages. Closing accepts one never opened, fd -1. */
bool ts_pages_open(struct ts_pages *pages, const char *path, struct ts_err *err);
void ts_pages_close(struct ts_pages *pages);
/* Reads `len` bytes from the start of a page on. False: the file does not hold them, or the disk fails. */
bool ts_pages_read(const struct ts_pages *pages, uint64_t page, size_t len, void *out);
/* The value of a leaf's entry, copied out of the pages behind it, or out of the page. False: as above. */
bool ts_pages_value(const struct ts_pages *pages, const struct ts_page_node *node, uint8_t *out);

/* Each of these returns NULL, or what is wrong, in words that follow "page N:". */
/* Meta page 0 or 1. */
const char *ts_page_read_meta(const struct ts_pages *pages, uint64_t number, struct ts_meta *out);
/* A whole page that is to be `type`, BRANCH or LEAF: all its entries lie in it, beside each other. */
const char *ts_page_flaw(const struct ts_pages *pages, const uint8_t *page, uint64_t number,
                         enum ts_page_type type);
/* The header of the first page of a big value. */
const char *ts_page_flaw_big(const struct ts_pages *pages, const struct ts_page_node *node);

/* How many entries a page says it has: no more than can be. */
size_t ts_page_entries(const struct ts_pages *pages, const uint8_t *page);
/* Entry `i` of a page of either type, sound or not. False: it does not lie in the page. */
bool ts_page_entry(const struct ts_pages *pages, const uint8_t *page, size_t i,
                   enum ts_page_type type, struct ts_page_node *out);
/* The tree that is the value of an entry with TS_NODE_TREE of TS_NODE_TREE_BYTES. */
struct ts_tree ts_page_tree(ts_view value);
/* Pages of the big value that begins on this page, as its header says; 0: none begins here. */
uint32_t ts_page_run(const struct ts_pages *pages, const uint8_t *page, uint64_t number);
/* Pages that a big value takes. */
uint64_t ts_page_count(const struct ts_pages *pages, uint64_t value_size);

#endif
