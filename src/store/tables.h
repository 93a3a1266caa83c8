/* tables.h - what a store's file holds, as all know who read or write it. */
#ifndef TS_STORE_TABLES_H
#define TS_STORE_TABLES_H

#include "base/view.h"

enum ts_table { TS_TABLE_SPOOL, TS_TABLE_LATE, TS_TABLE_DECIDED, TS_TABLE_COUNT };

/* Their names in the file. */
extern const char *const ts_store_tables[TS_TABLE_COUNT];

/* XXH3 of both pieces as one: the eight bytes in front of a record, in the machine's order. */
uint64_t ts_store_sum(ts_view head, ts_view body);
/* Bytes that a record takes in whole pages. */
uint64_t ts_store_pages(size_t record);

#endif
