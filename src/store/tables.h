/* tables.h - what the file of a store holds, for those who write it and those who save it: in each table, by
 * id, records with their checksum in front. */
#ifndef TS_STORE_TABLES_H
#define TS_STORE_TABLES_H

#include "base/view.h"

enum ts_table { TS_TABLE_SPOOL, TS_TABLE_LATE, TS_TABLE_COUNT };

/* Their names in the file. */
extern const char *const ts_store_tables[TS_TABLE_COUNT];
/* Bytes that a record takes in whole pages. */
uint64_t ts_store_pages(size_t record);
/* XXH3 of both pieces as one. */
uint64_t ts_store_sum(ts_view head, ts_view body);

#endif
