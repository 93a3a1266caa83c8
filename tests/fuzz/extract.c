/* extract.c - any spans: OTLP/JSON, the bytes of one span, or lines of attributes. Whatever comes, a record
 * comes out of every span, and its JSON is JSON; the trace table takes it, a scorer's prompt can be made of
 * it, redacted or not, and where its fields come from can be told. */
#include "json/json.h"
#include "llm/explain.h"
#include "llm/extract.h"
#include "llm/flatten.h"
#include "llm/redact/redact.h"
#include "llm/trace.h"
#include "tests/unit/span_lines.h"
#include "tests/unit/strict_json.h"
#include "wire/otlp_json.h"
#include "wire/scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    struct ts_traces *traces;
    bool resolving; /* all spans are noted first, as those of one batch are */
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* What print.c says of its own: arguments and schemas are JSON texts. */
static void check_record(struct ts_arena *arena, const struct ts_llm *llm)
{
    struct ts_buf text = TS_BUF_INIT;
    must(ts_llm_print(llm, &text));
    must(ts_json_is_strict(ts_buf_view(&text)));
    ts_buf_release(&text);
    if (llm->kind != TS_KIND_LLM)
        return;
    must(ts_utf8_valid(ts_flatten_prompt(arena, llm)));
    must(ts_utf8_valid(ts_flatten_response(arena, llm)));
    must(llm->skip || llm->response.len > 0 || llm->tool_call_count > 0);
    must(llm->skip || llm->message_count > 0);
}

static struct ts_redactor *redactor(void)
{
    static const char *const names[] = {"key", "email", "iban", "card", "phone", "ip"};
    static struct ts_redactor *made;
    if (!made)
        made = ts_redactor_new(names, TS_COUNT(names), NULL, 0, NULL);
    return made;
}

static void check_redaction(struct ts_arena *arena, const struct ts_span_at *at, struct ts_llm *llm)
{
    struct ts_buf span = TS_BUF_INIT;
    struct ts_llm again;
    ts_redact_record(redactor(), arena, llm);
    check_record(arena, llm);
    if (ts_redact_span(redactor(), arena, at->span, &span)) {
        ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, ts_buf_view(&span), &again);
        must(ts_view_eq(again.span_id, llm->span_id));
        must(again.start_ns == llm->start_ns && again.end_ns == llm->end_ns);
    }
    ts_buf_release(&span);
}

/* It reads the span many times: of short ones every eighth. */
static void check_explanation(const struct ts_span_at *at, const struct ts_llm *llm)
{
    struct ts_buf text = TS_BUF_INIT;
    if (at->span.len > 1024 || at->span.len % 8)
        return;
    ts_llm_explain(ts_span_resource(at), ts_span_scope(at), at->span, llm, &text);
    must(ts_json_is_strict(ts_buf_view(&text)));
    ts_buf_release(&text);
}

static void on_span(void *arg, const struct ts_span_at *at)
{
    const struct reading *r = arg;
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
    must(llm.kind == ts_span_kind(at->span));
    if (r->resolving) {
        ts_traces_resolve(r->traces, arena, &llm);
        check_record(arena, &llm);
        check_explanation(at, &llm);
        check_redaction(arena, at, &llm);
    } else {
        ts_traces_note(r->traces, &llm, true);
    }
    ts_arena_free(arena);
}

static void read_request(ts_view request)
{
    struct reading r = {.traces = ts_traces_new(1 << 20, 60 * TS_S)};
    struct ts_scan scan;
    if (ts_scan(request, false, on_span, &r, &scan, NULL)) {
        r.resolving = true;
        ts_scan(request, false, on_span, &r, &scan, NULL);
    }
    ts_traces_free(r.traces);
}

static void read_span(ts_view span)
{
    struct ts_buf scope = TS_BUF_INIT;
    struct ts_buf resource = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    ts_put_bytes(&scope, TS_SS_SPANS, span);
    ts_put_bytes(&resource, TS_RS_SCOPE_SPANS, ts_buf_view(&scope));
    ts_put_bytes(&request, TS_REQUEST_RESOURCE_SPANS, ts_buf_view(&resource));
    read_request(ts_buf_view(&request));
    ts_buf_release(&scope);
    ts_buf_release(&resource);
    ts_buf_release(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ts_view input = ts_view_of(data, size);
    struct ts_buf request = TS_BUF_INIT;
    struct ts_buf span = TS_BUF_INIT;
    if (size > 0 && memchr("=~#@-!", data[0], 6)) {
        ts_put_span_lines(&span, input);
        read_span(ts_buf_view(&span));
    } else if (size > 0 && data[0] != '{') {
        read_span(input);
    } else if (ts_otlp_from_json(input, &request, NULL)) {
        read_request(ts_buf_view(&request));
    }
    ts_buf_release(&span);
    ts_buf_release(&request);
    return 0;
}
