/* score.c - JSON lines in, one JSON line with score, explanation and decision out, in the order of
 * the input. Each line is {"prompt" or "messages", "response", …}; what else the record knows
 * (tools, response_format, logprobs, finish_reason, context) may be there, too. */
#include "cmd/cmd.h"

#include "json/json.h"
#include "llm/normal.h"
#include "pipeline/scorer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LONGEST_LINE = 64 << 20, IN_FLIGHT = 256 };

struct session {
    struct ts_loop *loop;
    const struct ts_scorer *scorer;
    struct ts_instance *instance;
    FILE *in;
    char *line;
    size_t line_cap;
    size_t lines, failed;
    int open; /* items not yet printed */
    bool end;
    struct item *first, **last; /* in the order of the input */
    struct ts_task more;
    bool more_posted;
};

struct item {
    struct ts_score_job job; /* first: the cast back from the job is safe */
    struct session *session;
    struct item *next;
    struct ts_arena *arena;
    struct ts_llm llm;
    cJSON *tree;
    size_t number; /* of the line, from 1 */
    const char *decision;
    ts_view reason;
    bool decided;
};

/* ---- a line into a record ---- */

static ts_view text_at(const cJSON *tree, const char *key)
{
    return ts_json_text(ts_json_get(tree, key));
}

static void read_messages(struct ts_arena *arena, const cJSON *list, struct ts_llm *llm)
{
    llm->messages = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *llm->messages);
    const cJSON *m;
    cJSON_ArrayForEach(m, list) llm->messages[llm->message_count++] =
        (struct ts_message){.role = ts_normal_role(text_at(m, "role")),
                            .content = text_at(m, "content"),
                            .tool_call_id = text_at(m, "tool_call_id"),
                            .name = text_at(m, "name")};
}

static void read_logprobs(struct ts_arena *arena, const cJSON *list, struct ts_llm *llm)
{
    if (!cJSON_IsArray(list))
        return;
    llm->logprobs = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *llm->logprobs);
    llm->has_logprobs = true;
    const cJSON *p;
    cJSON_ArrayForEach(p, list)
    {
        double value;
        if (ts_json_double(ts_json_get(p, "logprob"), &value))
            llm->logprobs[llm->logprob_count++] = (struct ts_logprob){text_at(p, "token"), value};
    }
}

static void read_format(struct ts_arena *arena, const cJSON *format, struct ts_llm *llm)
{
    ts_view type = text_at(format, "type");
    const cJSON *schema = ts_json_path(format, "json_schema.schema");
    if (!schema)
        schema = ts_json_get(format, "schema");
    llm->format_type = ts_view_is(type, "json_schema")   ? TS_FORMAT_JSON_SCHEMA
                       : ts_view_is(type, "json_object") ? TS_FORMAT_JSON_OBJECT
                                                         : TS_FORMAT_NONE;
    llm->format_schema = schema ? ts_json_print(arena, schema) : TS_NOTHING;
}

static void read_context(struct ts_arena *arena, const cJSON *context, struct ts_llm *llm)
{
    size_t most = cJSON_IsArray(context) ? (size_t)cJSON_GetArraySize(context) : 1;
    llm->documents = ts_arena_alloc(arena, most * sizeof *llm->documents);
    const cJSON *item = cJSON_IsArray(context) ? context->child : context;
    for (; item; item = cJSON_IsArray(context) ? item->next : NULL) {
        ts_view text = cJSON_IsString(item) ? ts_json_text(item) : text_at(item, "content");
        if (text.len > 0)
            llm->documents[llm->document_count++] =
                (struct ts_document){.content = text, .source = TS_LIT("input")};
    }
}

static bool read_record(struct item *it, struct ts_err *err)
{
    const cJSON *t = it->tree;
    struct ts_llm *llm = &it->llm;
    *llm = (struct ts_llm){.kind = TS_KIND_LLM, .usage = {-1, -1, -1, -1, -1, -1}};
    const cJSON *messages = ts_json_get(t, "messages");
    const cJSON *prompt = ts_json_get(t, "prompt");
    if (!cJSON_IsString(ts_json_get(t, "response")))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'response' is missing; it must be a string");
    if (cJSON_IsArray(messages)) {
        read_messages(it->arena, messages, llm);
    } else if (cJSON_IsString(prompt)) {
        llm->messages = ts_arena_alloc(it->arena, sizeof *llm->messages);
        llm->messages[0] =
            (struct ts_message){.role = TS_LIT("user"), .content = ts_json_text(prompt)};
        llm->message_count = 1;
    } else {
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'prompt' (a string) or 'messages' (a list) is missing");
    }
    llm->response = text_at(t, "response");
    llm->model = text_at(t, "model");
    llm->finish_reason = ts_normal_finish(it->arena, text_at(t, "finish_reason"));
    if (ts_view_is(llm->finish_reason, "length"))
        llm->flags |= TS_FLAG_LENGTH_LIMITED;
    read_format(it->arena, ts_json_get(t, "response_format"), llm);
    read_logprobs(it->arena, ts_json_get(t, "logprobs"), llm);
    if (ts_json_get(t, "context"))
        read_context(it->arena, ts_json_get(t, "context"), llm);
    return true;
}

/* ---- a result as a line ---- */

static void print_item(const struct item *it)
{
    const struct ts_score *s = &it->job.result;
    struct ts_buf out = TS_BUF_INIT;
    const cJSON *id = ts_json_get(it->tree, "id");
    ts_buf_add_byte(&out, '{');
    if (id) {
        ts_buf_add_str(&out, "\"id\":");
        ts_json_append(&out, id);
        ts_buf_add_byte(&out, ',');
    }
    bool scored = strcmp(it->decision, "scored") == 0;
    ts_buf_add_str(&out, "\"trustworthiness_score\":");
    ts_json_append_double(&out, scored ? s->score : (double)__builtin_nanf(""));
    ts_buf_printf(&out, ",\"decision\":\"%s\"", it->decision);
    const struct {
        const char *key;
        ts_view text;
    } texts[] = {{"reason", it->reason},
                 {"explanation", s->explanation},
                 {"scorer", ts_view_str(it->session->scorer->base.type)},
                 {"model", s->model},
                 {"preset", s->preset},
                 {"signals", s->signals}};
    for (size_t i = 0; i < TS_COUNT(texts); i++)
        if (texts[i].text.len > 0) {
            ts_buf_printf(&out, ",\"%s\":", texts[i].key);
            ts_json_append_text(&out, texts[i].text);
        }
    if (s->fields.len > 0)
        ts_buf_printf(&out, ",\"fields\":" TS_FMT, TS_ARG(s->fields));
    if (s->eval_count > 0) {
        ts_buf_add_str(&out, ",\"evals\":{");
        for (size_t i = 0; i < s->eval_count; i++) {
            ts_buf_add_str(&out, i ? "," : "");
            ts_json_append_text(&out, ts_view_str(s->evals[i].name));
            ts_buf_add_byte(&out, ':');
            ts_json_append_double(&out, s->evals[i].score);
        }
        ts_buf_add_byte(&out, '}');
    }
    ts_buf_add_str(&out, "}\n");
    fwrite(out.ptr, 1, out.len, stdout);
    ts_buf_release(&out);
}

static void free_item(struct item *it)
{
    cJSON_Delete(it->tree);
    ts_arena_free(it->arena);
    free(it);
}

static void print_ready(struct session *s)
{
    while (s->first && s->first->decided) {
        struct item *it = s->first;
        s->first = it->next;
        if (!s->first)
            s->last = &s->first;
        print_item(it);
        free_item(it);
        s->open--;
    }
}

/* ---- the stream ---- */

static void ask_for_more(struct session *s)
{
    if (!s->more_posted)
        ts_loop_post(s->loop, &s->more);
    s->more_posted = true;
}

static void on_scored(struct ts_job *job, enum ts_job_end end)
{
    struct item *it = (struct item *)(void *)job;
    const struct ts_score *r = &it->job.result;
    it->decided = true;
    it->decision = end != TS_JOB_DONE ? "failed" : r->has_score ? "scored" : "skipped";
    if (end == TS_JOB_FAILED)
        it->reason = ts_view_str(job->err.what);
    else if (end != TS_JOB_DONE)
        it->reason = end == TS_JOB_EXPIRED ? TS_LIT("deadline") : TS_LIT("cancelled");
    else
        it->reason = r->has_score ? TS_NOTHING : r->skipped;
    it->session->failed += end != TS_JOB_DONE;
    ask_for_more(it->session);
}

static void add_item(struct session *s, ts_view text)
{
    struct item *it = ts_alloc(sizeof *it);
    struct ts_err err = {0};
    it->session = s;
    it->arena = ts_arena_new();
    it->number = s->lines;
    *s->last = it;
    s->last = &it->next;
    s->open++;
    it->tree = ts_json_parse(text, NULL, &err);
    if (it->tree && read_record(it, &err)) {
        it->job.job.home = s->loop;
        it->job.job.done = on_scored;
        it->job.job.deadline = ts_now() + 3600 * TS_S;
        it->job.llm = &it->llm;
        it->job.arena = it->arena;
        it->job.result.cost_usd = -1;
        s->scorer->score(s->instance, &it->job);
        return;
    }
    it->decided = true;
    it->decision = "failed";
    it->reason = ts_arena_printf(it->arena, "line %zu: %s", it->number, err.what);
    s->failed++;
}

static void read_more(struct ts_task *task)
{
    struct session *s = TS_OUTER(task, struct session, more);
    s->more_posted = false;
    while (!s->end && s->open < IN_FLIGHT) {
        ssize_t n = getline(&s->line, &s->line_cap, s->in);
        if (n < 0 || n > LONGEST_LINE) {
            s->end = true;
            break;
        }
        s->lines++;
        ts_view text = ts_view_trim(ts_view_of(s->line, (size_t)n));
        if (text.len > 0)
            add_item(s, text);
    }
    print_ready(s);
    if (s->end && s->open == 0)
        ts_loop_break(s->loop);
}

static int score_file(const char *path, struct ts_planned *planned, struct ts_err *err)
{
    struct session s = {.in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r")};
    if (!s.in) {
        ts_fail(err, TS_NOT_FOUND, "cannot open '%s': %s", path, strerror(errno));
        return ts_cmd_failed(err);
    }
    s.loop = ts_loop_new("score");
    s.last = &s.first;
    s.more.run = read_more;
    s.scorer = (const struct ts_scorer *)(const void *)planned->component;
    struct ts_host host = {.id = "scorer", .loop = s.loop};
    s.instance = planned->component->create(&host, planned->config, err);
    int status = s.instance ? 0 : ts_cmd_failed(err);
    if (s.instance) {
        ask_for_more(&s);
        ts_loop_run(s.loop);
        status = s.failed ? 1 : 0;
    }
    planned->component->free(s.instance);
    ts_loop_free(s.loop);
    free(s.line);
    if (s.in != stdin)
        fclose(s.in);
    return status;
}

int ts_cmd_score(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_node *root = NULL;
    const char *id = "auto";
    const char *path = NULL;
    bool bad = !ts_cmd_config(arena, &argc, argv, &root, &err);
    int status = 1;
    for (int i = 0; i < argc && !bad; i++) {
        const char *scorer = ts_cmd_option(argc, argv, &i, "--scorer", &bad);
        if (scorer)
            id = scorer;
        else if (!path && !bad)
            path = argv[i];
        else
            bad = !ts_fail(&err, TS_INVALID_ARGUMENT, "unknown argument '%s'", argv[i]);
    }
    if (!bad && !path)
        bad = !ts_fail(&err, TS_INVALID_ARGUMENT,
                       "no input; usage: trustspan score [--scorer ID] [--config FILE] FILE|-");
    struct ts_plan *plan = bad ? NULL : ts_plan_scoring(arena, root, &err);
    struct ts_planned *scorer = plan ? ts_plan_scorer(plan, id, &err) : NULL;
    if (scorer)
        status = score_file(path, scorer, &err);
    else
        ts_cmd_failed(&err);
    ts_arena_free(arena);
    return status;
}
