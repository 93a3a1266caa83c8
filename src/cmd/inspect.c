/* inspect.c - what trustspan sees in a request: {"spans": {"<span id>": record}}; with --explain each record
 * has "explain", which rule and which attribute gave each of its fields. */
#include "cmd/cmd.h"

#include "base/hex.h"
#include "json/json.h"
#include "llm/explain.h"
#include "llm/extract.h"
#include "llm/trace.h"
#include "wire/otlp_json.h"
#include "wire/scan.h"

#include <stdio.h>

enum { MOST_BYTES = 256 << 20 };

/* The file is one store of traces: every span is noted before any is resolved. */
struct inspection {
    struct ts_buf *out;
    struct ts_traces *traces;
    bool explain;
    bool more;
};

static void note(void *arg, const struct ts_span_at *at)
{
    struct inspection *x = arg;
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
    ts_traces_note(x->traces, &llm, true);
    ts_arena_free(arena);
}

static void show(void *arg, const struct ts_span_at *at)
{
    struct inspection *x = arg;
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
    ts_traces_resolve(x->traces, arena, &llm);
    ts_buf_printf(x->out, "%s\n\"", x->more ? "," : "");
    ts_hex_add(x->out, llm.span_id);
    ts_buf_add_str(x->out, "\":");
    ts_llm_print(&llm, x->out);
    if (x->explain) {
        x->out->len--; /* its last brace comes behind the explanation */
        ts_buf_add_str(x->out, ",\"explain\":");
        ts_llm_explain(ts_span_resource(at), ts_span_scope(at), at->span, &llm, x->out);
        ts_buf_add_byte(x->out, '}');
    }
    x->more = true;
    ts_arena_free(arena);
}

/* JSON starts with a brace; a protobuf request starts with tag 0x0A or is empty. */
static bool is_json(ts_view text)
{
    text = ts_view_trim(text);
    return text.len > 0 && text.ptr[0] == '{';
}

static bool inspect(const char *path, bool explain, struct ts_buf *out, struct ts_err *err)
{
    struct ts_buf file = TS_BUF_LIMIT(MOST_BYTES);
    struct ts_buf request = TS_BUF_INIT;
    struct ts_scan scan;
    struct inspection x = {out, ts_traces_new(1 << 30, 3600 * TS_S), explain, false};
    bool ok = ts_buf_read_file(&file, path, err);
    if (ok && is_json(ts_buf_view(&file)))
        ok = ts_otlp_from_json(ts_buf_view(&file), &request, err);
    else if (ok)
        ok = ts_buf_add_view(&request, ts_buf_view(&file));
    ts_buf_add_str(out, "{\"spans\":{");
    ok = ok && ts_scan(ts_buf_view(&request), false, note, &x, &scan, err) &&
         ts_scan(ts_buf_view(&request), false, show, &x, &scan, err);
    ts_traces_free(x.traces);
    ts_buf_add_str(out, "\n}}\n");
    if (!ok)
        ts_fail_in(err, "%s", path);
    ts_buf_release(&request);
    ts_buf_release(&file);
    return ok;
}

int ts_cmd_inspect(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_buf out = TS_BUF_INIT;
    const char *path = NULL;
    bool explain = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--explain") == 0)
            explain = true;
        else if (path || (argv[i][0] == '-' && argv[i][1])) /* "-" is standard input */
            argc = 0;
        else
            path = argv[i];
    }
    if (argc == 0 || !path) {
        fputs("usage: trustspan inspect [--explain] FILE (or - for standard input)\n", stderr);
        return 2;
    }
    bool ok = inspect(path, explain, &out, &err);
    if (ok)
        fwrite(out.ptr, 1, out.len, stdout);
    ts_buf_release(&out);
    return ok ? 0 : ts_cmd_failed(&err);
}
