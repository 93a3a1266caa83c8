/* records.h - records as JSON, and when two of them are the same (dialects §14). */
#ifndef TS_RECORDS_H
#define TS_RECORDS_H

#include "json/json.h"
#include "llm/extract.h"
#include "strict_json.h"
#include "testing.h"

/* An absent key equals null, and an absent list equals []. */
static inline bool is_nothing(const cJSON *v)
{
    return !v || cJSON_IsNull(v) || (cJSON_IsArray(v) && !v->child);
}

static inline bool equal(const cJSON *a, const cJSON *b)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (cJSON_IsObject(a) && cJSON_IsObject(b)) {
        const cJSON *m;
        cJSON_ArrayForEach(m, a) if (!equal(m, ts_json_get(b, m->string))) return false;
        cJSON_ArrayForEach(m, b) if (!equal(m, ts_json_get(a, m->string))) return false;
        return true;
    }
    if (cJSON_IsArray(a) && cJSON_IsArray(b)) {
        const cJSON *x = a->child;
        const cJSON *y = b->child;
        for (; x && y; x = x->next, y = y->next)
            if (!equal(x, y))
                return false;
        return !x && !y;
    }
    return cJSON_Compare(a, b, true);
}

/* What every record is, whatever the span was: its JSON is JSON, its ids are the span's, and one that is
 * to be scored has a prompt and an answer. */
static inline void check_record(const struct ts_llm *llm, ts_view printed)
{
    bool prompt = false;
    for (size_t i = 0; i < llm->message_count; i++)
        prompt = prompt || llm->messages[i].content.len > 0 || llm->messages[i].tool_call_count > 0;
    if (!ts_json_is_strict(printed))
        fail_msg("no JSON: %.*s", (int)printed.len, (const char *)printed.ptr);
    assert_true(llm->skip || prompt);
    assert_true(llm->skip || llm->response.len > 0 || llm->tool_call_count > 0);
    assert_true(llm->kind == TS_KIND_LLM || llm->skip);
    assert_true(llm->truncated == TS_WHOLE || llm->skip);
}

/* The record of one span, which is a Span message; the caller deletes it. */
static inline cJSON *record_of(ts_view span)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf text = TS_BUF_INIT;
    struct ts_llm llm;
    ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, span, &llm);
    assert_int_equal(llm.kind, ts_span_kind(span));
    assert_true(ts_llm_print(&llm, &text));
    check_record(&llm, ts_buf_view(&text));
    struct ts_json_limits limits = {1u << 30, 110, SIZE_MAX}; /* deeper than what is in it */
    cJSON *record = ts_json_parse(ts_buf_view(&text), &limits, NULL);
    assert_non_null(record);
    ts_buf_release(&text);
    ts_arena_free(arena);
    return record;
}

/* Every field of `wanted` in `got`; says which are not. */
static inline int compare(const char *span, const cJSON *wanted, const cJSON *got)
{
    const cJSON *field;
    int bad = 0;
    cJSON_ArrayForEach(field, wanted)
    {
        if (equal(field, ts_json_get(got, field->string)))
            continue;
        char *a = cJSON_PrintUnformatted(field);
        char *b = cJSON_PrintUnformatted(ts_json_get(got, field->string));
        print_message("%s %s: wanted %.2000s, got %.2000s\n", span, field->string, a,
                      b ? b : "nothing");
        cJSON_free(a);
        cJSON_free(b);
        bad++;
    }
    return bad;
}

#endif
