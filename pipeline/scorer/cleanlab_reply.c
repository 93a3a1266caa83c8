/* cleanlab_reply.c - answers and errors (tlm-api.md §3, §5, §6.1). The service publishes no schema,
 * so everything is read as if it could be missing or of another type. */
#include "pipeline/scorer/cleanlab_reply.h"

#include "json/json.h"

#include <math.h>
#include <stdlib.h>

static ts_view copy(struct ts_arena *arena, const cJSON *text)
{
    return ts_arena_copy(arena, ts_json_text(text));
}

static bool out_of_range(const cJSON *value, struct ts_err *err, double *score)
{
    if (ts_json_double(value, score) && isfinite(*score) && *score >= 0 && *score <= 1)
        return false;
    char *shown = cJSON_PrintUnformatted(value);
    ts_fail(err, TS_OUT_OF_RANGE, "cleanlab answered with score '%.40s', which is outside 0…1",
            shown ? shown : "");
    cJSON_free(shown);
    return true;
}

static void add_eval(struct ts_arena *arena, struct ts_score *out, const char *name,
                     const cJSON *value)
{
    double score;
    if (!ts_json_double(value, &score) || !(score >= 0 && score <= 1))
        return; /* null: there is none */
    out->evals[out->eval_count++] = (struct ts_eval){ts_arena_str(arena, name), score};
}

static void read_log(struct ts_arena *arena, const cJSON *log, struct ts_score *out)
{
    out->explanation = copy(arena, ts_json_get(log, "explanation"));
    const cJSON *fields = ts_json_get(log, "per_field_score");
    bool only_error = cJSON_IsObject(fields) && cJSON_IsString(ts_json_get(fields, "error")) &&
                      cJSON_GetArraySize(fields) == 1; /* instead of fields (tlm-algorithm §13.3) */
    if (cJSON_IsObject(fields) && !only_error)
        out->fields = ts_json_print(arena, fields);
    const cJSON *list = ts_json_get(log, "custom_eval_criteria");
    if (!cJSON_IsArray(list))
        return;
    out->evals = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *out->evals);
    const cJSON *item;
    cJSON_ArrayForEach(item, list) if (cJSON_IsString(ts_json_get(item, "name")))
        add_eval(arena, out, ts_json_get(item, "name")->valuestring, ts_json_get(item, "score"));
}

/* §3.3: one key a metric. */
static void read_rag_evals(struct ts_arena *arena, const cJSON *tree, struct ts_score *out)
{
    out->evals = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(tree) * sizeof *out->evals);
    const cJSON *item;
    cJSON_ArrayForEach(item, tree) if (strcmp(item->string, "trustworthiness") != 0 &&
                                       cJSON_IsObject(item))
        add_eval(arena, out, item->string, ts_json_get(item, "score"));
}

static enum ts_api_outcome read_score(enum ts_cleanlab_endpoint endpoint, const cJSON *tree,
                                      struct ts_arena *arena, struct ts_score *out,
                                      struct ts_err *err)
{
    static const char *const names[] = {"confidence_score", "trustworthiness.score",
                                        "trustworthiness_score"};
    if (endpoint == TS_CLEANLAB_EXPLAIN) {
        out->explanation = copy(arena, ts_json_get(tree, "explanation"));
        return TS_API_OK;
    }
    const cJSON *score = ts_json_path(tree, names[endpoint]);
    const cJSON *log = endpoint == TS_CLEANLAB_RAG ? ts_json_path(tree, "trustworthiness.log")
                                                   : ts_json_get(tree, "log");
    if (!cJSON_IsObject(tree) || (!score && endpoint != TS_CLEANLAB_RAG)) {
        ts_fail(err, TS_INTERNAL, "cleanlab answered without a score");
        return TS_API_RETRY;
    }
    if (score && !cJSON_IsNull(score) && out_of_range(score, err, &out->score))
        return TS_API_FINAL;
    out->has_score = score && !cJSON_IsNull(score);
    if (!out->has_score)
        out->skipped = TS_LIT("no_score");
    read_log(arena, log, out);
    if (endpoint == TS_CLEANLAB_RAG)
        read_rag_evals(arena, tree, out);
    out->partial = cJSON_IsFalse(ts_json_get(tree, "deberta_success"));
    return out->partial ? TS_API_PARTIAL : TS_API_OK;
}

static enum ts_api_outcome read_error(int status, const cJSON *tree, struct ts_err *err)
{
    ts_view text = ts_json_text(ts_json_get(tree, "error"));
    ts_view code = ts_json_text(ts_json_get(tree, "code"));
    if (status == 401 && ts_view_is(code, "invalid_api_key")) {
        ts_fail(err, TS_UNAUTHENTICATED,
                "cleanlab answered 401: the api key was refused; check CLEANLAB_TLM_API_KEY");
        return TS_API_FINAL;
    }
    if (status == 429) {
        ts_fail(err, TS_RESOURCE_EXHAUSTED, "cleanlab answered 429: rate limited");
        return TS_API_RATE_LIMITED;
    }
    if (status >= 400 && status < 500) {
        /* The service's own words may repeat what it was sent, so only the known ones are passed. */
        ts_fail(err, TS_INVALID_ARGUMENT, "cleanlab answered %d: %s", status,
                ts_view_find(text, TS_LIT("length exceeds")) != SIZE_MAX
                    ? "length exceeds the limit of the service"
                    : "the request was refused");
        return TS_API_FINAL;
    }
    ts_fail(err, TS_UNAVAILABLE, "cleanlab answered %d", status);
    return status == 503 ? TS_API_OVERLOADED : TS_API_RETRY;
}

enum ts_api_outcome ts_cleanlab_reply(enum ts_cleanlab_endpoint endpoint, int status, ts_view body,
                                      struct ts_arena *arena, struct ts_score *out,
                                      struct ts_err *err)
{
    cJSON *tree = ts_json_parse(body, NULL, NULL);
    enum ts_api_outcome outcome;
    if (status >= 400 || status < 200) {
        outcome = read_error(status, tree, err);
    } else if (!tree) { /* the body decides before the status does */
        ts_fail(err, TS_UNAVAILABLE, "cleanlab answered %d with something that is not JSON",
                status);
        outcome = TS_API_RETRY;
    } else {
        outcome = read_score(endpoint, tree, arena, out, err);
    }
    cJSON_Delete(tree);
    return outcome;
}
