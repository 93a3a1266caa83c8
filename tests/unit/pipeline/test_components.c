/* The contract of components, asked of all in the registry, whoever they are. At the end come some that
 * break a promise each, and are found out. */
#include "component_promises.h"

#include <ctype.h>
#include <semaphore.h>

/* ---- what a component says of itself ---- */

static bool is_snake(const char *name)
{
    bool ok = islower((unsigned char)name[0]) != 0;
    for (const char *c = name; *c; c++)
        ok = ok && (islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
    return ok && name[strlen(name) - 1] != '_';
}

static bool is_line(const char *text)
{
    return text && *text && !strchr(text, '\n') && !ends_with(text, ".");
}

static bool is_block(const struct ts_setting *row)
{
    return row->kind == TS_BLOCK || row->kind == TS_BLOCKS;
}

static bool is_unique(const struct ts_setting *table, const struct ts_setting *row)
{
    for (const struct ts_setting *other = table; other != row; other++)
        if (strcmp(other->key, row->key) == 0)
            return false;
    return true;
}

/* Rows of a table and of all below it; `prefix` is what stands before their keys in the reference. */
static bool settings_are_described(const struct ts_setting *table, const char *prefix,
                                   const char *reference)
{
    for (const struct ts_setting *row = table; row->key; row++) {
        char key[200];
        char entry[220];
        snprintf(key, sizeof key, "%s%s%s", prefix, row->key, row->kind == TS_BLOCKS ? "[]" : "");
        snprintf(entry, sizeof entry, "{key: %s, ", key);
        if (!is_snake(row->key) || !is_unique(table, row))
            return broken("a key is not unique, or not lower_snake_case");
        if (!is_line(row->help))
            return broken("a setting has no line of help");
        if (!is_block(row) && !strstr(reference, entry))
            return broken("a setting is not in the reference");
        snprintf(key + strlen(key), sizeof key - strlen(key), ".");
        if (is_block(row) && !settings_are_described(row->sub, key, reference))
            return false;
    }
    return true;
}

static bool defaults_parse(const struct ts_setting *table, size_t size)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    bool ok = ts_settings_load(arena, table, NULL, "it", ts_arena_alloc(arena, size), &err);
    ts_arena_free(arena);
    for (const struct ts_setting *row = table; ok && row->key; row++)
        ok = row->kind != TS_BLOCKS || defaults_parse(row->sub, row->size);
    return ok || broken("a default does not parse");
}

static bool has_its_verbs(const struct ts_component *c)
{
    const struct ts_exporter *exporter = (const void *)c;
    const struct ts_scorer *scorer = (const void *)c;
    const struct ts_processor *processor = (const void *)c;
    switch (c->kind) {
    case TS_RECEIVER:
        return c->create && c->free;
    case TS_EXPORTER:
        return c->create && c->free && exporter->queue && (exporter->send || exporter->post);
    case TS_SCORER:
        return c->create && c->free && scorer->identity && scorer->score &&
               (strcmp(scorer->annotator_kind, "LLM") == 0 ||
                strcmp(scorer->annotator_kind, "CODE") == 0);
    case TS_PROCESSOR:
        return c->create && c->free && processor->consume;
    default: /* made by the engine from what it says, or with a life of its own */
        return !c->create == !c->free && (c->create || (!c->start && !c->stop));
    }
}

static bool describes_itself(const struct ts_component *c)
{
    finding[0] = '\0';
    if (!is_snake(c->type))
        return broken("the type is not lower_snake_case");
    if (!is_line(c->about))
        return broken("about is not one line");
    if (!has_its_verbs(c))
        return broken("a verb of its kind is missing");
    struct ts_buf reference = TS_BUF_INIT;
    ts_settings_describe(c->settings, 0, &reference);
    bool ok = settings_are_described(c->settings, "", ts_buf_cstr(&reference)) &&
              defaults_parse(c->settings, c->config_size);
    ts_buf_release(&reference);
    return ok;
}

static void check_component(void **state)
{
    const struct ts_component *c = *state;
    patience = 60 * TS_S;
    assert_ptr_equal(ts_component_find(c->kind, ts_view_str(c->type)), c); /* named like no other */
    if (!describes_itself(c) || (c->create && !keeps_promises(c)))
        fail_msg("%s %s: %s", ts_component_kind_name(c->kind), c->type, finding);
}

/* ---- exporters and processors that break a promise ---- */

enum flaw {
    FLAWLESS,
    ENDS_INSIDE,
    ENDS_TWICE,
    ENDS_NEVER,
    FORGETS_LATE_ONES,
    REFUSES,
    KEEPS_A_TIMER,
    KEEPS_POSTING,
    CANNOT_START,
};

struct ts_instance {
    const struct ts_host *host;
    int64_t flaw;
    struct ts_send *sends[2 * THINGS];
    size_t count;
    bool stopped, posted;
    struct ts_task task, stop_task, noise;
    struct ts_timer timer;
    sem_t left;
};

static void end_all(struct ts_instance *self)
{
    while (self->count > 0) {
        struct ts_send *send = self->sends[--self->count];
        ts_send_done(send, self->flaw == REFUSES ? TS_REFUSED : TS_RETRY);
        if (self->flaw == ENDS_TWICE)
            ts_send_done(send, TS_RETRY);
    }
}

static void end_on_task(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, task);
    self->posted = false;
    end_all(self);
}

static void bad_send(struct ts_instance *self, struct ts_send *send)
{
    if (self->flaw == ENDS_INSIDE) {
        ts_send_done(send, TS_RETRY);
        return;
    }
    if (self->flaw == ENDS_NEVER || (self->stopped && self->flaw == FORGETS_LATE_ONES))
        return;
    self->sends[self->count++] = send;
    if (!self->stopped || self->posted)
        return;
    self->posted = true;
    self->task.run = end_on_task;
    ts_loop_post(self->host->loop, &self->task);
}

static void make_noise(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, noise);
    if (!atomic_load(&over))
        ts_loop_post(self->host->loop, task);
}

static void leave_badly(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, stop_task);
    bool first = !self->stopped;
    self->stopped = true;
    end_all(self);
    if (self->flaw == KEEPS_A_TIMER)
        ts_timer_start(self->host->loop, &self->timer, ts_now() + 3600 * TS_S, never);
    if (self->flaw == KEEPS_POSTING && first) {
        self->noise.run = make_noise;
        ts_loop_post(self->host->loop, &self->noise);
    }
    sem_post(&self->left);
}

static void bad_stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline;
    self->stop_task.run = leave_badly;
    ts_loop_post(self->host->loop, &self->stop_task);
    sem_wait(&self->left);
}

static bool bad_start(struct ts_instance *self, struct ts_err *err)
{
    return self->flaw != CANNOT_START || ts_fail(err, TS_UNAVAILABLE, "it cannot start");
}

static struct ts_instance *bad_create(const struct ts_host *host, const void *config,
                                      struct ts_err *err)
{
    struct ts_instance *self = ts_alloc(sizeof *self);
    (void)err;
    self->host = host;
    self->flaw = *(const int64_t *)config;
    sem_init(&self->left, 0, 0);
    return self;
}

static void bad_free(struct ts_instance *self)
{
    if (self)
        sem_destroy(&self->left);
    free(self);
}

static void bad_queue(const struct ts_instance *self, struct ts_queue_settings *out)
{
    (void)self;
    *out = (struct ts_queue_settings){.num_consumers = 1};
}

static void lose_items(struct ts_instance *self, struct ts_batch *batch, struct ts_part *part,
                       const struct ts_items *items, struct ts_completion *completion,
                       struct ts_notes *const *notes)
{
    (void)self, (void)batch, (void)items, (void)completion, (void)notes;
    ts_part_release(part);
}

#define FLAW(text)                                                                                 \
    (const struct ts_setting[])                                                                    \
    {                                                                                              \
        {.key = "flaw", .kind = TS_INT, .default_text = (text), .help = "what it breaks"}, {0},    \
    }
#define BASE(kind_, table)                                                                         \
    {                                                                                              \
        .kind = (kind_), .type = "bad", .about = "breaks a promise", .settings = (table),          \
        .config_size = sizeof(int64_t), .create = bad_create, .start = bad_start,                  \
        .stop = bad_stop, .free = bad_free                                                         \
    }

static void life_of_bad_ones_is_found_out(void **state)
{
    static const struct {
        const char *flaw, *finding;
    } rows[] = {
        [FLAWLESS] = {"0", ""},
        [ENDS_INSIDE] = {"1", "something ended inside the call"},
        [ENDS_TWICE] = {"2", "something ended twice"},
        [ENDS_NEVER] = {"3", "something never ends"},
        [FORGETS_LATE_ONES] = {"4", "something never ends"},
        [REFUSES] = {"5", "the stop lost something"},
        [KEEPS_A_TIMER] = {"6", "a timer runs after its stop"},
        [KEEPS_POSTING] = {"7", "it posts one task after the other after its stop"},
        [CANNOT_START] = {"8", "it cannot start"},
    };
    (void)state;
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        const struct ts_exporter bad = {
            .base = BASE(TS_EXPORTER, FLAW(rows[i].flaw)), .send = bad_send, .queue = bad_queue};
        patience = i == FLAWLESS ? 60 * TS_S : TS_S / 2; /* theirs never comes */
        assert_true(describes_itself(&bad.base));
        keeps_promises(&bad.base);
        assert_string_equal(finding, rows[i].finding);
    }
}

static void a_processor_that_loses_items_is_found_out(void **state)
{
    const struct ts_processor loses = {.base = BASE(TS_PROCESSOR, FLAW("0")),
                                       .consume = lose_items};
    (void)state;
    patience = TS_S / 2;
    assert_false(keeps_promises(&loses.base));
    assert_string_equal(finding, "not every item was passed on once");
}

static void descriptions_of_bad_ones_are_found_out(void **state)
{
    static const struct ts_setting no_help[] = {{.key = "a", .kind = TS_INT}, {0}};
    static const struct ts_setting in_vain[] = {
        {.key = "a", .kind = TS_INT, .default_text = "x", .help = "h"}, {0}};
    static const struct ts_setting twice[] = {
        {.key = "a", .kind = TS_INT, .help = "h"}, {.key = "a", .kind = TS_INT, .help = "h"}, {0}};
    static const struct ts_setting below[] = {
        {.key = "block", .kind = TS_BLOCK, .sub = no_help, .help = "h"}, {0}};
    const struct ts_setting *const good = FLAW("0");
    const struct row {
        const char *type, *about;
        const struct ts_setting *settings;
        const char *finding;
    } rows[] = {
        {"bad", "a line", good, ""},
        {"Bad", "a line", good, "the type is not lower_snake_case"},
        {"bad_", "a line", good, "the type is not lower_snake_case"},
        {"bad", "two\nlines", good, "about is not one line"},
        {"bad", NULL, good, "about is not one line"},
        {"bad", "a line", no_help, "a setting has no line of help"},
        {"bad", "a line", below, "a setting has no line of help"},
        {"bad", "a line", in_vain, "a default does not parse"},
        {"bad", "a line", twice, "a key is not unique, or not lower_snake_case"},
    };
    (void)state;
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_exporter bad = {
            .base = BASE(TS_EXPORTER, rows[i].settings), .send = bad_send, .queue = bad_queue};
        bad.base.type = rows[i].type;
        bad.base.about = rows[i].about;
        describes_itself(&bad.base);
        assert_string_equal(finding, rows[i].finding);
    }
    struct ts_exporter mute = {.base = BASE(TS_EXPORTER, good), .queue = bad_queue};
    assert_false(describes_itself(&mute.base));
    assert_false(settings_are_described(good, "", "a reference without it"));
}

int main(void)
{
    static const struct CMUnitTest bad[] = {
        cmocka_unit_test(life_of_bad_ones_is_found_out),
        cmocka_unit_test(a_processor_that_loses_items_is_found_out),
        cmocka_unit_test(descriptions_of_bad_ones_are_found_out),
    };
    size_t count = 0;
    while (ts_components[count])
        count++;
    struct CMUnitTest *tests = ts_alloc((count + TS_COUNT(bad)) * sizeof *tests);
    char(*names)[80] = ts_alloc(count * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const struct ts_component *c = ts_components[i];
        snprintf(names[i], sizeof names[i], "%s %s", ts_component_kind_name(c->kind), c->type);
        tests[i] = (struct CMUnitTest){names[i], check_component, NULL, NULL, (void *)(uintptr_t)c};
    }
    memcpy(tests + count, bad, sizeof bad);
    int failed = _cmocka_run_group_tests("components", tests, count + TS_COUNT(bad), NULL, NULL);
    free(names);
    free(tests);
    return failed;
}
