/* tlm_record.c - every scored answer with its calls and replies, one line each, for audit and for
 * scoring again at no cost (`trustspan score --replay`). The file holds prompts and answers: it is
 * created readable for its owner only. */
#include "pipeline/scorer/tlm_record.h"

#include "base/log.h"
#include "base/secrets.h"
#include "loop/line_writer.h"
#include "tlm/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

/* Bytes that may wait for the disk. A disk that hangs for longer loses recordings, which is counted
 * and logged, but no score: spans wait for those. */
enum { MOST_WAITING = 64 << 20 };
static const ts_time last_wait = 30 * TS_S; /* at the end, for what waits */

struct ts_recorder {
    struct ts_line_writer *out;
};

struct ts_recorder *ts_recorder_open(const char *path, struct ts_err *err)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        ts_fail(err, TS_INVALID_ARGUMENT, "record: '%s' cannot be written: %s", path,
                strerror(errno));
        return NULL;
    }
    struct ts_line_writer *out = ts_line_writer_new(file, "tlm record", MOST_WAITING, err);
    if (!out)
        return NULL;
    struct ts_recorder *r = ts_alloc(sizeof *r);
    r->out = out;
    return r;
}

void ts_recorder_close(struct ts_recorder *r)
{
    if (!r)
        return;
    ts_line_writer_stop(r->out, ts_now() + last_wait);
    uint64_t lost = ts_line_writer_lost(r->out);
    if (lost > 0)
        ts_log(TS_ERROR, "scorer/tlm", "the recording is not complete", "lost=%" PRIu64, lost);
    ts_line_writer_free(r->out);
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
    size_t len = 0;
    char *redacted = ts_secret_redact(ts_buf_view(&line), NULL, 0, &len);
    if (redacted) { /* replies are kept as they came, but for a key that one repeats */
        ts_buf_clear(&line);
        ts_buf_add(&line, redacted, len);
    }
    free(redacted);
    ts_line_writer_add(r->out, &line, NULL);
}
