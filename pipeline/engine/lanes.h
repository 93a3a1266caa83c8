/* lanes.h - a queue with one lane for each set of forwarded headers, which is: for each tenant. What is
 * wrong with one tenant's key or quota stops his lane and no other. Without forwarded headers there is
 * one lane. Belongs to one loop. */
#ifndef TS_ENGINE_LANES_H
#define TS_ENGINE_LANES_H

#include "pipeline/headers.h"

struct ts_lane { /* first member of the user's own struct */
    struct ts_lane *next, **back;
    struct ts_headers *headers; /* NULL: none were forwarded */
};

struct ts_lanes {
    struct ts_lane *first;
    size_t size; /* of the user's struct */
};

/* The lane of these headers, made (zeroed but for the above) when it is not there. */
struct ts_lane *ts_lanes_find(struct ts_lanes *lanes, struct ts_headers *headers);
/* Frees a lane that nothing is in any more. */
void ts_lane_free(struct ts_lane *lane);

#endif
