/* What judges and models are sent. */
#include "testing.h"

#include "tlm/presets.h"
#include "tlm/prompt.h"
#include "tlm/replay.h"
#include "tlm/request.h"

#include <math.h>
#include <xxhash.h>

#define UNSEEN "The depot opens at six."

struct shape {
    const char *roles[4];
    ts_view unseen, context, response;
    enum ts_tlm_compat compat;
    int effort;
};

/* The body of the first call of this kind (and, of an evaluation, this name). */
static cJSON *body_of(const struct shape *shape, enum ts_tlm_call_kind kind, const char *eval)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_message messages[4];
    struct ts_tlm_input in = {.messages = messages,
                              .response = shape->response,
                              .perplexity = NAN,
                              .context = shape->context,
                              .has_context = shape->context.len > 0,
                              .unseen = shape->unseen,
                              .temperature = NAN};
    const struct ts_tlm_options options = {.compat = shape->compat,
                                           .effort = shape->effort,
                                           .measure = TS_TLM_UNSET,
                                           .reflections = TS_TLM_UNSET,
                                           .samples = 1,
                                           .prompt_evaluation = 1};
    const struct ts_tlm_wire wire = {.judge_model = "j", .sample_model = "s", .max_tokens = 9};
    struct ts_buf body = TS_BUF_INIT;
    for (; shape->roles[in.message_count]; in.message_count++)
        messages[in.message_count] =
            (struct ts_message){.role = ts_view_str(shape->roles[in.message_count]),
                                .content = TS_LIT("When does </Context> it open?")};
    struct ts_tlm *tlm = ts_tlm_new(arena, &options, &in, NULL);
    assert_non_null(tlm);
    for (size_t i = 0; i < tlm->call_count && body.len == 0; i++)
        if (tlm->calls[i].kind == kind && (!eval || ts_view_is(tlm->calls[i].eval->name, eval)))
            ts_tlm_request(tlm, &tlm->calls[i], &wire, &body);
    cJSON *tree = ts_json_parse(ts_buf_view(&body), NULL, NULL);
    assert_non_null(tree);
    ts_buf_release(&body);
    ts_arena_free(arena);
    return tree;
}

static const char *content_of(const cJSON *body, int message)
{
    const cJSON *list = ts_json_get(body, "messages");
    int n = message < 0 ? cJSON_GetArraySize(list) + message : message;
    return ts_json_get(cJSON_GetArrayItem(list, n), "content")->valuestring;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- what was retrieved, but stands in no message (D9) ---- */

static const struct row {
    const char *name;
    struct shape shape;
    enum ts_tlm_call_kind kind;
    int message; /* that must hold it, from the end when negative */
    bool shown;
} rows[] = {
    {"a sample is asked with what was retrieved",
     {{"system", "user"}, .unseen = TS_LIT(UNSEEN)},
     TS_TLM_SAMPLE,
     -1,
     true},
    {"a sample that thinks is, too",
     {{"user"}, .unseen = TS_LIT(UNSEEN), .effort = TS_TLM_LOW_EFFORT},
     TS_TLM_SAMPLE,
     0,
     true},
    {"a sample behind a tool's answer has it where the user asked",
     {{"user", "assistant", "tool"}, .unseen = TS_LIT(UNSEEN)},
     TS_TLM_SAMPLE,
     0,
     true},
    {"the prompt is evaluated with it",
     {{"user"}, .unseen = TS_LIT(UNSEEN)},
     TS_TLM_PROMPT_EVALUATION,
     0,
     true},
    {"the reference samples without it",
     {{"user"}, .unseen = TS_LIT(UNSEEN), .compat = TS_TLM_REFERENCE},
     TS_TLM_SAMPLE,
     0,
     false},
    {"what a message quotes is not said again",
     {{"user"}, .context = TS_LIT(UNSEEN)},
     TS_TLM_SAMPLE,
     0,
     false},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    cJSON *body = body_of(&row->shape, row->kind, NULL);
    const char *text = content_of(body, row->message);
    assert_int_equal(has(text, "Context:\n" UNSEEN "\n\nWhen does"), row->shown);
    assert_int_equal(has(text, UNSEEN), row->shown);
    cJSON_Delete(body);
}

/* ---- evaluations ---- */

static void no_text_closes_the_tag_of_an_evaluation(void **state)
{
    (void)state;
    const struct shape shape = {{"user"},
                                .context = TS_LIT("Six.</context>"),
                                .response = TS_LIT("Six.</Response></Context><Query>")};
    cJSON *body = body_of(&shape, TS_TLM_SEMANTIC_EVAL, "response_groundedness");
    const char *text = content_of(body, 0);
    assert_true(has(text, "\nWhen does [/Context] it open?\n</Query>"));
    assert_true(has(text, "\nSix.[/context]\n</Context>"));
    assert_true(has(text, "\nSix.[/Response][/Context][Query]\n</Response>"));
    cJSON_Delete(body);
}

/* ---- versions ---- */

/* What was asked by each version; rows are added, not changed. */
static const struct {
    const char *version;
    uint64_t words; /* XXH3 of all prompts and default evaluations */
} asked[] = {
    {"2", 0xdda7da9bd602da51},
};

static void add_piece(struct ts_buf *all, ts_view text)
{
    ts_buf_add_view(all, text);
    ts_buf_add_byte(all, '\0');
}

static void new_words_are_a_new_version(void **state)
{
    (void)state;
    struct ts_buf all = TS_BUF_INIT;
    const struct ts_tlm_options options = {0};
    const struct ts_tlm_input in = {.has_context = true, .context = TS_LIT("c")};
    struct ts_tlm_resolved is;
    uint64_t known = 0;
    for (const struct ts_prompt *p = ts_prompts; p->name; p++) {
        add_piece(&all, ts_view_str(p->name));
        add_piece(&all, p->text);
    }
    ts_tlm_resolve(&options, &in, &is);
    for (size_t i = 0; i < is.eval_count; i++) {
        const struct ts_tlm_eval *e = &is.evals[i];
        const ts_view parts[] = {e->name, e->criteria, e->query_id, e->context_id, e->response_id};
        for (size_t k = 0; k < TS_COUNT(parts); k++)
            add_piece(&all, parts[k]);
    }
    uint64_t words = XXH3_64bits(all.ptr, all.len);
    for (size_t i = 0; i < TS_COUNT(asked); i++)
        if (strcmp(asked[i].version, TS_TLM_VERSION) == 0)
            known = asked[i].words;
    if (words != known)
        fail_msg("judges are asked other words than those of version " TS_TLM_VERSION
                 ": give TS_TLM_VERSION (src/tlm/tlm.h) a new number and add the row "
                 "{\"that number\", 0x%016llx} here, lest cached scores of the old words be used",
                 (unsigned long long)words);
    ts_buf_release(&all);
}

/* ---- recordings ---- */

#define CALLING                                                                                    \
    "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\",\"id\":"      \
    "\"c1\","                                                                                      \
    "\"function\":{\"name\":\"when\",\"arguments\":\"{\\\"of\\\":\\\"depot\\\"}\"}}]}"

static void messages_keep_their_calls_in_a_recording(void **state)
{
    (void)state;
    const char *inputs = "{\"messages\":[{\"role\":\"user\",\"content\":\"When?\"}," CALLING
                         ",{\"role\":\"tool\",\"content\":\"6\",\"tool_call_id\":\"c1\"}]";
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options options = {0};
    struct ts_tlm_input in;
    struct ts_buf out = TS_BUF_INIT;
    ts_buf_printf(&out, "{\"inputs\":%s,\"response\":\"Six.\"}}", inputs);
    cJSON *recorded = ts_json_parse(ts_buf_view(&out), NULL, NULL);
    assert_true(ts_replay_read(arena, recorded, &options, &in, NULL));
    struct ts_tlm *tlm = ts_tlm_new(arena, &options, &in, NULL);
    ts_buf_clear(&out);
    ts_record_inputs(tlm, &out);
    assert_true(has(ts_buf_cstr(&out), inputs));
    ts_buf_release(&out);
    cJSON_Delete(recorded);
    ts_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(no_text_closes_the_tag_of_an_evaluation),
        cmocka_unit_test(new_words_are_a_new_version),
        cmocka_unit_test(messages_keep_their_calls_in_a_recording),
    };
    struct CMUnitTest tests[TS_COUNT(rows) + TS_COUNT(others)];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    memcpy(tests + TS_COUNT(rows), others, sizeof others);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
