/* lanes.c - a list: tenants with something on its way are few, or else the work for them is more. */
#include "pipeline/engine/lanes.h"

#include <stdlib.h>

struct ts_lane *ts_lanes_find(struct ts_lanes *lanes, struct ts_headers *headers)
{
    for (struct ts_lane *l = lanes->first; l; l = l->next)
        if (ts_headers_eq(l->headers, headers))
            return l;
    struct ts_lane *l = ts_alloc(lanes->size);
    l->headers = ts_headers_ref(headers);
    l->next = lanes->first;
    l->back = &lanes->first;
    if (l->next)
        l->next->back = &l->next;
    lanes->first = l;
    return l;
}

void ts_lane_free(struct ts_lane *l)
{
    *l->back = l->next;
    if (l->next)
        l->next->back = l->back;
    ts_headers_unref(l->headers);
    free(l);
}
