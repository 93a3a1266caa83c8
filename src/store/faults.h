/* faults.h - the last word of a process whose store broke under it.
 * What was sound at the start can be cut off, or fail on the disk, while LMDB has it mapped: then there is
 * nothing to return to. The process ends as it would have, but says why, and which command says more. */
#ifndef TS_STORE_FAULTS_H
#define TS_STORE_FAULTS_H

#include <lmdb.h>

/* For LMDB's own asserts. */
void ts_faults_watch(MDB_env *env);
/* For pages of a mapped file that are gone (SIGBUS): in the whole process, from now on. */
void ts_faults_watch_pages(const char *directory);

#endif
