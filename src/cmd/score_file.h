/* score_file.h - where results go: standard output, or a file that a later run continues. */
#ifndef TS_CMD_SCORE_FILE_H
#define TS_CMD_SCORE_FILE_H

#include "base/buf.h"
#include "json/json.h"

#include <stdio.h>

struct ts_score_file {
    FILE *to;
    struct ts_buf names; /* hashes of the lines that are in it, ascending */
    double cost;         /* US dollars, of what was in it */
};

/* `path` NULL: standard output. An existing file is continued: lines that were scored, cached or
 * skipped in it are done; lines that failed are taken out, to be tried again, and so is a last line
 * without its end. The file is never without what stays. */
bool ts_score_file_open(struct ts_score_file *file, const char *path, struct ts_err *err);
bool ts_score_file_has(const struct ts_score_file *file, const cJSON *id, size_t number);
/* Appends a line; it is in the file when this returns. */
void ts_score_file_add(struct ts_score_file *file, ts_view line);
void ts_score_file_close(struct ts_score_file *file);

#endif
