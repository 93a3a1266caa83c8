#include "cmd/score_file.h"

#include "cmd/score_line.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void take_line(struct ts_score_file *file, ts_view text)
{
    cJSON *line = ts_json_parse(text, NULL, NULL);
    ts_view decision = ts_json_text(ts_json_get(line, "decision"));
    int64_t number = 0;
    ts_json_int64(ts_json_get(line, "line"), &number);
    if (decision.len > 0 && !ts_view_is(decision, "failed")) {
        uint64_t name = ts_score_line_name(ts_json_get(line, "id"), (size_t)number);
        ts_buf_add(&file->names, &name, sizeof name);
    }
    cJSON_Delete(line);
}

/* What is in the file; false: it cannot be cut to its last whole line. */
static bool take_lines(struct ts_score_file *file)
{
    char *line = NULL;
    size_t cap = 0;
    off_t whole = 0;
    ssize_t n;
    rewind(file->to);
    while ((n = getline(&line, &cap, file->to)) > 0 && line[n - 1] == '\n') {
        whole += n;
        take_line(file, ts_view_of(line, (size_t)n));
    }
    free(line);
    if (file->names.len > 0)
        qsort(file->names.ptr, file->names.len / sizeof(uint64_t), sizeof(uint64_t), ascending);
    return ftruncate(fileno(file->to), whole) == 0 && fseeko(file->to, whole, SEEK_SET) == 0;
}

bool ts_score_file_open(struct ts_score_file *file, const char *path, struct ts_err *err)
{
    *file = (struct ts_score_file){.to = stdout, .names = TS_BUF_INIT};
    if (!path)
        return true;
    file->to = fopen(path, "a+");
    if (file->to && take_lines(file))
        return true;
    return ts_fail(err, TS_INVALID_ARGUMENT, "cannot write '%s': %s", path, strerror(errno));
}

bool ts_score_file_has(const struct ts_score_file *file, const cJSON *id, size_t number)
{
    uint64_t name = ts_score_line_name(id, number);
    return file->names.len > 0 &&
           bsearch(&name, file->names.ptr, file->names.len / sizeof name, sizeof name, ascending);
}

void ts_score_file_add(struct ts_score_file *file, ts_view line)
{
    fwrite(line.ptr, 1, line.len, file->to);
    if (file->to != stdout)
        fflush(file->to);
}

void ts_score_file_close(struct ts_score_file *file)
{
    if (file->to && file->to != stdout)
        fclose(file->to);
    ts_buf_release(&file->names);
}
