/* traces.c - what the trace table adds to a span: ts_traces_note and ts_traces_resolve. First the usual
 * load, as many traces alive as the default bound allows, the spans of one trace thousands of others
 * apart, so that what is looked up has long left the cache; then traces of 2000 LLM spans, the most that
 * are remembered, in shapes that make work; then threads that share one table. */
#include "chat.h"
#include "llm/extract.h"
#include "llm/trace.h"
#include "measure.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    MOST_BYTES = 32 << 20, /* trust.traces.max_size */
    APART = 30000,         /* traces that begin while one is open */
    TRACES = 120000,
    LONG = 2000,
    TEXTS = 64,
    TEXT = 1024,
};

/* ---- records ---- */

struct texts {
    struct ts_message messages[TEXTS];
    ts_view answers[TEXTS];
};

static struct texts texts_new(void)
{
    struct texts t;
    for (size_t i = 0; i < TEXTS; i++) {
        uint8_t *bytes = ts_alloc(2 * TEXT);
        for (size_t k = 0; k < 2 * TEXT; k++)
            bytes[k] = (uint8_t)('a' + (k * 7 + i * (k % 13)) % 26);
        t.messages[i] =
            (struct ts_message){.role = TS_LIT("user"), .content = ts_view_of(bytes, TEXT)};
        t.answers[i] = ts_view_of(bytes + TEXT, TEXT);
    }
    return t;
}

static void texts_release(struct texts *t)
{
    for (size_t i = 0; i < TEXTS; i++)
        free((void *)(uintptr_t)t->messages[i].content.ptr);
}

struct span {
    uint64_t trace[2], id, parent;
    struct ts_llm llm;
};

/* The record of the `n`-th span of a trace. 0 is the root and is not noted. */
static struct ts_llm *make(struct span *s, struct texts *t, uint64_t trace, uint64_t n,
                           uint64_t parent)
{
    size_t text = (size_t)(trace * 5 + n) % TEXTS;
    s->trace[0] = trace * 0x9E3779B97F4A7C15u + 1;
    s->trace[1] = ~trace;
    s->id = (s->trace[0] ^ n) | 1u << 31;
    s->parent = (s->trace[0] ^ parent) | 1u << 31;
    s->llm = (struct ts_llm){.kind = TS_KIND_LLM,
                             .messages = &t->messages[text],
                             .message_count = 1,
                             .response = t->answers[text],
                             .scope = TS_LIT("openinference.instrumentation.openai"),
                             .start_ns = (int64_t)(n * 100),
                             .end_ns = (int64_t)(n * 100 + 80),
                             .trace_id = ts_view_of(s->trace, 16),
                             .span_id = ts_view_of(&s->id, 8),
                             .parent_id = ts_view_of(&s->parent, 8)};
    return &s->llm;
}

/* ---- the usual load ---- */

/* Of 20 spans of a trace five call a model, one retrieves; the other 14 never come here. */
enum { NOTED = 6, CALLS = 5 };

struct load {
    struct ts_traces *traces; /* NULL: only the records are made, which is taken off */
    struct texts *texts;
    uint64_t first; /* trace */
    size_t count;   /* of traces */
    size_t between; /* times that a record's text is read before it comes here */
};

/* 10 microseconds, about what extraction takes. */
static void read_slowly(ts_view text)
{
    uint64_t state = 1;
    for (size_t i = 0; i < 10 * text.len; i++)
        state = (state ^ text.ptr[i % text.len]) * 0x100000001B3u;
    __asm__ volatile("" : : "r"(state));
}

static void pass(const struct load *l, struct ts_arena *arena, uint64_t trace, uint64_t n)
{
    static struct ts_document found[] = {{.content = TS_LIT("The 07:40 leaves from quay 3.")}};
    struct span s;
    struct ts_llm *llm = make(&s, l->texts, trace, n, n == 1 ? 0 : 7);
    if (n == 1) {
        llm->kind = TS_KIND_RETRIEVER;
        llm->documents = found;
        llm->document_count = 1;
    }
    for (size_t i = 0; i < l->between; i++)
        read_slowly(llm->response);
    __asm__ volatile("" : : "r"(llm) : "memory");
    if (!l->traces)
        return;
    ts_traces_note(l->traces, llm, true);
    ts_traces_resolve(l->traces, arena, llm);
}

/* Step by step every open trace is APART / NOTED traces behind its own last span. */
static void run_load(void *arg)
{
    const struct load *l = arg;
    struct ts_arena *arena = NULL;
    for (size_t i = 0; i < l->count; i++) {
        if (i % 256 == 0) {
            ts_arena_free(arena);
            arena = ts_arena_new();
        }
        for (uint64_t n = NOTED; n >= 1; n--) /* those that end first come first */
            pass(l, arena, l->first + i - (NOTED - n) * (APART / NOTED), n);
    }
    ts_arena_free(arena);
}

static void run_extract(void *arg)
{
    for (int i = 0; i < 100; i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_llm llm;
        ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, *(const ts_view *)arg, &llm);
        ts_arena_free(arena);
    }
}

static void measure_load(struct texts *texts)
{
    struct load with = {ts_traces_new(MOST_BYTES, 300 * TS_S), texts, 1 << 20, TRACES, 0};
    struct load without = {NULL, texts, 1 << 20, TRACES, 0};
    run_load(&with); /* fills the table */
    with.first += TRACES;
    struct ts_buf chat = TS_BUF_INIT;
    ts_bench_chat(4, 8 << 10, &chat);
    ts_view span = ts_buf_view(&chat);
    double best = 0;
    struct ts_contender c[] = {{run_load, &without, 0}, {run_extract, &span, 0}};
    for (int round = 0; round < 10; round++, with.first += TRACES) {
        struct ts_contender one = {run_load, &with, 0};
        ts_measure(&one, 1, 1);
        ts_measure(c, TS_COUNT(c), 1);
        best = best == 0 || one.best < best ? one.best : best;
    }
    double took = (best - c[0].best) / (double)(TRACES * NOTED) * 1e6;
    double extraction = c[1].best / 100 * 1e6;
    struct ts_traces_stats stats;
    ts_traces_stats(with.traces, &stats);
    printf("%-34s%10.2f us a span, x %.3f of extraction; %llu traces alive, %.1f MiB\n",
           "6 spans of each trace", took, took / extraction, (unsigned long long)stats.traces,
           (double)stats.bytes / (1 << 20));
    ts_buf_release(&chat);
    ts_traces_free(with.traces);
}

/* ---- the longest traces ---- */

enum shape { SIBLINGS, SAME_ANSWER, ONE_RESPONSE, NESTED, BESIDE, SHAPES };

static const char *const shape_names[] = {"2000 calls, all different", "2000 calls, one answer",
                                          "2000 spans of one call", "2000 spans inside each other",
                                          "2000 spans, each beside the next"};

static struct ts_llm *shape_span(struct span *s, struct texts *t, enum shape shape, uint64_t n)
{
    static const char *const scopes[] = {"a", "b"};
    struct ts_llm *llm = make(s, t, 1, n, shape == NESTED ? n - 1 : 0);
    static char answer[32];
    if (shape == SIBLINGS) {
        snprintf(answer, sizeof answer, "%llu", (unsigned long long)n);
        llm->response = ts_view_str(answer);
        return llm;
    }
    llm->response = TS_LIT("Yes.");
    llm->messages = t->messages;
    if (shape == ONE_RESPONSE)
        llm->response_id = TS_LIT("chatcmpl-1");
    if (shape == BESIDE) { /* the first to come is the last in time */
        llm->start_ns = (int64_t)((LONG - n) * 100);
        llm->end_ns = llm->start_ns + 150;
        llm->scope = ts_view_str(scopes[n % 2]);
    }
    return llm;
}

static void measure_shape(struct texts *texts, enum shape shape)
{
    struct ts_traces *traces = ts_traces_new(MOST_BYTES, 300 * TS_S);
    struct ts_arena *arena = ts_arena_new();
    struct span s;
    double worst = 0;
    double began = ts_cpu_seconds();
    uint64_t n = 1;
    for (; n <= LONG && ts_cpu_seconds() - began < 5; n++) {
        struct ts_llm *llm = shape_span(&s, texts, shape, n);
        double one = ts_cpu_seconds();
        ts_traces_note(traces, llm, true);
        ts_traces_resolve(traces, arena, llm);
        one = ts_cpu_seconds() - one;
        worst = one > worst ? one : worst;
    }
    printf("%-34s%10.2f us a span, %10.1f us the worst%s\n", shape_names[shape],
           (ts_cpu_seconds() - began) / (double)n * 1e6, worst * 1e6,
           n <= LONG ? " (given up after 5 s)" : "");
    ts_arena_free(arena);
    ts_traces_free(traces);
}

/* ---- threads ---- */

struct worker {
    pthread_t id;
    struct load load;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    run_load(&w->load);
    return NULL;
}

struct cost {
    double us;     /* CPU of all threads, a span */
    double waited; /* spans of a thousand that had to wait for the lock, by switches of threads */
};

static double process_us(struct rusage *used)
{
    getrusage(RUSAGE_SELF, used);
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1e6 +
           (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);
}

static struct cost run_threads(struct texts *texts, size_t threads, size_t between)
{
    struct worker workers[8];
    struct rusage before;
    struct rusage after;
    size_t each = (between ? TRACES / 4 : TRACES) / threads;
    struct ts_traces *traces = ts_traces_new(MOST_BYTES, 300 * TS_S);
    double began = process_us(&before);
    for (size_t i = 0; i < threads; i++) {
        workers[i].load = (struct load){traces, texts, (i + 1) << 30, each, between};
        pthread_create(&workers[i].id, NULL, work, &workers[i]);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(workers[i].id, NULL);
    double spans = (double)(each * threads * NOTED);
    struct cost cost = {.us = (process_us(&after) - began) / spans};
    cost.waited = (double)(after.ru_nvcsw - before.ru_nvcsw) / spans * 1e3;
    ts_traces_free(traces);
    return cost;
}

static void measure_threads(struct texts *texts, const char *name, size_t between)
{
    printf("%-34s", name);
    double one = 0;
    for (size_t threads = 1; threads <= 4; threads *= 2) {
        struct cost best = {0, 0};
        for (int round = 0; round < 5; round++) {
            struct cost cost = run_threads(texts, threads, between);
            if (best.us == 0 || cost.us < best.us)
                best = cost;
        }
        one = threads == 1 ? best.us : one;
        printf("%s%zu: x %.2f, %.1f waits", threads == 1 ? "" : ";  ", threads, best.us / one,
               best.waited);
    }
    printf("\n");
}

int main(void)
{
    struct texts texts = texts_new();
    measure_load(&texts);
    for (int shape = 0; shape < SHAPES; shape++)
        measure_shape(&texts, (enum shape)shape);
    printf("CPU of n threads as a multiple of one's, and waits for the lock in 1000 spans:\n");
    measure_threads(&texts, "threads that do nothing else", 0);
    measure_threads(&texts, "threads that extract, too", 1);
    texts_release(&texts);
    return 0;
}
