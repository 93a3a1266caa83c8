#include "pipeline/scorer/tlm_result.h"

#include <math.h>

static ts_view fields_json(struct ts_arena *arena, const struct ts_tlm_result *r)
{
    struct ts_buf out = TS_BUF_INIT;
    for (size_t i = 0; i < r->field_count; i++) {
        ts_buf_add_str(&out, i ? "," : "{");
        ts_json_append_text(&out, r->fields[i].name);
        ts_buf_add_str(&out, ":{\"score\":");
        ts_json_append_double(&out, r->fields[i].value);
        ts_buf_add_str(&out, ",\"explanation\":");
        ts_json_append_text(&out, r->fields[i].explanation);
        ts_buf_add_byte(&out, '}');
    }
    ts_buf_add_str(&out, r->field_count ? "}" : "");
    ts_view text = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return text;
}

static void fill_evals(struct ts_score_job *job, const struct ts_tlm_result *r)
{
    struct ts_score *out = &job->result;
    out->evals = ts_arena_alloc(job->arena, (r->eval_count + 1) * sizeof *out->evals);
    for (size_t i = 0; i < r->eval_count; i++)
        if (!isnan(r->evals[i].score))
            out->evals[out->eval_count++] = (struct ts_eval){
                (const char *)ts_arena_copy(job->arena, r->evals[i].name).ptr, r->evals[i].score};
}

void ts_tlm_fill_score(const struct ts_tlm_result *r, struct ts_score_job *job)
{
    struct ts_score *out = &job->result;
    fill_evals(job, r);
    out->has_score = !isnan(r->score);
    out->score = r->score;
    out->explanation = r->explanation;
    out->fields = fields_json(job->arena, r);
}
