/* What dialects say of themselves: every key that stands in a dialect's file is found where it matters, for every
 * dialect of the registry. Nobody has to name a key, or the beginning of one, a second time. */
#include "testing.h"

#include "llm/dialect/dialect.h"
#include "llm/extract.h"
#include "span_lines.h"

#include <stdio.h>

/* A row of dialects §3 by number; 16 stands for all of evidence, 17 for nothing. */
static int row_of(int rule)
{
    return rule < TS_RULE_RETRIEVED ? rule : rule < TS_RULE_NONE ? 16 : 17;
}

/* A span with this and nothing else, which must be of that kind by that row. */
static void says(const char *lines, enum ts_kind kind, int rule)
{
    struct ts_buf span = TS_BUF_INIT;
    int found;
    ts_put_span_lines(&span, ts_view_str(lines));
    enum ts_kind got = ts_span_kind_rule(ts_buf_view(&span), &found);
    if (got != kind || found != row_of(rule))
        print_error("%s: kind %s by row %d, not %s by row %d\n", lines, ts_kind_name(got), found,
                    ts_kind_name(kind), row_of(rule));
    ts_buf_release(&span);
    assert_int_equal(got, kind);
    assert_int_equal(found, row_of(rule));
}

/* The key as a span may write it: what a '*' stands for is any end. */
static const char *whole_key(const char *pattern, char *out, size_t size)
{
    size_t len = strcspn(pattern, "*");
    snprintf(out, size, "%.*s%s", (int)len, pattern, pattern[len] ? "0.more" : "");
    return out;
}

static size_t check_key(const struct ts_kind_key *k)
{
    char key[200];
    char lines[400];
    size_t checked = 0;
    whole_key(k->key, key, sizeof key);
    for (const struct ts_kind_word *w = k->words; w && w->text; w++, checked++) {
        snprintf(lines, sizeof lines, "=%s\t%s\n", key, w->text);
        says(lines, w->kind, k->rule);
    }
    if (!k->words && !k->read) {
        snprintf(lines, sizeof lines, "=%s\tx\n", key);
        says(lines, k->kind, k->rule);
        checked++;
    }
    return checked;
}

static void every_kind_key_is_found(void **state)
{
    size_t checked = 0;
    (void)state;
    for (size_t i = 0; ts_dialects[i]; i++)
        for (const struct ts_kind_key *k = ts_dialects[i]->kind_keys; k && k->key; k++)
            checked += check_key(k);
    assert_true(checked > 40);
}

/* Keys whose values are read by a function: one value each that says a kind (dialects §3). */
static void every_key_with_a_reader_has_a_value_here(void **state)
{
    static const struct {
        const char *key, *lines;
        enum ts_kind kind;
    } rows[] = {
        {"gen_ai.operation.name", "=gen_ai.operation.name\tinvoke_swarm\n", TS_KIND_AGENT},
        {"ai.operationId", "=ai.operationId\tai.generateText.doGenerate\n", TS_KIND_LLM},
        {"operation.name", "=operation.name\tai.streamText.doStream my-function\n", TS_KIND_LLM},
        {"langfuse.observation.type", "=langfuse.observation.type\tgeneration\n", TS_KIND_LLM},
        {"langfuse.observation.model.name",
         "=langfuse.observation.type\tspan\n=langfuse.observation.model.name\tm\n", TS_KIND_LLM},
        {"gcp.vertex.agent.llm_request", "=gcp.vertex.agent.llm_request\t{\"model\":\"m\"}\n",
         TS_KIND_LLM},
        {"gcp.vertex.agent.tool_call_args",
         "=gcp.vertex.agent.llm_request\t{}\n=gcp.vertex.agent.tool_call_args\t{}\n", TS_KIND_TOOL},
        {"logfire.span_type", "=logfire.span_type\tpending_span\n", TS_KIND_PLACEHOLDER},
        {"request_data", "=request_data\t{}\n=gen_ai.request.model\tm\n", TS_KIND_LLM},
        {"gen_ai.request.model", "=gen_ai.request.model\tm\n=request_data\t{}\n", TS_KIND_LLM},
        {"mlflow.spanType", "=mlflow.spanType\t\"MY_STEP\"\n", TS_KIND_CHAIN},
        {"llm.request.type", "=llm.request.type\trerank\n", TS_KIND_RERANKER},
        {"haystack.component.type", "=haystack.component.type\tBM25Retriever\n", TS_KIND_RETRIEVER},
    };
    (void)state;
    for (size_t i = 0; ts_dialects[i]; i++)
        for (const struct ts_kind_key *k = ts_dialects[i]->kind_keys; k && k->key; k++) {
            size_t at = 0;
            if (!k->read)
                continue;
            while (at < TS_COUNT(rows) && strcmp(rows[at].key, k->key) != 0)
                at++;
            if (at == TS_COUNT(rows))
                fail_msg("give '%s' a row here", k->key);
            says(rows[at].lines, rows[at].kind, k->rule);
        }
}

static void every_event_is_found(void **state)
{
    (void)state;
    says("!gen_ai.user.message\n", TS_KIND_LLM, TS_RULE_GENERATED);
    says("!gen_ai.content.completion\n", TS_KIND_LLM, TS_RULE_GENERATED);
    says("!gen_ai.content.completion.chunk\n", TS_KIND_OTHER, TS_RULE_NONE);
    says("!db.query.result\n", TS_KIND_RETRIEVER, TS_RULE_RETRIEVED);
    for (size_t i = 0; ts_dialects[i]; i++)
        for (const struct ts_kind_key *k = ts_dialects[i]->kind_events; k && k->key; k++) {
            char line[200];
            snprintf(line, sizeof line, "!%s\n", k->key);
            if (!k->read)
                says(line, k->kind, k->rule);
        }
}

static bool has_text(const struct ts_kind_key *keys, int rule)
{
    for (; keys->key; keys++)
        if (keys->rule == rule && keys->rule_text)
            return true;
    return false;
}

static void every_row_that_a_dialect_decides_by_has_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; ts_dialects[i]; i++)
        for (const struct ts_kind_key *k = ts_dialects[i]->kind_keys; k && k->key; k++)
            if (k->rule < TS_RULE_RETRIEVED && !has_text(ts_dialects[i]->kind_keys, k->rule))
                fail_msg("'%s' decides, and no key of its row has a rule_text", k->key);
}

static void the_text_is_that_of_who_decided(void **state)
{
    static const struct {
        const char *lines, *text;
    } rows[] = {
        {"=genkit:metadata:subtype\tmodel\n", "Genkit's subtype"},
        {"=langfuse.observation.type\tspan\n", "Langfuse's type of the observation"},
        {"=event_loop.cycle_id\t1\n", "messages of a whole agent run, or an agent's cycle"},
        {"=gen_ai.prompt.0.content\tx\n", "evidence: documents, embeddings, messages or a tool"},
        {"=x\ty\n", "nothing says what it is"},
    };
    (void)state;
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_buf span = TS_BUF_INIT;
        ts_put_span_lines(&span, ts_view_str(rows[i].lines));
        assert_string_equal(ts_span_kind_text(ts_buf_view(&span)), rows[i].text);
        ts_buf_release(&span);
    }
}

/* ---- what stands beside the content ---- */

static void no_two_keys_have_one_place(void **state)
{
    (void)state;
    for (enum ts_meta_field f = 0; f < TS_META_FIELDS; f++) {
        size_t count;
        const struct ts_meta_key *const *keys = ts_meta_keys(f, &count);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(keys[i]->field, f);
            assert_int_equal(keys[i]->place, i + 1); /* from 1, and no gap: as the list of §9.3 */
        }
    }
}

static ts_view field_of(const struct ts_llm *llm, enum ts_meta_field field)
{
    return field == TS_META_MODEL           ? llm->model
           : field == TS_META_RESPONSE_ID   ? llm->response_id
           : field == TS_META_SESSION       ? llm->session_id
           : field == TS_META_USER          ? llm->user_id
           : field == TS_META_FINISH_REASON ? llm->finish_reason_raw
                                            : llm->provider;
}

static int64_t count_of(const struct ts_llm *llm, enum ts_meta_field field)
{
    const struct ts_usage *u = &llm->usage;
    const int64_t counts[] = {u->input_tokens, u->output_tokens, u->total_tokens,
                              u->cache_read,   u->cache_write,   u->reasoning};
    return counts[field - TS_META_INPUT_TOKENS];
}

/* The record of a model call with one line more. */
static void read_with(struct ts_arena *arena, const char *line, struct ts_llm *out)
{
    struct ts_buf span = TS_BUF_INIT;
    char lines[400];
    snprintf(lines, sizeof lines, "=openinference.span.kind\tLLM\n%s", line);
    ts_put_span_lines(&span, ts_view_str(lines));
    ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, ts_arena_copy(arena, ts_buf_view(&span)), out);
    ts_buf_release(&span);
}

static void every_text_and_count_gets_into_the_record(void **state)
{
    (void)state;
    size_t checked = 0;
    for (enum ts_meta_field f = TS_META_MODEL; f <= TS_META_REASONING; f++) {
        size_t count;
        const struct ts_meta_key *const *keys = ts_meta_keys(f, &count);
        for (size_t i = 0; i < count; i++) {
            char line[200];
            struct ts_llm llm;
            bool number = f >= TS_META_INPUT_TOKENS;
            if (keys[i]->key[0] == '*') /* a raw payload's: no attribute */
                continue;
            struct ts_arena *arena = ts_arena_new();
            snprintf(line, sizeof line, number ? "#%s\t77\n" : "=%s\tmistral\n", keys[i]->key);
            read_with(arena, line, &llm);
            if (number)
                assert_int_equal(count_of(&llm, f), 77);
            else
                assert_view_is(field_of(&llm, f), f == TS_META_PROVIDER ? "mistral_ai" : "mistral");
            ts_arena_free(arena);
            checked++;
        }
    }
    assert_true(checked > 60);
}

/* ---- patterns ---- */

static void a_pattern_has_one_star(void **state)
{
    (void)state;
    assert_true(ts_fits(TS_LIT("abc"), "abc") && !ts_fits(TS_LIT("abcd"), "abc"));
    assert_true(ts_fits(TS_LIT("abc"), "ab*") && ts_fits(TS_LIT("ab"), "ab*"));
    assert_true(ts_fits(TS_LIT("abc"), "*bc") && !ts_fits(TS_LIT("abc"), "*b"));
    assert_true(ts_fits(TS_LIT("a-c"), "a*c") && ts_fits(TS_LIT("ac"), "a*c"));
    assert_false(ts_fits(TS_LIT("a"), "a*a")); /* the ends may not be the same byte */
    assert_false(ts_fits(TS_NOTHING, "a*"));
    assert_true(ts_fits(TS_NOTHING, "*"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_key_is_found),
        cmocka_unit_test(every_key_with_a_reader_has_a_value_here),
        cmocka_unit_test(every_event_is_found),
        cmocka_unit_test(every_row_that_a_dialect_decides_by_has_its_text),
        cmocka_unit_test(the_text_is_that_of_who_decided),
        cmocka_unit_test(no_two_keys_have_one_place),
        cmocka_unit_test(every_text_and_count_gets_into_the_record),
        cmocka_unit_test(a_pattern_has_one_star),
    };
    return cmocka_run_group_tests_name("dialects", tests, NULL, NULL);
}
