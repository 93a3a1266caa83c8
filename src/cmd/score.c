/* score.c - JSON lines in, one JSON line with score, explanation and decision out, in the order of
 * the input. Each line is {"prompt" or "messages", "response", …}; what else the record knows
 * (tools, response_format, logprobs, finish_reason, context) may be there, too. With --output a run
 * that was stopped goes on where it was; what was scored before is not paid for again. */
#include "cmd/cmd.h"

#include "cmd/score_file.h"
#include "cmd/score_line.h"
#include "pipeline/assess/assessor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LONGEST_LINE = 64 << 20, IN_FLIGHT = 256 };
static const ts_time longest_wait = 3600 * TS_S;

struct options {
    const char *scorer, *path, *output, *cache, *replay, *compat;
    bool no_cache;
};

struct session {
    struct ts_loop *loop;
    struct ts_assessor *assessor;
    struct ts_score_file out; /* where results go, and what is in it already */
    FILE *in;
    struct ts_buf line;  /* that is being read */
    size_t lines, total; /* read so far; in the input, 0: unknown */
    size_t printed, failed, cached, resumed;
    double cost; /* also of the lines that a resumed output holds */
    char last_failure[160];
    int open; /* items not yet printed */
    bool end;
    struct item *first, **last; /* in the order of the input */
    struct ts_task more;
    bool more_posted, show_progress;
    ts_time next_progress;
};

struct item {
    struct ts_assessment assessment;
    struct session *session;
    struct item *next;
    cJSON *tree;
    size_t number; /* of the line, from 1 */
    bool decided;
};

/* ---- progress: on standard error, a line that renews itself, or one every ten seconds ---- */

static void show_progress(struct session *s, bool last)
{
    bool terminal = isatty(STDERR_FILENO);
    ts_time now = ts_now();
    if (!s->show_progress || (!last && now < s->next_progress))
        return;
    s->next_progress = now + (terminal ? 100 * TS_MS : 10 * TS_S);
    char of[32] = "";
    if (s->total > 0)
        snprintf(of, sizeof of, " of %zu", s->total);
    fprintf(stderr, "%s%zu%s done, %zu from the cache, $%.4f so far, %zu failed%s%s%s",
            terminal ? "\r\033[K" : "", s->printed + s->resumed, of, s->cached, s->cost, s->failed,
            s->failed ? ", last: " : "", s->last_failure, terminal && !last ? "" : "\n");
}

/* ---- results ---- */

static void print_item(struct item *it)
{
    struct session *s = it->session;
    const struct ts_score *result = &it->assessment.job.result;
    struct ts_buf out = TS_BUF_INIT;
    const struct ts_score_line line = {.id = ts_json_get(it->tree, "id"),
                                       .number = it->number,
                                       .decision = &it->assessment.decision,
                                       .result = result};
    ts_score_line_print(&line, &out);
    ts_score_file_add(&s->out, ts_buf_view(&out));
    ts_buf_release(&out);
    s->printed++;
    if (result->cost_usd > 0)
        s->cost += result->cost_usd;
}

static void free_item(struct item *it)
{
    cJSON_Delete(it->tree);
    ts_assessment_release(&it->assessment);
    free(it);
}

static void print_ready(struct session *s)
{
    while (s->first && s->first->decided) {
        struct item *it = s->first;
        s->first = it->next;
        if (!s->first)
            s->last = &s->first;
        print_item(it);
        free_item(it);
        s->open--;
    }
    show_progress(s, false);
}

/* ---- the stream ---- */

static void ask_for_more(struct session *s)
{
    if (!s->more_posted)
        ts_loop_post(s->loop, &s->more);
    s->more_posted = true;
}

static void decided(struct item *it)
{
    struct session *s = it->session;
    const struct ts_decision *d = &it->assessment.decision;
    it->decided = true;
    s->cached += d->kind == TS_CACHED;
    if (d->kind == TS_FAILED) {
        ts_view why = d->detail.len > 0 ? d->detail : d->reason;
        s->failed++;
        snprintf(s->last_failure, sizeof s->last_failure, TS_FMT, TS_ARG(why));
    }
}

static void on_scored(struct ts_assessment *a, enum ts_job_end end)
{
    (void)end; /* the decision says it */
    struct item *it = TS_CONTAINER_OF(a, struct item, assessment);
    decided(it);
    ask_for_more(it->session);
}

static void ask(struct item *it)
{
    struct session *s = it->session;
    if (ts_assess(&it->assessment, s->loop, ts_now() + longest_wait, on_scored)) {
        decided(it);
        ask_for_more(s);
    }
}

/* A line that cannot be asked about. */
static void refuse(struct item *it, const char *why)
{
    struct ts_assessment *a = &it->assessment;
    a->decision.detail = ts_arena_printf(a->arena, "line %zu: %s", it->number, why);
    ts_decide(&a->decision, TS_FAILED, TS_LIT("invalid_argument"));
    decided(it);
}

static struct item *new_item(struct session *s, cJSON *tree)
{
    struct item *it = ts_alloc(sizeof *it);
    it->session = s;
    ts_assess_begin(s->assessor, &it->assessment);
    it->number = s->lines;
    it->tree = tree;
    *s->last = it;
    s->last = &it->next;
    s->open++;
    return it;
}

static void add_item(struct session *s, ts_view text)
{
    struct ts_err err = {0};
    cJSON *tree = ts_json_parse(text, NULL, &err);
    if (tree && ts_score_file_has(&s->out, ts_json_get(tree, "id"), s->lines)) {
        s->resumed++;
        cJSON_Delete(tree);
        return;
    }
    struct item *it = new_item(s, tree);
    struct ts_assessment *a = &it->assessment;
    if (tree && ts_score_line_read(a->arena, tree, &a->llm, &err))
        ask(it);
    else
        refuse(it, err.what);
}

/* The next line; false: there is none. One that is too long is skipped to its end, and s->line says
 * so by its overflow. */
static bool read_line(struct session *s)
{
    int c = getc_unlocked(s->in);
    if (c == EOF)
        return false;
    ts_buf_clear(&s->line);
    for (; c != EOF && c != '\n'; c = getc_unlocked(s->in))
        ts_buf_add_byte(&s->line, (uint8_t)c);
    s->lines++;
    return true;
}

static void read_more(struct ts_task *task)
{
    struct session *s = TS_CONTAINER_OF(task, struct session, more);
    s->more_posted = false;
    while (!s->end && s->open < IN_FLIGHT) {
        s->end = !read_line(s);
        ts_view text = s->end ? TS_NOTHING : ts_view_trim(ts_buf_view(&s->line));
        if (!s->end && s->line.overflow) {
            refuse(new_item(s, NULL), "longer than 64 MiB");
        } else if (text.len > 0) {
            add_item(s, text);
        }
    }
    print_ready(s);
    if (!s->end && s->open < IN_FLIGHT) /* all in flight were done: nobody else asks */
        ask_for_more(s);
    if (s->end && s->open == 0)
        ts_loop_break(s->loop);
}

/* ---- one run ---- */

/* Lines that hold something; 0 for a stream. */
static size_t count_lines(FILE *in)
{
    if (fseek(in, 0, SEEK_SET) != 0)
        return 0;
    size_t lines = 0;
    bool something = false;
    for (int c; (c = getc_unlocked(in)) != EOF;) {
        something |= c != '\n' && c != ' ' && c != '\r';
        if (c == '\n') {
            lines += something;
            something = false;
        }
    }
    rewind(in);
    return lines + something;
}

/* The assessor's settings are their defaults: no rules, nothing redacted. */
static bool configure(const struct options *o, const char *scorer, struct ts_arena *arena,
                      struct ts_assess_config *config, struct ts_err *err)
{
    static const struct ts_setting table[] = {TS_ASSESS_ROWS(0), {0}};
    *config = (struct ts_assess_config){0};
    if (!ts_settings_load(arena, table, NULL, "score", config, err))
        return false;
    config->scorer = scorer;
    config->cache.enabled = !o->no_cache;
    config->cache.directory = o->cache;
    return true;
}

static int read_to_the_end(struct session *s, struct ts_err *err)
{
    ask_for_more(s);
    ts_loop_run(s->loop);
    show_progress(s, true);
    if (!ferror(s->in))
        return s->failed ? 1 : 0;
    ts_fail(err, TS_DATA_LOSS, "cannot read beyond line %zu of the input", s->lines);
    return ts_cmd_failed(err);
}

static int run(struct session *s, const struct ts_planned *planned,
               const struct ts_assess_config *config, struct ts_err *err)
{
    const struct ts_component *component = planned->component;
    const char *state = getenv("TRUSTSPAN_STATE_DIR");
    struct ts_scorer_instance scorer = {
        .id = planned->id, .scorer = (const struct ts_scorer *)(const void *)component};
    /* The scores that `run` keeps beside its store are the same: each finds the other's. */
    struct ts_host host = {.id = "score",
                           .loop = s->loop,
                           .metrics = ts_metrics_new(),
                           .state_directory = state ? state : "/var/lib/trustspan",
                           .scorers = &scorer,
                           .scorer_count = 1};
    scorer.instance = component->create(&host, planned->config, err);
    s->assessor = scorer.instance ? ts_assessor_new(&host, config, err) : NULL;
    s->show_progress = s->show_progress || scorer.scorer->remote;
    int status = s->assessor ? read_to_the_end(s, err) : ts_cmd_failed(err);
    component->free(scorer.instance);
    ts_assessor_free(s->assessor);
    ts_metrics_free(host.metrics);
    return status;
}

static int score_file(const struct options *o, const struct ts_planned *planned,
                      const struct ts_assess_config *config, struct ts_err *err)
{
    assert(o->path); /* read_arguments saw it */
    bool standard = strcmp(o->path, "-") == 0;
    struct session s = {.in = standard ? stdin : fopen(o->path, "r"),
                        .last = &s.first,
                        .line = TS_BUF_LIMIT(LONGEST_LINE),
                        .more = {.run = read_more},
                        .next_progress = ts_now() + TS_S,
                        .show_progress = o->output || isatty(STDERR_FILENO)};
    int status = 1;
    if (!s.in) {
        ts_fail(err, TS_NOT_FOUND, "cannot open '%s': %s", o->path, strerror(errno));
        return ts_cmd_failed(err);
    }
    s.total = standard ? 0 : count_lines(s.in);
    if (ts_score_file_open(&s.out, o->output, err)) {
        s.cost = s.out.cost;
        s.loop = ts_loop_new("score");
        status = run(&s, planned, config, err);
        ts_loop_free(s.loop);
    } else {
        ts_cmd_failed(err);
    }
    ts_score_file_close(&s.out);
    ts_buf_release(&s.line);
    if (!standard)
        fclose(s.in);
    return status;
}

/* ---- arguments ---- */

#define USAGE                                                                                      \
    "usage: trustspan score [--scorer ID] [--config FILE] [--output FILE] "                        \
    "[--cache DIR | --no-cache] FILE|-, or trustspan score --replay FILE "                         \
    "[--compat recommended|reference]"

static bool read_arguments(int argc, char **argv, struct options *o, struct ts_err *err)
{
    const struct {
        const char *name;
        const char **value;
    } named[] = {{"--scorer", &o->scorer},
                 {"--output", &o->output},
                 {"--cache", &o->cache},
                 {"--replay", &o->replay},
                 {"--compat", &o->compat}};
    for (int i = 0; i < argc; i++) {
        bool bad = false;
        bool taken = strcmp(argv[i], "--no-cache") == 0;
        o->no_cache |= taken;
        for (size_t k = 0; k < TS_COUNT(named) && !taken && !bad; k++) {
            const char *value = ts_cmd_option(argc, argv, &i, named[k].name, &bad);
            if (value)
                *named[k].value = value;
            taken = value != NULL;
        }
        if (bad)
            return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' needs a value", argv[argc - 1]);
        if (taken)
            continue;
        if (o->path || (argv[i][0] == '-' && argv[i][1] != '\0'))
            return ts_cmd_unknown(argv[i], USAGE, err);
        o->path = argv[i];
    }
    if (o->replay ? o->path != NULL : !o->path)
        return ts_fail(err, TS_INVALID_ARGUMENT, "%s; " USAGE,
                       o->replay ? "--replay takes its input itself" : "no input");
    if (o->compat && !o->replay)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "--compat goes with --replay; for a scorer set compat under scorers::tlm");
    return true;
}

int ts_cmd_score(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_node *root = NULL;
    struct options o = {.scorer = "auto"};
    bool ok =
        ts_cmd_config(arena, &argc, argv, &root, &err) && read_arguments(argc, argv, &o, &err);
    int status = 1;
    if (ok && o.replay) {
        status = ts_cmd_replay(o.replay, o.compat ? o.compat : "recommended");
        ts_arena_free(arena);
        return status;
    }
    struct ts_plan *plan = ok ? ts_plan_scoring(arena, root, &err) : NULL;
    struct ts_planned *scorer = plan ? ts_plan_scorer(plan, o.scorer, &err) : NULL;
    struct ts_assess_config config;
    if (scorer && configure(&o, scorer->id, arena, &config, &err))
        status = score_file(&o, scorer, &config, &err);
    else
        ts_cmd_failed(&err);
    ts_arena_free(arena);
    return status;
}
