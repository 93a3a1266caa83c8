#include "cmd/score_file.h"

#include "cmd/score_line.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* False: it failed, and is no longer wanted. */
static bool take_line(struct ts_score_file *file, ts_view text)
{
    cJSON *line = ts_json_parse(text, NULL, NULL);
    ts_view decision = ts_json_text(ts_json_get(line, "decision"));
    bool done = decision.len > 0 && !ts_view_is(decision, "failed");
    int64_t number = 0;
    double cost = 0;
    ts_json_int64(ts_json_get(line, "line"), &number);
    if (ts_json_double(ts_json_get(line, "cost_usd"), &cost))
        file->cost += cost;
    if (done) {
        uint64_t name = ts_score_line_name(ts_json_get(line, "id"), (size_t)number);
        ts_buf_add(&file->names, &name, sizeof name);
    }
    cJSON_Delete(line);
    return done;
}

/* Copies what stays of `from`; is it less? */
static bool take_lines(struct ts_score_file *file, FILE *from, FILE *to)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool less = false;
    while ((n = getline(&line, &cap, from)) > 0) {
        bool whole = line[n - 1] == '\n';
        if (whole && take_line(file, ts_view_of(line, (size_t)n)))
            fwrite(line, 1, (size_t)n, to);
        else
            less = true;
    }
    free(line);
    if (file->names.len > 0)
        qsort(file->names.ptr, file->names.len / sizeof(uint64_t), sizeof(uint64_t), ascending);
    return less;
}

/* The file with what stays of it, as private as it was, in its place at once. */
static bool shorten(struct ts_score_file *file, FILE *from, const char *path, mode_t mode)
{
    struct ts_buf beside = TS_BUF_INIT;
    ts_buf_printf(&beside, "%s.part", path);
    FILE *to = fopen(ts_buf_cstr(&beside), "w");
    bool ok = to && fchmod(fileno(to), mode) == 0;
    bool less = ok && take_lines(file, from, to);
    ok = ok && !ferror(from) && !ferror(to);
    if (to)
        ok = fclose(to) == 0 && ok;
    if (ok && less)
        ok = rename(ts_buf_cstr(&beside), path) == 0;
    else if (to)
        unlink(ts_buf_cstr(&beside));
    ts_buf_release(&beside);
    return ok;
}

/* Reads what an earlier run left there. */
static bool resume(struct ts_score_file *file, const char *path)
{
    struct stat is;
    char *real = realpath(path, NULL); /* a link stays one */
    if (!real)
        return errno == ENOENT;
    bool regular = stat(real, &is) == 0 && S_ISREG(is.st_mode); /* a pipe holds nothing */
    FILE *from = regular ? fopen(real, "r") : NULL;
    bool ok = from ? shorten(file, from, real, is.st_mode & 07777) : !regular;
    if (from)
        fclose(from);
    free(real);
    return ok;
}

bool ts_score_file_open(struct ts_score_file *file, const char *path, struct ts_err *err)
{
    *file = (struct ts_score_file){.to = stdout, .names = TS_BUF_INIT};
    if (!path)
        return true;
    file->to = resume(file, path) ? fopen(path, "a") : NULL;
    return file->to ||
           ts_fail(err, TS_INVALID_ARGUMENT, "cannot write '%s': %s", path, strerror(errno));
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
