/* damage.h - a store that is damaged is not opened: what is wrong, what is left of it, what to do. */
#ifndef TS_STORE_DAMAGE_H
#define TS_STORE_DAMAGE_H

#include "base/err.h"

/* Whether LMDB can live with the store in this directory. False: err DATA_LOSS says what is damaged where,
 * how much of it can be read, and the command that saves that. */
bool ts_store_admit(const char *directory, struct ts_err *err);

/* The same of a score cache, which is only worth money: one that is damaged is set aside as
 * DIRECTORY.damaged, with a warning, and an empty directory is in its place. False: err says why that
 * cannot be done, and what to do. */
bool ts_cache_admit(const char *directory, struct ts_err *err);

#endif
