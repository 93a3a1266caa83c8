/* salvage.h - the records of a store, sound or not, found without LMDB.
 * What the trees reach is taken as it is. Where a tree is broken, all pages that no tree reaches are
 * looked through for leaves of the missing ids, and for records that no leaf names any more, which get new
 * ids behind all others; a record is believed when its checksum is right. What was
 * delivered and removed before stays away as far as can be known: a record is not taken whose pages the
 * list of free pages has, nor more records than the table says it had. */
#ifndef TS_STORE_SALVAGE_H
#define TS_STORE_SALVAGE_H

#include "base/buf.h"
#include "store/pages.h"
#include "store/tables.h"

/* Where a record lies. */
struct ts_found {
    uint64_t id;
    uint64_t page;  /* the leaf's, or the first of the record's own */
    uint32_t size;  /* with its checksum */
    uint16_t entry; /* in the leaf */
    uint8_t table;  /* enum ts_table */
    bool big;       /* has pages of its own */
};

struct ts_salvage {
    struct ts_pages pages;
    struct ts_found *records; /* by table, then id */
    size_t count, cap;
    uint64_t readable[TS_TABLE_COUNT];
    uint64_t stored[TS_TABLE_COUNT];   /* how many there were … */
    bool stored_known[TS_TABLE_COUNT]; /* … if the tables say so */
    uint64_t bytes;                    /* of the readable ones, in whole pages */
    char flaw[160]; /* the first, "page 12: …"; empty: LMDB can live with this file */
};

/* What a record says of itself, for those whose place in a table is lost. */
struct ts_description {
    enum ts_table table;
    size_t length;    /* of the record, which may be less than what was shown */
    ts_time received; /* gives their order */
};
/* Describes the record that `bytes` begin with. False: there is none. */
typedef bool (*ts_describe)(ts_view bytes, struct ts_description *out);

/* Looks through DIRECTORY/data.mdb. Takes as long as to read it. Without `describe` (NULL) less is found: a
 * record that is in no table is taken for one of the spool, and one whose id is lost is left out. False: there
 * is no such file, or it may not be read; nothing to release then. */
bool ts_salvage(struct ts_salvage *salvage, const char *directory, ts_describe describe,
                struct ts_err *err);
void ts_salvage_release(struct ts_salvage *salvage);
/* Record `i` with its checksum in front, into `out` (cleared first). False: it has changed, or the disk
 * fails. */
bool ts_salvage_read(const struct ts_salvage *salvage, size_t i, struct ts_buf *out);
/* What a table holds: "requests". */
extern const char *const ts_salvage_words[TS_TABLE_COUNT];
/* "3 of 4 requests, 0 of 0 late records and 1 of 1 decisions", or "3 requests, of how many is not known, and …". */
void ts_salvage_say(const struct ts_salvage *salvage, struct ts_buf *out);

#endif
