/* pages.c - the layout, as offsets. */
#include "store/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(size_t) == 8, "page numbers and counts of the file are size_t");

enum { PAGE_FLAGS = 10, PAGE_LOWER = 12, PAGE_UPPER = 14, PAGE_COUNT = 12 };
enum { MAGIC = 16, VERSION = 20, FREE_LIST = 40, MAIN = 88, LAST_PAGE = 136, TRANSACTION = 144 };
enum { META_BYTES = 152 };
enum { TREE_PAD = 0, TREE_FLAGS = 4, TREE_DEPTH = 6, TREE_ENTRIES = 32, TREE_ROOT = 40 };
enum { NODE_FLAGS = 4, NODE_KEY_SIZE = 6, NODE_HEADER = 8 };
enum { LONGEST_KEY = 511, SMALLEST_PAGE = 512 };
static const uint32_t magic = 0xBEEFC0DE;
static const uint32_t version = 1;

static uint16_t u16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint32_t u32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint64_t u64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* ---- reading ---- */

static bool read_at(const struct ts_pages *pages, uint64_t at, size_t len, uint8_t *out)
{
    if (at > pages->bytes || len > pages->bytes - at)
        return false;
    while (len > 0) {
        ssize_t n = pread(pages->fd, out, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

bool ts_pages_read(const struct ts_pages *pages, uint64_t page, size_t len, void *out)
{
    uint64_t at;
    return !__builtin_mul_overflow(page, (uint64_t)pages->page_size, &at) &&
           read_at(pages, at, len, out);
}

bool ts_pages_value(const struct ts_pages *pages, const struct ts_page_node *node, uint8_t *out)
{
    uint64_t at;
    if (!(node->flags & TS_NODE_BIG)) {
        if (node->value.len > 0)
            memcpy(out, node->value.ptr, node->value.len);
        return true;
    }
    return !__builtin_mul_overflow(node->page, (uint64_t)pages->page_size, &at) &&
           !__builtin_add_overflow(at, (uint64_t)TS_PAGE_HEADER, &at) &&
           read_at(pages, at, node->size, out);
}

static bool is_page_size(uint32_t size)
{
    return size >= SMALLEST_PAGE && size <= TS_PAGE_MAX && (size & (size - 1)) == 0;
}

/* The first meta page says it; when that is gone, the second, wherever it is then. */
static uint32_t find_page_size(const struct ts_pages *pages)
{
    uint8_t meta[META_BYTES];
    uint32_t system = (uint32_t)sysconf(_SC_PAGESIZE);
    if (read_at(pages, 0, sizeof meta, meta) && u32(meta + MAGIC) == magic &&
        is_page_size(u32(meta + FREE_LIST + TREE_PAD)))
        return u32(meta + FREE_LIST + TREE_PAD);
    for (uint32_t size = SMALLEST_PAGE; size <= TS_PAGE_MAX; size *= 2)
        if (read_at(pages, size, sizeof meta, meta) && u32(meta + MAGIC) == magic &&
            u32(meta + FREE_LIST + TREE_PAD) == size)
            return size;
    return is_page_size(system) ? system : TS_PAGE_MAX;
}

bool ts_pages_open(struct ts_pages *pages, const char *path, struct ts_err *err)
{
    struct stat found;
    *pages = (struct ts_pages){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (pages->fd < 0)
        return ts_fail(err, errno == ENOENT ? TS_NOT_FOUND : TS_PERMISSION_DENIED,
                       "cannot read '%s': %s%s", path, strerror(errno),
                       errno == EACCES ? "; give this user the right" : "");
    if (fstat(pages->fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        ts_pages_close(pages);
        return ts_fail(err, TS_FAILED_PRECONDITION,
                       "'%s' is %s, not a file; move it aside to start empty", path,
                       S_ISDIR(found.st_mode) ? "a directory" : "a device or pipe");
    }
    pages->bytes = (uint64_t)found.st_size;
    pages->page_size = find_page_size(pages);
    return true;
}

void ts_pages_close(struct ts_pages *pages)
{
    if (pages->fd >= 0)
        close(pages->fd);
    pages->fd = -1;
}

/* ---- meta pages ---- */

static struct ts_tree tree_at(const uint8_t *at)
{
    return (struct ts_tree){u16(at + TREE_FLAGS), u16(at + TREE_DEPTH), u64(at + TREE_ENTRIES),
                            u64(at + TREE_ROOT)};
}

struct ts_tree ts_page_tree(ts_view value)
{
    return tree_at(value.ptr);
}

const char *ts_page_read_meta(const struct ts_pages *pages, uint64_t number, struct ts_meta *out)
{
    uint8_t page[META_BYTES];
    if (!ts_pages_read(pages, number, sizeof page, page))
        return "the file ends before this meta page does";
    if (u32(page + MAGIC) != magic)
        return "it is no meta page of LMDB";
    if (u32(page + VERSION) != version)
        return "its format version is not 1";
    if (!(u16(page + PAGE_FLAGS) & TS_PAGE_META) || u64(page) != number)
        return "the meta page belongs elsewhere";
    if (u32(page + FREE_LIST + TREE_PAD) != pages->page_size)
        return "the meta pages do not agree on the size of a page";
    *out = (struct ts_meta){u64(page + TRANSACTION), u64(page + LAST_PAGE),
                            tree_at(page + FREE_LIST), tree_at(page + MAIN)};
    if (out->transaction % TS_PAGE_METAS != number && out->transaction != 0)
        return "the meta page belongs to another transaction";
    if (out->free_list.flags != TS_TREE_INTEGER_KEYS || out->main.flags != 0)
        return "the flags of its trees are not ours";
    return NULL;
}

/* ---- branches and leaves ---- */

size_t ts_page_entries(const struct ts_pages *pages, const uint8_t *page)
{
    size_t lower = u16(page + PAGE_LOWER);
    if (lower < TS_PAGE_HEADER)
        return 0;
    return (lower < pages->page_size ? lower - TS_PAGE_HEADER : 0) / sizeof(uint16_t);
}

bool ts_page_entry(const struct ts_pages *pages, const uint8_t *page, size_t i,
                   enum ts_page_type type, struct ts_page_node *out)
{
    size_t at = u16(page + TS_PAGE_HEADER + 2 * i);
    *out = (struct ts_page_node){0};
    if (at < TS_PAGE_HEADER || at % 2 || at + NODE_HEADER > pages->page_size)
        return false;
    const uint8_t *node = page + at;
    size_t key_size = u16(node + NODE_KEY_SIZE);
    size_t room = pages->page_size - at - NODE_HEADER;
    if (key_size > room)
        return false;
    room -= key_size;
    out->key = ts_view_of(node + NODE_HEADER, key_size);
    out->flags = type == TS_PAGE_LEAF ? u16(node + NODE_FLAGS) : 0;
    out->size = u32(node);
    if (type == TS_PAGE_BRANCH) {
        out->page = out->size | (uint64_t)u16(node + NODE_FLAGS) << 32;
        out->size = 0;
        return true;
    }
    const uint8_t *value = node + NODE_HEADER + key_size;
    if (out->flags & TS_NODE_BIG) {
        if (room < sizeof out->page)
            return false;
        out->page = u64(value);
        return true;
    }
    out->value = ts_view_of(value, out->size);
    return out->size <= room;
}

/* Bytes that an entry takes in its page. */
static size_t extent(const struct ts_page_node *n)
{
    size_t value = n->flags & TS_NODE_BIG ? sizeof n->page : n->value.len;
    return (NODE_HEADER + n->key.len + value + 1) & ~(size_t)1;
}

/* Entries fill what is above `upper`, one beside the other: an entry of a place that another has, and a
 * gap, are both found by marking. */
static const char *entries_flaw(const struct ts_pages *pages, const uint8_t *page,
                                enum ts_page_type type, size_t upper)
{
    uint8_t taken[TS_PAGE_MAX / 2] = {0};
    size_t most = (((pages->page_size - TS_PAGE_HEADER) / 2) & ~(size_t)1) - sizeof(uint16_t);
    size_t total = 0;
    struct ts_page_node n;
    for (size_t i = 0; i < ts_page_entries(pages, page); i++) {
        size_t at = u16(page + TS_PAGE_HEADER + 2 * i);
        if (at < upper || !ts_page_entry(pages, page, i, type, &n))
            return "an entry lies outside of the page";
        if (n.key.len > LONGEST_KEY || extent(&n) > most)
            return "an entry is larger than entries are";
        if (n.flags & ~(TS_NODE_BIG | TS_NODE_TREE))
            return "an entry is of a kind that is not ours";
        for (size_t k = at / 2; k < (at + extent(&n)) / 2; k++)
            if (taken[k]++)
                return "two entries lie in one place";
        total += extent(&n);
    }
    return total == pages->page_size - upper ? NULL : "its entries do not fill it";
}

static const char *type_flaw(const uint8_t *page, uint64_t number, enum ts_page_type type)
{
    static const char *const wrong[] = {[TS_PAGE_BRANCH] = "it is no branch of a tree",
                                        [TS_PAGE_LEAF] = "it is no leaf of a tree",
                                        [TS_PAGE_OVERFLOW] = "it does not begin a record"};
    if (u16(page + PAGE_FLAGS) != type)
        return wrong[type];
    return u64(page) == number ? NULL : "it says that it is another page";
}

const char *ts_page_flaw(const struct ts_pages *pages, const uint8_t *page, uint64_t number,
                         enum ts_page_type type)
{
    size_t lower = u16(page + PAGE_LOWER);
    size_t upper = u16(page + PAGE_UPPER);
    const char *flaw = type_flaw(page, number, type);
    if (flaw)
        return flaw;
    if (lower < TS_PAGE_HEADER || lower % 2 || upper % 2 || lower > upper ||
        upper > pages->page_size)
        return "its bounds are not in order";
    if (ts_page_entries(pages, page) == 0)
        return "it is empty";
    return entries_flaw(pages, page, type, upper);
}

/* ---- big values ---- */

uint64_t ts_page_count(const struct ts_pages *pages, uint64_t value_size)
{
    return (TS_PAGE_HEADER - 1 + value_size) / pages->page_size + 1;
}

uint32_t ts_page_run(const struct ts_pages *pages, const uint8_t *page, uint64_t number)
{
    uint32_t count = u32(page + PAGE_COUNT);
    uint64_t in_file = pages->bytes / pages->page_size;
    bool begins = !type_flaw(page, number, TS_PAGE_OVERFLOW) && number < in_file;
    return begins && count <= in_file - number ? count : 0;
}

const char *ts_page_flaw_big(const struct ts_pages *pages, const struct ts_page_node *node)
{
    uint8_t header[TS_PAGE_HEADER];
    uint64_t count = ts_page_count(pages, node->size);
    uint64_t in_file = pages->bytes / pages->page_size;
    if (node->page < TS_PAGE_METAS || node->page > in_file || count > in_file - node->page)
        return "the file ends before this record does";
    if (!ts_pages_read(pages, node->page, sizeof header, header))
        return "it cannot be read";
    const char *flaw = type_flaw(header, node->page, TS_PAGE_OVERFLOW);
    if (flaw)
        return flaw;
    return u32(header + PAGE_COUNT) == count ? NULL : "it says another length than its entry does";
}
