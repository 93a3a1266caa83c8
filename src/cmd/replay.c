/* replay.c - recorded scores judged again, by today's rules, without a network and at no cost. */
#include "cmd/cmd.h"

#include "tlm/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Appends the result of one recording as a line. */
static bool replay_line(const cJSON *recorded, enum ts_tlm_compat compat, struct ts_buf *out,
                        struct ts_err *err)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options options = {.compat = compat};
    struct ts_tlm_input input;
    struct ts_tlm_result result;
    const cJSON *id = ts_json_get(recorded, "id");
    bool ok = ts_replay_read(arena, recorded, &options, &input, err);
    struct ts_tlm *tlm = ok ? ts_tlm_new(arena, &options, &input, err) : NULL;
    if (tlm) {
        ts_replay_answer(tlm, recorded);
        ts_tlm_conclude(tlm, &result);
        ts_buf_add_str(out, "{\"id\":");
        if (id)
            ts_json_append(out, id);
        else
            ts_buf_add_str(out, "null");
        ts_record_result(tlm, &result, out);
        ts_buf_add_str(out, "}\n");
    }
    ts_arena_free(arena);
    return tlm != NULL;
}

static bool replay_all(FILE *in, const char *path, enum ts_tlm_compat compat)
{
    struct ts_buf out = TS_BUF_INIT;
    char *line = NULL;
    size_t cap = 0;
    size_t number = 0;
    bool all = true;
    for (ssize_t n; (n = getline(&line, &cap, in)) > 0;) {
        struct ts_err err = {0};
        ts_view text = ts_view_trim(ts_view_of(line, (size_t)n));
        number++;
        if (text.len == 0)
            continue;
        cJSON *recorded = ts_json_parse(text, NULL, &err);
        ts_buf_clear(&out);
        if (recorded && replay_line(recorded, compat, &out, &err)) {
            fwrite(out.ptr, 1, out.len, stdout);
        } else {
            ts_fail_in(&err, "%s:%zu", path, number);
            ts_cmd_failed(&err);
            all = false;
        }
        cJSON_Delete(recorded);
    }
    free(line);
    ts_buf_release(&out);
    return all;
}

int ts_cmd_replay(const char *path, const char *compat)
{
    struct ts_err err = {0};
    bool reference = strcmp(compat, "reference") == 0;
    if (!reference && strcmp(compat, "recommended") != 0) {
        ts_fail(&err, TS_INVALID_ARGUMENT, "--compat '%s' is none of recommended, reference",
                compat);
        return ts_cmd_failed(&err);
    }
    bool standard = strcmp(path, "-") == 0;
    FILE *in = standard ? stdin : fopen(path, "r");
    if (!in) {
        ts_fail(&err, TS_NOT_FOUND, "cannot open '%s': %s", path, strerror(errno));
        return ts_cmd_failed(&err);
    }
    bool ok = replay_all(in, path, reference ? TS_TLM_REFERENCE : TS_TLM_RECOMMENDED);
    if (!standard)
        fclose(in);
    return ok ? 0 : 1;
}
