/* directories.h - a directory of ours: made, locked against other processes, kept from other users.
 * What lies there are prompts and answers: files are this user's alone, and so is a directory that we make.
 * One that was there is its owner's, who may have others in it on purpose: it is left, with a warning. */
#ifndef TS_STORE_DIRECTORIES_H
#define TS_STORE_DIRECTORIES_H

#include "base/err.h"

enum { TS_FILE_MODE = 0600 };

/* Makes the directory and those above it, for this user only. One that is there is fine. */
bool ts_make_directories(const char *path, struct ts_err *err);

/* Takes the lock of the directory until *fd is closed. `make`: its file is made when it is not there;
 * otherwise there is nobody then, and *fd is -1. False: another process has it, or it cannot be made. */
bool ts_lock_directory(const char *path, bool make, int *fd, struct ts_err *err);

/* Takes the rights of others from those of our files that are there (an earlier version gave the group
 * some), and warns of what it cannot change, and of a directory that others can look into. */
void ts_keep_private(const char *path);

#endif
