#include "store/tables.h"

#define XXH_STATIC_LINKING_ONLY /* the streaming state on the stack */
#include <xxhash.h>

const char *const ts_store_tables[TS_TABLE_COUNT] = {"spool", "late"};

uint64_t ts_store_pages(size_t record)
{
    enum { PAGE = 4096, PAGE_HEADER = 16 };
    return (record + PAGE_HEADER + PAGE - 1) / PAGE * PAGE;
}

uint64_t ts_store_sum(ts_view head, ts_view body)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    if (head.len)
        XXH3_64bits_update(&state, head.ptr, head.len);
    if (body.len)
        XXH3_64bits_update(&state, body.ptr, body.len);
    return XXH3_64bits_digest(&state);
}
