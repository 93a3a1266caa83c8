/* local_numeral_key.h - what a numeral in a text says, as keys that are the same for all spellings. */
#ifndef TS_SCORER_LOCAL_NUMERAL_KEY_H
#define TS_SCORER_LOCAL_NUMERAL_KEY_H

#include "base/view.h"

/* A number, a time or a date. */
struct ts_numeral {
    size_t from, end; /* all of it; a date may begin with the word before, and end with its year */
    bool date;
    /* A text that holds the numeral holds all these. */
    uint64_t implied[8];
    size_t implied_count;
    /* The numeral is held by a text that implies one of `any`, or both of `both` (0: there are none). */
    uint64_t any[2];
    size_t any_count;
    uint64_t both[2];
};

enum ts_numeral_key {
    TS_KEY_NUMBER = 1, /* digits without a point, places behind the point */
    TS_KEY_RAW,        /* hash of the bytes */
    TS_KEY_DATE,       /* year, month and day */
    TS_KEY_DAY,        /* month and day, whatever the year */
    TS_KEY_YEARLESS,   /* month and day, and no year beside them */
    TS_KEY_MONTH,      /* year and month */
    TS_KEY_EITHER, /* year, and two numbers that are a month and a day in this order or the other */
};
static inline uint64_t ts_numeral_key(enum ts_numeral_key kind, uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (uint64_t)kind << 60) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 32 ^ b) * UINT64_C(0xc2b2ae3d27d4eb4f);
    return h ^ h >> 29;
}

#endif
