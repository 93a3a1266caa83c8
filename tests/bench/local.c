/* local.c - records a second of the local scorer, all signals on, on one thread: 2 kB of prompt, 1 kB
 * of response, with and without 2 kB of retrieved context. One word and one figure of the response stand
 * nowhere, so all of the context has to be looked through. Prints JSON. */
#include "llm/llm.h"
#include "pipeline/scorer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { VARIANTS = 64, BATCH = 1000, BATCHES = 200, PROMPT = 2048, RESPONSE = 1024, CONTEXT = 2048 };

extern const struct ts_scorer ts_scorer_local;

static const char *const words[] = {
    "the",        "depot",  "opens",   "at",       "06:30",  "on",      "weekdays",
    "and",        "closes", "station", "Mill",     "Road",   "tickets", "which",
    "passengers", "from",   "1,250",   "platform", "is",     "located", "between",
    "Ada",        "Falk",   "wrote",   "harbour",  "report", "in"};

static ts_view text_of(struct ts_arena *arena, size_t bytes, unsigned *seed)
{
    struct ts_buf out = TS_BUF_INIT;
    while (out.len < bytes)
        ts_buf_printf(&out, "%s%s", words[(size_t)rand_r(seed) % TS_COUNT(words)],
                      rand_r(seed) % 12 ? " " : ". ");
    ts_view text = ts_arena_copy(arena, ts_view_cut(ts_buf_view(&out), 0, bytes));
    ts_buf_release(&out);
    return text;
}

static struct ts_llm record(struct ts_arena *arena, unsigned seed, bool context)
{
    struct ts_message *m = ts_arena_alloc(arena, 2 * sizeof *m);
    m[0] = (struct ts_message){.role = TS_LIT("system"), .content = TS_LIT("Answer briefly.")};
    m[1] = (struct ts_message){.role = TS_LIT("user"), .content = text_of(arena, PROMPT, &seed)};
    struct ts_llm llm = {.messages = m, .message_count = 2};
    llm.response = ts_arena_printf(arena, "Penguins pay 4711. " TS_FMT,
                                   TS_ARG(text_of(arena, RESPONSE - 19, &seed)));
    llm.finish_reason = TS_LIT("stop");
    if (context) {
        llm.documents = ts_arena_alloc(arena, sizeof *llm.documents);
        llm.documents[0].content = text_of(arena, CONTEXT, &seed);
        llm.document_count = 1;
    }
    llm.logprob_count = RESPONSE / 5;
    llm.logprobs = ts_arena_alloc(arena, llm.logprob_count * sizeof *llm.logprobs);
    llm.has_logprobs = true;
    for (size_t i = 0; i < llm.logprob_count; i++)
        llm.logprobs[i] = (struct ts_logprob){ts_view_cut(llm.response, 5 * i, 5),
                                              log(0.5 + 0.4 * (rand_r(&seed) % 100) / 100.0)};
    return llm;
}

static size_t left, scored;

static void on_done(struct ts_job *job, enum ts_job_end end)
{
    struct ts_score_job *s = (struct ts_score_job *)(void *)job;
    scored += end == TS_JOB_DONE && s->result.has_score;
    if (--left == 0)
        ts_loop_break(job->home);
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double run(struct ts_loop *loop, struct ts_instance *local, const struct ts_llm *llm)
{
    struct ts_score_job *jobs = ts_alloc(BATCH * sizeof *jobs);
    double began = cpu();
    for (int b = 0; b < BATCHES; b++) {
        left = BATCH;
        for (int i = 0; i < BATCH; i++) {
            jobs[i] =
                (struct ts_score_job){.llm = &llm[(b + i) % VARIANTS], .arena = ts_arena_new()};
            jobs[i].job.home = loop;
            jobs[i].job.done = on_done;
            ts_scorer_local.score(local, &jobs[i]);
        }
        ts_loop_run(loop);
        for (int i = 0; i < BATCH; i++)
            ts_arena_free(jobs[i].arena);
    }
    free(jobs);
    return BATCH * BATCHES / (cpu() - began);
}

int main(void)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_loop *loop = ts_loop_new("bench");
    struct ts_host host = {.id = "scorer", .loop = loop};
    void *config = ts_arena_alloc(arena, ts_scorer_local.base.config_size);
    if (!ts_settings_load(arena, ts_scorer_local.base.settings, NULL, "local", config, &err)) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    struct ts_instance *local = ts_scorer_local.base.create(&host, config, &err);
    struct ts_llm llm[2][VARIANTS];
    for (int c = 0; c < 2; c++)
        for (unsigned i = 0; i < VARIANTS; i++)
            llm[c][i] = record(arena, i, c);
    run(loop, local, llm[0]); /* warm */
    double plain = run(loop, local, llm[0]);
    double grounded = run(loop, local, llm[1]);
    printf("{\"records_per_cpu_second\": %.0f, \"with_context\": %.0f, \"scored\": %zu}\n", plain,
           grounded, scored);
    ts_scorer_local.base.free(local);
    ts_loop_free(loop);
    ts_arena_free(arena);
    return 0;
}
