/* check.h - is an LMDB file sound? Asked before LMDB maps it, because LMDB asks nothing. */
#ifndef TS_STORE_CHECK_H
#define TS_STORE_CHECK_H

#include "store/walk.h"

/* The meta page that counts, that of the last transaction, of those that can be read. False: none. `flaw`,
 * of 160 bytes: what is wrong with a meta page, "page 1: …"; empty: both are sound. */
bool ts_check_metas(const struct ts_pages *pages, struct ts_meta *newest, char *flaw);

/* Whether LMDB can live with DIRECTORY/data.mdb, whose tables have ids for keys, or bytes. None, and one of
 * no bytes, are fine: LMDB makes it. One that changes meanwhile is another process's, and fine. False: err
 * DATA_LOSS "page 3: …", or what forbids to read it. Reads each page of the trees, and the first bytes
 * of each record that has pages of its own: that costs about as much as counting the records at the opening
 * does, at whose expense most of it then is (1 GB on a cold disk: 2 to 4 s, in the page cache 0.06 to 0.5 s).
 */
bool ts_check_file(const char *directory, bool integer_keys, struct ts_err *err);

#endif
