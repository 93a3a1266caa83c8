/* local_figures.h - numbers, times and dates of a text, one key for all spellings of the same.
 * 1.000,50 is 1,000.50 is 1000.5; 2024-05-05 is 5 May 2024 is May 5, 2024 is 5.5.2024. What can be read in
 * two ways (05/06/2024) is the same only when it is written in the same order. */
#ifndef TS_SCORER_LOCAL_FIGURES_H
#define TS_SCORER_LOCAL_FIGURES_H

#include "base/view.h"

/* A text while its figures are read; zeroed but for `text`. */
struct ts_figures {
    ts_view text;
    size_t word_from,
        word_end; /* the last word before, which may be a month; the reader sets them */
    enum {
        TS_COMMA_UNKNOWN,
        TS_COMMA_GROUPS,
        TS_COMMA_DECIMAL
    } comma; /* found when first needed */
};

struct ts_figure {
    size_t from, end; /* all of it; a date may begin with the word before, and end with its year */
    bool date;
    /* A text that holds the figure holds all these. */
    uint64_t says[8];
    size_t says_count;
    /* The figure is held by a text that says one of these, or both of those (0: no such pair). */
    uint64_t any[2];
    size_t any_count;
    uint64_t both[2];
};

/* Reads the figure whose first digit is at `at`. */
void ts_figure_read(struct ts_figures *f, size_t at, struct ts_figure *out);

/* ---- shared with local_dates.c ---- */

enum ts_figure_key {
    TS_KEY_NUMBER = 1, /* digits without a point, places behind the point */
    TS_KEY_RAW,        /* hash of the bytes */
    TS_KEY_DATE,       /* year, month and day */
    TS_KEY_DAY,        /* month and day, whatever the year */
    TS_KEY_YEARLESS,   /* month and day, and no year beside them */
    TS_KEY_MONTH,      /* year and month */
    TS_KEY_EITHER, /* year, and two numbers that are a month and a day in this order or the other */
};
uint64_t ts_figure_key(enum ts_figure_key kind, uint64_t a, uint64_t b);

/* 2024-05-05, 5.5.2024, 5/13/2024, 2024-05 …: the whole of `token`. False: it is no date. */
bool ts_date_of_token(ts_view token, struct ts_figure *out);
/* The number `value` of one to four digits in [at, end) with the name of a month before or behind it. */
bool ts_date_in_words(const struct ts_figures *f, size_t at, size_t end, unsigned value,
                      struct ts_figure *out);

#endif
