/* local.c - the embedded scorer: no key, no network, microseconds; and no TLM.
 * It reads the evidence that stands on the span itself. What it can honestly say:
 *  - how sure the model was, when log probabilities were recorded: the mean token probability, which
 *    TLM calls the perplexity score (tlm-algorithm §1), and its weakest piece;
 *  - whether it answers the same prompt the same way, when the stream has shown it answered before;
 *  - whether the retrieved context holds what the answer says, when there is one;
 *  - that the answer broke a contract: empty, cut off, refused, caught in a loop, in another language,
 *    JSON or tool arguments that break their schema. Each violation caps the score.
 * A contract that was kept says nothing about truth, so it never raises a score. Without evidence
 * there is no score. score = min(caps of all violations, weighted mean of the probability signals). */
#include "pipeline/scorer/local.h"

#include "pipeline/scorer.h"
#include "pipeline/scorer/local_agreement.h"

#include <assert.h>
#include <stdlib.h>

struct local_config {
    struct ts_texts signals;
    uint64_t agreement_memory;
    ts_time agreement_age;
};

struct ts_instance {
    const struct local_config *config;
    struct ts_agreement *memory;
    unsigned on; /* bits, by place in ts_local_signals */
};

const struct ts_signal_kind ts_local_signals[] = {
#define TS_LOCAL_SIGNAL(name) {#name, ts_local_##name},
#include "pipeline/scorer/local_signals.def"
#undef TS_LOCAL_SIGNAL
    {NULL, NULL},
};

/* ---- combination ---- */

struct sum {
    double cap, weighted, weight;
    struct ts_buf text, names;
    bool any;
};

static void add(struct sum *s, const char *name, const struct ts_local_signal *signal)
{
    if (!signal->present)
        return;
    if (signal->violation) {
        s->cap = signal->score < s->cap ? signal->score : s->cap;
    } else {
        s->weighted += signal->score * signal->weight;
        s->weight += signal->weight;
    }
    ts_buf_printf(&s->names, "%s%s", s->any ? "," : "", name);
    if (s->any)
        ts_buf_add_byte(&s->text, ' ');
    ts_buf_add_view(&s->text, signal->text);
    s->any = true;
}

static void conclude(struct sum *s, struct ts_score_job *job)
{
    struct ts_score *r = &job->result;
    if (!s->any) {
        r->skipped = TS_LIT("insufficient_evidence");
        return;
    }
    double mean = s->weight > 0 ? s->weighted / s->weight : 1;
    r->has_score = true;
    r->score = mean < s->cap ? mean : s->cap;
    r->explanation = ts_arena_copy(job->arena, ts_buf_view(&s->text));
    r->signals = ts_arena_copy(job->arena, ts_buf_view(&s->names));
    r->cost_usd = 0;
}

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    struct sum s = {.cap = 1, .text = TS_BUF_INIT, .names = TS_BUF_INIT};
    for (size_t i = 0; ts_local_signals[i].name; i++) {
        struct ts_local_signal signal = {0};
        if (self->on & 1u << i)
            ts_local_signals[i].evaluate(self->memory, job->llm, job->arena, &signal);
        add(&s, ts_local_signals[i].name, &signal);
    }
    conclude(&s, job);
    ts_buf_release(&s.text);
    ts_buf_release(&s.names);
    ts_job_finish(&job->job, TS_JOB_DONE);
}

static void identity(const struct ts_instance *self, struct ts_buf *out)
{
    ts_buf_printf(out, "local/3 signals=%x", self->on);
}

/* ---- life ---- */

static int find_signal(const char *name)
{
    for (int i = 0; ts_local_signals[i].name; i++)
        if (strcmp(ts_local_signals[i].name, name) == 0)
            return i;
    return -1;
}

static bool unknown_signal(const char *name, struct ts_err *err)
{
    struct ts_buf known = TS_BUF_INIT;
    for (size_t i = 0; ts_local_signals[i].name; i++)
        ts_buf_printf(&known, "%s%s", i ? ", " : "", ts_local_signals[i].name);
    ts_fail(err, TS_INVALID_ARGUMENT, "signals: '%.40s' is none of %s", name, ts_buf_cstr(&known));
    ts_buf_release(&known);
    return false;
}

static bool check(const void *config, struct ts_err *err)
{
    const struct local_config *c = config;
    for (size_t i = 0; i < c->signals.count; i++)
        if (find_signal(c->signals.items[i]) < 0)
            return unknown_signal(c->signals.items[i], err);
    return true;
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)host;
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->memory = ts_agreement_new(self->config->agreement_memory, self->config->agreement_age);
    for (size_t i = 0; i < self->config->signals.count; i++) {
        int at = find_signal(self->config->signals.items[i]);
        assert(at >= 0); /* check() let no other name pass */
        self->on |= 1u << at;
    }
    return self;
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_agreement_free(self->memory);
    free(self);
}

static const struct ts_setting settings[] = {
    {.key = "signals",
     .kind = TS_TEXTS,
     .offset = offsetof(struct local_config, signals),
     .default_text =
         "logprobs|agreement|grounding|empty|truncation|refusal|repetition|language|format|"
         "tools",
     .help = "evidence to look at"},
    {.key = "agreement_memory",
     .kind = TS_SIZE,
     .offset = offsetof(struct local_config, agreement_memory),
     .default_text = "8MiB",
     .min = "0",
     .max = "16GiB",
     .help = "for hashes and beginnings of earlier answers; 0: none are remembered"},
    {.key = "agreement_age",
     .kind = TS_DURATION,
     .offset = offsetof(struct local_config, agreement_age),
     .default_text = "1h",
     .min = "1s",
     .help = "how long an answer is remembered"},
    {0},
};

const struct ts_scorer ts_scorer_local = {
    .base = {.kind = TS_SCORER,
             .type = "local",
             .about = "evidence on the span itself: recorded probabilities and broken contracts; "
                      "no key, no network, not TLM",
             .settings = settings,
             .config_size = sizeof(struct local_config),
             .check = check,
             .create = create,
             .free = free_instance},
    .annotator_kind = "CODE",
    .identity = identity,
    .score = score,
};
