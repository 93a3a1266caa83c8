/* Replies that real servers send, judged: what a score must not believe, and what it must not miss.
 * Each row is a recording (tlm-vectors.md) and one value of its result. */
#include "testing.h"

#include "tlm/replay.h"

#include <math.h>

#define QA    "\"messages\":[{\"role\":\"user\",\"content\":\"Which?\"}]"
#define SCORE "trustworthiness_score"
#define STRUCTURED                                                                                 \
    QA ",\"response_format\":{\"type\":\"json_schema\"},"                                          \
       "\"response\":\"{\\\"line\\\":\\\"T4\\\",\\\"stop\\\":\\\"Mill\\\"}\""
#define SAMPLED QA ",\"num_self_reflections\":0,\"num_consistency_samples\":1,"
#define LABELS  "\"constrain_outputs\":[\"rail\",\"road\"],\"response\":\"rail\""

#define REPLY(role, message, more)                                                                 \
    "{\"role\":{" role "},\"reply\":{\"completion\":{\"choices\":[{\"message\":{" message "}" more \
    "}]}}}"
#define SAYS(role, text)  REPLY(role, "\"content\":\"" text "\"", "")
#define REFLECTION(name)  "\"call\":\"reflection\",\"template\":\"" name "\",\"index\":0"
#define SAMPLE            "\"call\":\"consistency_sample\",\"index\":0"
#define TOKENS(list)      ",\"logprobs\":{\"content\":[" list "]}"
#define TOKEN(text, more) "{\"token\":\"" text "\"" more "}"
#define P0                ",\"logprob\":0.0,\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-9.0}]"
#define NO_P              ",\"logprob\":null,\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-9.0}]"

#define PER_FIELD(grades)                                                                          \
    "{" STRUCTURED "}", SAYS(REFLECTION("so-per-field-certainty"), "{" grades "}")
#define GRADE(field, score)                                                                        \
    "\\\"" field "\\\":{\\\"explanation\\\":\\\"e\\\",\\\"score\\\":" score "}"

#define CERTAINTY    REFLECTION("certainty")
#define BINARY       REFLECTION("binary-correctness")
#define THINKS(text) "<think>" text "</think>"
#define JACCARD      "\"similarity_measure\":\"jaccard\","
#define T4           "{\\\"line\\\":\\\"T4\\\",\\\"stop\\\":\\\"Mill\\\"}"
#define EVAL                                                                                       \
    "{" QA ",\"num_self_reflections\":0,\"response\":\"x\",\"evals\":[{\"name\":\"tone\","         \
    "\"criteria\":\"c\",\"response_identifier\":\"Answer\"}]}"
/* One reflection with effort low. */
#define ONE(reflection, text, more)                                                                \
    "{" QA ",\"response\":\"x\",\"reasoning_effort\":\"low\"}",                                    \
        REPLY(reflection, "\"content\":\"" text "\"", more)
#define SAME_JSON(text) "{" STRUCTURED ",\"num_consistency_samples\":1}", SAYS(SAMPLE, text)

static const struct row {
    const char *name, *inputs, *calls;
    const char *path; /* in the result */
    double want;      /* NAN: null or absent */
    const char *text; /* in place of a number */
    bool reference;
} rows[] = {
    /* numbers that are none (D1) */
    {"a field graded nan loses the reflection",
     PER_FIELD(GRADE("line", "\\\"nan\\\"") "," GRADE("stop", "0")), SCORE, .want = NAN},
    {"a field graded inf loses the reflection",
     PER_FIELD(GRADE("line", "\\\"inf\\\"") "," GRADE("stop", "90")), SCORE, .want = NAN},
    {"an overall confidence of nan loses the reflection", "{" STRUCTURED "}",
     SAYS(REFLECTION("so-field-accuracy"),
          "{\\\"incorrect_fields\\\":[],\\\"confidence_score\\\":\\\"nan\\\"}"),
     SCORE, .want = NAN},

    /* fields that the response does not have (D21) */
    {"a grade of a field that is not there counts for nothing",
     PER_FIELD(GRADE("line", "98") "," GRADE("stop", "98") "," GRADE("platform", "0")), SCORE,
     .want = .981},
    {"a field that is not there is not reported",
     PER_FIELD(GRADE("line", "98") "," GRADE("stop", "98") "," GRADE("platform", "0")),
     "per_field_score.platform.score", .want = NAN},
    {"a judge of other fields alone is not heard", PER_FIELD(GRADE("platform", "0")), SCORE,
     .want = NAN},

    /* tokens without a probability (D2) */
    {"False with a null probability is false", ONE(BINARY, "False", TOKENS(TOKEN("False", NO_P))),
     SCORE, .want = 0},
    {"True with a null probability is true", ONE(BINARY, "True", TOKENS(TOKEN("True", NO_P))),
     SCORE, .want = 1},
    {"True without a probability is true", ONE(BINARY, "True", TOKENS(TOKEN("True", ""))), SCORE,
     .want = 1},
    {"a token's known probability counts beside one that is not",
     ONE(BINARY, "True.", TOKENS(TOKEN("True", P0) "," TOKEN(".", NO_P))), SCORE, .want = 1},
    {"False without a probability is false beside tokens that have one",
     ONE(BINARY, "False.", TOKENS(TOKEN("False", NO_P) "," TOKEN(".", P0))), SCORE, .want = 0},
    {"a label without a probability is a word beside tokens that have one", "{" SAMPLED LABELS "}",
     REPLY(SAMPLE, "\"content\":\"rail!\"", TOKENS(TOKEN("rail", NO_P) "," TOKEN("!", P0))),
     "components.consistency", .want = 1},
    {"an empty list of tokens is none", ONE(BINARY, "<choice>True</choice>", TOKENS("")), SCORE,
     .want = 1},
    {"an empty list of tokens is undecided to the reference", "{" QA ",\"response\":\"x\"}",
     REPLY(BINARY, "\"content\":\"<choice>True</choice>\"", TOKENS("")) "," SAYS(
         CERTAINTY,
         "x") "," SAYS(REFLECTION("knowledge-gap"),
                       "x") "," SAYS(REFLECTION("argument"),
                                     "x") "," SAYS(REFLECTION("trustworthiness"),
                                                   "x") "," SAYS(REFLECTION("correctness"), "x"),
     SCORE, .want = .5, .reference = true},
    {"a No without a probability is a no",
     "{" QA ",\"num_self_reflections\":0,\"response\":\"x\","
     "\"use_prompt_evaluation\":true,\"context\":\"c\",\"evals\":[]}",
     REPLY("\"call\":\"prompt_evaluation\"", "\"content\":\"No\"", TOKENS(TOKEN("No", NO_P))),
     SCORE, .want = 0},
    {"a label without a probability is compared as a word", "{" SAMPLED LABELS "}",
     REPLY(SAMPLE, "\"content\":\"rail\"", TOKENS(TOKEN("rail", NO_P))), "components.consistency",
     .want = 1},
    {"an alternative without a probability adds nothing", "{" SAMPLED LABELS "}",
     REPLY(SAMPLE, "\"content\":\"rail\"",
           TOKENS("{\"token\":\"rail\",\"logprob\":-0.6931471805599453,"
                  "\"top_logprobs\":[{\"token\":\"Rail\",\"logprob\":null}]}")),
     "components.consistency", .want = .5},
    {"a rating whose alternatives have no probabilities is the rating", EVAL,
     REPLY("\"call\":\"semantic_eval\",\"name\":\"tone\"", "\"content\":\"5\"",
           TOKENS("{\"token\":\"5\",\"logprob\":0,\"top_logprobs\":[{\"token\":\"5\"}]}")),
     "evals.tone", .want = .999},
    {"a rating without alternatives is the rating", EVAL,
     REPLY("\"call\":\"semantic_eval\",\"name\":\"tone\"", "\"content\":\"5\"",
           TOKENS("{\"token\":\"5\",\"logprob\":0,\"top_logprobs\":[]}")),
     "evals.tone", .want = .999},

    /* a model that thinks aloud (D3, D5) */
    {"a score that is only thought of is not the score",
     ONE(CERTAINTY, THINKS("Perhaps <score>3</score>?") THINKS("Known.") "<score>97</score>", ""),
     SCORE, .want = .97},
    {"the reasoning that was asked for explains, not the model's own",
     ONE(CERTAINTY, THINKS("Perhaps <score>3</score>?") THINKS("Unknown.") "<score>7</score>", ""),
     "explanation", .text = "Unknown."},
    {"reasoning about tags ends where its last block ends",
     ONE(CERTAINTY,
         THINKS("First <think> and </think>, then <score>5</score>.") "<score>97</score>", ""),
     SCORE, .want = .97},
    {"a model's own reasoning explains when it gives no other",
     ONE(CERTAINTY, THINKS("It looks wrong.") "\\n<score>7</score>", ""), "explanation",
     .text = "It looks wrong."},
    {"reasoning need not be opened",
     ONE(CERTAINTY,
         "Maybe <score>20</score>, no.</think>"
         "\\n<score>95</score>",
         ""),
     SCORE, .want = .95},
    {"unopened reasoning explains, too",
     ONE(CERTAINTY,
         "It looks wrong.</think>\\n"
         "<score>5</score>",
         ""),
     "explanation", .text = "It looks wrong."},
    {"reasons may follow the result",
     ONE(CERTAINTY, THINKS("Hm, <score>1</score>") "<score>97</score>\\n" THINKS("Known."), ""),
     SCORE, .want = .97},
    {"reasoning that is all there is says nothing",
     ONE(CERTAINTY, THINKS("<score>1</score>") THINKS("<score>2</score>"), ""), SCORE, .want = NAN},
    {"reasoning without an end says nothing", ONE(CERTAINTY, "<think>Maybe <score>20</score>", ""),
     SCORE, .want = NAN},
    {"a second block of reasoning without an end says nothing",
     ONE(CERTAINTY, THINKS("a") "<think>Maybe <score>20</score>", ""), SCORE, .want = NAN},
    {"a token that is only thought of decides nothing",
     ONE(BINARY, THINKS("true") "<choice>maybe</choice>",
         TOKENS(TOKEN("<think>", P0) "," TOKEN("true", P0) "," TOKEN("</think>", P0) "," TOKEN(
             "<choice>", P0) "," TOKEN("maybe", P0) "," TOKEN("</choice>", P0))),
     SCORE, .want = .5},
    {"tokens of reasoning without an end decide nothing",
     ONE(BINARY, "<think>true", TOKENS(TOKEN("<think>", P0) "," TOKEN("true", P0))), SCORE,
     .want = NAN},
    {"a sample's answer stands behind its reasoning", "{" SAMPLED JACCARD "\"response\":\"Mill\"}",
     SAYS(SAMPLE, "Hill?</think>\\nMill"), "components.consistency", .want = 1},
    {"a sample that was to think and tags nothing has an answer, too",
     "{" SAMPLED JACCARD "\"reasoning_effort\":\"low\",\"response\":\"Mill\"}",
     SAYS(SAMPLE, THINKS("Hill?") "\\nMill"), "components.consistency", .want = 1},
    {"an answer may speak of the end of reasoning",
     "{" SAMPLED JACCARD "\"reasoning_effort\":\"low\",\"response\":\"Use </think> here\"}",
     SAYS(SAMPLE, THINKS("Well.") "<answer>Use </think> here</answer>"), "components.indicator",
     .want = 1},
    {"an answer without tags may speak of it where the response does",
     "{" SAMPLED JACCARD "\"response\":\"Use </think> here\"}", SAYS(SAMPLE, "Use </think> here"),
     "components.indicator", .want = 1},
    {"a sample that never ends its reasoning is lost", "{" SAMPLED JACCARD "\"response\":\"Mill\"}",
     SAYS(SAMPLE, "<think>Mill or"), "components.consistency", .want = NAN},
    {"a label's probability is that of the answer, not of the reasoning", "{" SAMPLED LABELS "}",
     REPLY(SAMPLE, "\"content\":\"\"",
           TOKENS(TOKEN("<think>road", P0) "," TOKEN(
               "</think>", P0) ","
                               "{\"token\":\"rail\",\"logprob\":-0.6931471805599453,"
                               "\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-9.0}]}")),
     "components.consistency", .want = .5},

    /* JSON in a fence (D4) */
    {"a structured sample in a fence is the same",
     SAME_JSON("```json\\n{\\\"explanation\\\":\\\"e\\\",\\\"answer\\\":" T4 "}\\n```"),
     "components.consistency", .want = 1},
    {"a structured sample behind reasoning is the same",
     SAME_JSON(THINKS("Hm.") "\\n{\\\"explanation\\\":\\\"e\\\",\\\"answer\\\":" T4 "}"),
     "components.consistency", .want = 1},
    {"a structured sample behind reasoning and in a fence is the same",
     SAME_JSON("Hm.</think>```\\n{\\\"explanation\\\":\\\"e\\\",\\\"answer\\\":" T4 "}\\n```"),
     "components.consistency", .want = 1},
    {"a judge's JSON behind reasoning is read", "{" STRUCTURED "}",
     SAYS(REFLECTION("so-per-field-certainty"),
          THINKS("Hm.") "{" GRADE("line", "98") "," GRADE("stop", "98") "}"),
     SCORE, .want = .981},

    /* numbers in a recording (D19) */
    {"a perplexity above one is none",
     "{" QA ",\"num_self_reflections\":0,\"response\":\"x\",\"perplexity\":7}", "", SCORE,
     .want = NAN},
    {"a perplexity below zero is none",
     "{" QA ",\"num_self_reflections\":0,\"response\":\"x\",\"perplexity\":-3}", "", SCORE,
     .want = NAN},

    /* models by the name of a version (D22) */
    {"a dated name gives log probabilities as its model does",
     "{" SAMPLED LABELS ",\"request_model\":\"gpt-4o-2024-08-06\"}",
     REPLY(SAMPLE, "\"content\":\"rail\"",
           TOKENS("{\"token\":\"rail\",\"logprob\":-0.6931471805599453,"
                  "\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-9.0}]}")),
     "components.consistency", .want = .5},
};

static cJSON *judged(const struct row *row)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options options = {.compat =
                                         row->reference ? TS_TLM_REFERENCE : TS_TLM_RECOMMENDED};
    struct ts_tlm_input input;
    struct ts_tlm_result result;
    struct ts_err err = {0};
    struct ts_buf out = TS_BUF_INIT;
    ts_buf_printf(&out, "{\"inputs\":%s,\"calls\":[%s]}", row->inputs, row->calls);
    cJSON *recorded = ts_json_parse(ts_buf_view(&out), NULL, &err);
    if (!recorded)
        fail_msg("%s: %s", err.what, row->inputs);
    assert_true(ts_replay_read(arena, recorded, &options, &input, &err));
    struct ts_tlm *tlm = ts_tlm_new(arena, &options, &input, &err);
    assert_non_null(tlm);
    ts_replay_answer(tlm, recorded);
    ts_tlm_conclude(tlm, &result);
    result.error = NULL; /* that calls are missing here is not the point */
    ts_buf_clear(&out);
    ts_buf_add_byte(&out, '{');
    ts_record_result(tlm, &result, &out);
    ts_buf_add_byte(&out, '}');
    cJSON *got = ts_json_parse(ts_buf_view(&out), NULL, &err);
    ts_buf_release(&out);
    cJSON_Delete(recorded);
    ts_arena_free(arena);
    return got;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    cJSON *result = judged(row);
    const cJSON *got = ts_json_path(result, row->path);
    if (row->text)
        assert_view_is(ts_json_text(got), row->text);
    else if (isnan(row->want))
        assert_false(cJSON_IsNumber(got));
    else if (!cJSON_IsNumber(got) || fabs(got->valuedouble - row->want) > 1e-9)
        fail_msg("%s is %.12g, not %.12g", row->path, got ? got->valuedouble : NAN, row->want);
    cJSON_Delete(result);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows)];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
