/* room.c - removals need pages before they free any, so some of the file is theirs: blocks behind its used
 * part, which the file system has promised already. Appends that would need these are refused, and no
 * other process can take them. */
#include "store/store_internal.h"

#include <errno.h>

/* A removal takes some ten pages, and those of the one before last come back: enough for dozens a
 * transaction, and writer.c goes down to one. */
static const uint64_t for_removals = 1 << 20;
static const uint64_t step = 4 << 20; /* of growth, while there is plenty */

/* An error that is not about room is left to the transaction. */
static bool grow(struct ts_store *s, uint64_t end, uint64_t to)
{
    if (!ts_space_reserve(ts_store_fd(s), end, to))
        return errno != ENOSPC && errno != EDQUOT;
    s->reserved = to;
    return true;
}

/* Without asking for the free space: the blocks may be there from the last run. */
void ts_room_init(struct ts_store *s)
{
    uint64_t end = ts_env_end(s->env);
    s->reserved = end;
    grow(s, end, end + for_removals);
}

bool ts_room_reserve(struct ts_store *s, uint64_t bytes)
{
    uint64_t end = ts_env_end(s->env);
    uint64_t need = end + bytes + for_removals;
    if (need <= s->reserved)
        return true;
    uint64_t from = s->reserved > end ? s->reserved : end;
    uint64_t free = ts_space_of(ts_store_fd(s)).free;
    return (free > need - from + 2 * step && grow(s, from, need + step)) ||
           (free > need - from && grow(s, from, need));
}

static uint64_t less(uint64_t bytes)
{
    return bytes > for_removals ? bytes - for_removals : 0;
}

struct ts_room ts_room_inside(struct ts_store *s)
{
    uint64_t page = ts_store_pages(1);
    uint64_t end = ts_env_end(s->env);
    uint64_t ahead = s->reserved > end ? s->reserved - end : 0;
    struct ts_free_pages inside = ts_env_free_pages(s->env);
    return (struct ts_room){less(inside.now * page + ahead),
                            less((inside.now + inside.soon) * page + ahead)};
}
