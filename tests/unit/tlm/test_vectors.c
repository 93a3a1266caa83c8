/* The executable part of the specification: 150 recorded scores, judged again by the reference's rules
 * and by the recommended ones. */
#include "testing.h"

#include "tlm/replay.h"
#include "tlm/request.h"

#include <math.h>
#include <stdio.h>

static bool near(const cJSON *got, const cJSON *want, char *where, size_t size);

static bool near_members(const cJSON *got, const cJSON *want, char *where, size_t size)
{
    const cJSON *w;
    int n = 0;
    cJSON_ArrayForEach(w, want)
    {
        const cJSON *g = cJSON_IsArray(want) ? cJSON_GetArrayItem(got, n)
                                             : cJSON_GetObjectItemCaseSensitive(got, w->string);
        n++;
        if (!g || !near(g, w, where, size)) {
            size_t len = strlen(where);
            snprintf(where + len, size - len, " in %s", w->string ? w->string : "list");
            return false;
        }
    }
    return cJSON_GetArraySize(got) == n;
}

static bool near(const cJSON *got, const cJSON *want, char *where, size_t size)
{
    if (cJSON_IsNumber(want) && cJSON_IsNumber(got) &&
        fabs(got->valuedouble - want->valuedouble) <= 1e-9)
        return true;
    if (cJSON_IsNumber(want) || cJSON_IsNull(want) || cJSON_IsString(want)) {
        char *g = cJSON_PrintUnformatted(got);
        char *w = cJSON_PrintUnformatted(want);
        bool same = strcmp(g, w) == 0;
        if (!same)
            snprintf(where, size, "got %.100s, want %.100s", g, w);
        free(g);
        free(w);
        return same;
    }
    return near_members(got, want, where, size);
}

/* Judges one recording; what it prints, read back. */
static cJSON *judge(const cJSON *recorded, enum ts_tlm_compat compat)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options options = {.compat = compat};
    struct ts_tlm_input input;
    struct ts_tlm_result result;
    struct ts_err err = {0};
    struct ts_buf out = TS_BUF_INIT;
    assert_true(ts_replay_read(arena, recorded, &options, &input, &err));
    struct ts_tlm *tlm = ts_tlm_new(arena, &options, &input, &err);
    assert_non_null(tlm);
    ts_replay_answer(tlm, recorded);
    assert_int_equal(tlm->open, 0);
    ts_tlm_conclude(tlm, &result);
    ts_buf_add_byte(&out, '{');
    ts_record_result(tlm, &result, &out);
    ts_buf_add_byte(&out, '}');
    cJSON *got = ts_json_parse(ts_buf_view(&out), NULL, &err);
    assert_non_null(got);
    ts_buf_release(&out);
    ts_arena_free(arena);
    return got;
}

static bool agrees(const cJSON *recorded, enum ts_tlm_compat compat)
{
    static const char *const keys[] = {"resolved",    "trustworthiness_score", "components",
                                       "evals",       "per_field_score",       "explanation_parts",
                                       "reflections", "sample_scores",         "usage"};
    const char *name = compat == TS_TLM_REFERENCE ? "reference" : "recommended";
    const char *id = cJSON_GetObjectItem(recorded, "id")->valuestring;
    const cJSON *want = cJSON_GetObjectItem(recorded, name);
    const cJSON *error = cJSON_GetObjectItem(want, "error");
    cJSON *got = judge(recorded, compat);
    bool ok = true;
    if (cJSON_IsString(error)) {
        ok = cJSON_IsString(cJSON_GetObjectItem(got, "error"));
        if (!ok)
            print_message("%s %s: the reference fails with %s, we do not\n", id, name,
                          error->valuestring);
    } else {
        for (size_t i = 0; i < TS_COUNT(keys); i++) {
            char where[600] = "";
            const cJSON *w = cJSON_GetObjectItem(want, keys[i]);
            if (!w || near(cJSON_GetObjectItem(got, keys[i]), w, where, sizeof where))
                continue;
            print_message("%s %s %s: %s\n", id, name, keys[i], where);
            ok = false;
        }
    }
    cJSON_Delete(got);
    return ok;
}

/* What a consistency call without thinking says (§8.1, D22). */
static bool asks_the_same(const cJSON *recorded, enum ts_tlm_compat compat)
{
    const char *name = compat == TS_TLM_REFERENCE ? "reference" : "recommended";
    const cJSON *want = cJSON_GetObjectItem(cJSON_GetObjectItem(recorded, "sample_messages"), name);
    const cJSON *is = cJSON_GetObjectItem(cJSON_GetObjectItem(recorded, name), "resolved");
    const char *effort =
        is ? cJSON_GetObjectItem(is, "reasoning_effort")->valuestring : "unresolved";
    if (!want || strcmp(effort, "none") != 0)
        return true;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options options = {.compat = compat};
    struct ts_tlm_input input;
    struct ts_buf out = TS_BUF_INIT;
    const struct ts_tlm_wire wire = {.format = TS_FORMAT_BY_SCHEMA};
    assert_true(ts_replay_read(arena, recorded, &options, &input, NULL));
    ts_tlm_sample_messages(ts_tlm_new(arena, &options, &input, NULL), &wire, &out);
    cJSON *got = ts_json_parse(ts_buf_view(&out), NULL, NULL);
    char where[600] = "";
    bool same = near(got, want, where, sizeof where);
    if (!same)
        print_message("%s %s sample_messages: %s\n",
                      cJSON_GetObjectItem(recorded, "id")->valuestring, name, where);
    cJSON_Delete(got);
    ts_buf_release(&out);
    ts_arena_free(arena);
    return same;
}

static void judge_all(enum ts_tlm_compat compat)
{
    FILE *in = fopen(TS_FIXTURES "/tlm-vectors.jsonl", "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int cases = 0;
    int bad = 0;
    assert_non_null(in);
    while ((n = getline(&line, &cap, in)) > 0) {
        cJSON *recorded = ts_json_parse(ts_view_of(line, (size_t)n), NULL, NULL);
        assert_non_null(recorded);
        cases++;
        bad += !agrees(recorded, compat) || !asks_the_same(recorded, compat);
        cJSON_Delete(recorded);
    }
    free(line);
    fclose(in);
    assert_int_equal(cases, 150);
    assert_int_equal(bad, 0);
}

static void the_reference_is_reproduced(void **state)
{
    (void)state;
    judge_all(TS_TLM_REFERENCE);
}

static void the_recommendations_are_followed(void **state)
{
    (void)state;
    judge_all(TS_TLM_RECOMMENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_is_reproduced),
        cmocka_unit_test(the_recommendations_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
