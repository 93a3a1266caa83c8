/* directories.h - mkdir -p. */
#ifndef TS_STORE_DIRECTORIES_H
#define TS_STORE_DIRECTORIES_H

#include "base/err.h"

/* Makes the directory and those above it, for this user and group only. One that is there is fine. */
bool ts_make_directories(const char *path, struct ts_err *err);

#endif
