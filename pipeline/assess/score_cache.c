/* score_cache.c - what decides a score, as a key; a score, as JSON. */
#include "pipeline/assess/score_cache.h"

#include "json/json.h"

/* ---- the key ---- */

static void add(struct ts_buf *out, ts_view text)
{
    ts_buf_printf(out, "%zu:", text.len);
    ts_buf_add_view(out, text);
}

static void add_calls(struct ts_buf *out, const struct ts_tool_call *calls, size_t count)
{
    ts_buf_printf(out, "c%zu ", count);
    for (size_t i = 0; i < count; i++) {
        add(out, calls[i].name);
        add(out, calls[i].arguments);
    }
}

static void add_record(struct ts_buf *out, const struct ts_llm *llm)
{
    ts_buf_printf(out, "m%zu ", llm->message_count);
    for (size_t i = 0; i < llm->message_count; i++) {
        add(out, llm->messages[i].role);
        add(out, llm->messages[i].name);
        add(out, llm->messages[i].content);
        add_calls(out, llm->messages[i].tool_calls, llm->messages[i].tool_call_count);
    }
    ts_buf_printf(out, "t%zu ", llm->tool_count);
    for (size_t i = 0; i < llm->tool_count; i++) {
        add(out, llm->tools[i].name);
        add(out, llm->tools[i].description);
        add(out, llm->tools[i].parameters);
    }
    add(out, llm->response);
    add_calls(out, llm->tool_calls, llm->tool_call_count);
    ts_buf_printf(out, "d%zu ", llm->document_count);
    for (size_t i = 0; i < llm->document_count; i++)
        add(out, llm->documents[i].content);
    add(out, llm->model);
    add(out, llm->format_schema);
    double p = ts_llm_mean_probability(llm); /* part of a score where it is known */
    ts_buf_printf(out, "f%d p%.17g", (int)llm->format_type, p);
}

struct ts_cache_key ts_score_key(const struct ts_scorer_instance *scorer, const struct ts_llm *llm)
{
    struct ts_buf text = TS_BUF_INIT;
    scorer->scorer->identity(scorer->instance, &text);
    ts_buf_add_byte(&text, '\n');
    add_record(&text, llm);
    struct ts_cache_key key = ts_cache_key_of(ts_buf_view(&text));
    ts_buf_release(&text);
    return key;
}

/* ---- the value ---- */

static const struct {
    const char *key;
    size_t offset;
} texts[] = {{"explanation", offsetof(struct ts_score, explanation)},
             {"model", offsetof(struct ts_score, model)},
             {"preset", offsetof(struct ts_score, preset)},
             {"version", offsetof(struct ts_score, version)},
             {"signals", offsetof(struct ts_score, signals)},
             {"fields", offsetof(struct ts_score, fields)}};

static ts_view *text_of(const struct ts_score *s, size_t i)
{
    return (ts_view *)(void *)((char *)(uintptr_t)s + texts[i].offset);
}

void ts_score_remember(struct ts_cache *cache, const struct ts_cache_key *key,
                       const struct ts_score *s)
{
    if (!s->has_score || s->partial)
        return;
    struct ts_buf out = TS_BUF_INIT;
    ts_buf_add_str(&out, "{\"score\":");
    ts_json_append_double(&out, s->score);
    for (size_t i = 0; i < TS_COUNT(texts); i++) {
        ts_buf_printf(&out, ",\"%s\":", texts[i].key);
        ts_json_append_text(&out, *text_of(s, i));
    }
    ts_buf_add_str(&out, ",\"evals\":{");
    for (size_t i = 0; i < s->eval_count; i++) {
        ts_buf_add_str(&out, i ? "," : "");
        ts_json_append_text(&out, ts_view_str(s->evals[i].name));
        ts_buf_add_byte(&out, ':');
        ts_json_append_double(&out, s->evals[i].score);
    }
    ts_buf_add_str(&out, "}}");
    ts_cache_put(cache, key, ts_buf_view(&out));
    ts_buf_release(&out);
}

static void read_evals(struct ts_arena *arena, const cJSON *evals, struct ts_score *out)
{
    size_t n = cJSON_IsObject(evals) ? (size_t)cJSON_GetArraySize(evals) : 0;
    const cJSON *e = n ? evals->child : NULL;
    out->evals = ts_arena_alloc(arena, (n + 1) * sizeof *out->evals);
    for (; e; e = e->next)
        if (cJSON_IsNumber(e))
            out->evals[out->eval_count++] =
                (struct ts_eval){ts_arena_str(arena, e->string), e->valuedouble};
}

bool ts_score_recall(struct ts_cache *cache, const struct ts_cache_key *key, struct ts_arena *arena,
                     struct ts_score *out)
{
    ts_view value;
    if (!ts_cache_get(cache, key, arena, &value))
        return false;
    cJSON *tree = ts_json_parse(value, NULL, NULL);
    const cJSON *score = ts_json_get(tree, "score");
    bool ok = cJSON_IsNumber(score);
    *out = (struct ts_score){.has_score = ok, .score = ok ? score->valuedouble : 0};
    for (size_t i = 0; i < TS_COUNT(texts); i++)
        *text_of(out, i) = ts_arena_copy(arena, ts_json_text(ts_json_get(tree, texts[i].key)));
    read_evals(arena, ts_json_get(tree, "evals"), out);
    cJSON_Delete(tree);
    return ok;
}
