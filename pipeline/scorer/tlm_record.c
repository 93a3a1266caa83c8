/* tlm_record.c - every scored answer with its calls and replies, one line each, for audit and for
 * scoring again at no cost (`trustspan score --replay`). The file holds prompts and answers: it is
 * created readable for its owner only. */
#include "pipeline/scorer/tlm_record.h"

#include "tlm/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct ts_recorder {
    int file;
};

struct ts_recorder *ts_recorder_open(const char *path, struct ts_err *err)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        ts_fail(err, TS_INVALID_ARGUMENT, "record: '%s' cannot be written: %s", path,
                strerror(errno));
        return NULL;
    }
    struct ts_recorder *r = ts_alloc(sizeof *r);
    r->file = file;
    return r;
}

void ts_recorder_close(struct ts_recorder *r)
{
    if (!r)
        return;
    close(r->file);
    free(r);
}

static const char *rules_of(const struct ts_tlm *tlm)
{
    return tlm->options->compat == TS_TLM_REFERENCE ? "reference" : "recommended";
}

void ts_record_call(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                    const struct ts_tlm_wire *wire, const cJSON *body, const char *error,
                    struct ts_buf *calls)
{
    const cJSON *vector =
        ts_json_get(cJSON_GetArrayItem(ts_json_get(body, "data"), 0), "embedding");
    ts_buf_add_str(calls, calls->len ? ",{\"role\":" : "{\"role\":");
    ts_record_role(call, calls);
    ts_buf_add_str(calls, ",\"reply\":{");
    if (!body) {
        ts_buf_printf(calls, "\"error\":{\"type\":\"%s\"}", error);
    } else if (vector) {
        ts_buf_add_str(calls, "\"embedding\":");
        ts_json_append(calls, vector);
    } else {
        ts_buf_add_str(calls, "\"completion\":");
        ts_json_append(calls, body);
    }
    ts_buf_printf(calls, "},\"used_by\":[\"%s\"]", rules_of(tlm));
    if (wire) {
        ts_buf_add_str(calls, ",\"sent\":");
        ts_tlm_sent_parameters(tlm, call, wire, calls);
    }
    ts_buf_add_byte(calls, '}');
}

/* One write a line: lines of several processes do not mix. */
void ts_record_score(struct ts_recorder *r, const struct ts_tlm *tlm, ts_view id,
                     const struct ts_buf *calls, const struct ts_tlm_result *result)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_add_str(&line, "{\"id\":");
    ts_json_append_text(&line, id);
    ts_buf_add_str(&line, ",\"inputs\":");
    ts_record_inputs(tlm, &line);
    ts_buf_add_str(&line, ",\"calls\":[");
    ts_buf_add_view(&line, ts_buf_view(calls));
    ts_buf_printf(&line, "],\"%s\":{", rules_of(tlm));
    ts_record_result(tlm, result, &line);
    ts_buf_add_str(&line, "}}\n");
    ssize_t wrote = write(r->file, line.ptr, line.len);
    (void)wrote; /* a full disk must not stop the scoring */
    ts_buf_release(&line);
}
