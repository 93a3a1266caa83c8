/* kind.c - what a span is: the rules of dialects §3 in one pass.
 * Runs for every span that passes, so it allocates nothing, and a key that no rule names costs one look
 * into a table by its first two bytes. The table is put together from all dialects on first use. Rules
 * are tried in their order; each attribute is looked at once and the best rule seen so far is kept. */
#include "llm/extract.h"

#include "llm/dialect/dialect.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- keys of no dialect: frameworks whose content is in one of ours ---- */

static const struct ts_kind_word genai_kinds[] = {
    {"LLM", TS_KIND_LLM},
    {"EMBEDDING", TS_KIND_EMBEDDING},
    {"RETRIEVER", TS_KIND_RETRIEVER},
    {"RERANKER", TS_KIND_RERANKER},
    {"TOOL", TS_KIND_TOOL},
    {"AGENT", TS_KIND_AGENT},
    {"CHAIN", TS_KIND_CHAIN},
    {"TASK", TS_KIND_CHAIN},
    {"WORKFLOW", TS_KIND_CHAIN},
    {NULL, TS_KIND_OTHER},
};
static const struct ts_kind_word spring_kinds[] = {
    {"chat_client", TS_KIND_CHAIN},      {"advisor", TS_KIND_CHAIN}, {"tool_call", TS_KIND_TOOL},
    {"vector_store", TS_KIND_RETRIEVER}, {NULL, TS_KIND_OTHER},
};
static const struct ts_kind_key common_keys[] = {
    {"gen_ai.span.kind", 8, .words = genai_kinds, .rule_text = "gen_ai.span.kind"}, /* Dify */
    {"spring.ai.kind", 11, .words = spring_kinds, .rule_text = "spring.ai.kind"},
    {"event_loop.cycle_id", 12, .kind = TS_KIND_CHAIN}, /* Strands Agents */
    {0},
};
static const struct ts_kind_key common_events[] = {
    /* vector stores under OpenLLMetry (§7.3) */
    {"db.query.result", TS_RULE_RETRIEVED, .kind = TS_KIND_RETRIEVER},
    {"db.search.result", TS_RULE_RETRIEVED, .kind = TS_KIND_RETRIEVER},
    {0},
};
static const struct ts_dialect common = {.kind_keys = common_keys, .kind_events = common_events};

/* ---- the keys of all, by their first two bytes ---- */

enum {
    MOST_KEYS = 255, /* a byte numbers them */
    LETTERS = 32,    /* how many a byte may be: its lowest five bits */
};

struct row {
    ts_view start; /* the key, up to the '*' if it has one */
    bool whole;    /* it has none */
    uint8_t owner; /* whose notes: number of the dialect */
    const struct ts_kind_key *key;
};

/* Keys that begin alike stand together, in the order of their rules. */
struct table {
    struct row rows[MOST_KEYS];
    size_t count;
    struct {
        uint8_t from, to;
    } places[LETTERS * LETTERS];
};

static struct {
    struct table attributes, events;
    const struct ts_dialect *noters[TS_DIALECT_COUNT]; /* that have a word once all was seen */
    uint8_t numbers[TS_DIALECT_COUNT];                 /* theirs */
    size_t noter_count;
} tables; /* written to by `build` alone */
static pthread_once_t built = PTHREAD_ONCE_INIT;

static size_t place_of(ts_view key)
{
    return (size_t)(key.ptr[0] % LETTERS) * LETTERS + key.ptr[1] % LETTERS;
}

static void add_keys(struct table *t, const struct ts_kind_key *keys, uint8_t owner)
{
    for (; keys && keys->key; keys++) {
        ts_view start = ts_view_str(keys->key);
        bool whole = !ts_view_ends(start, TS_LIT("*"));
        if (!whole)
            start.len--;
        if (t->count == MOST_KEYS || start.len < 2)
            abort(); /* tests/unit/llm/test_dialects.c gets here first */
        t->rows[t->count++] = (struct row){start, whole, owner, keys};
    }
}

static int by_place(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    size_t of_x = place_of(x->start);
    size_t of_y = place_of(y->start);
    return of_x != of_y ? (of_x < of_y ? -1 : 1) : x->key->rule - y->key->rule;
}

static void sort(struct table *t)
{
    qsort(t->rows, t->count, sizeof *t->rows, by_place);
    for (size_t i = 0; i < t->count; i++) {
        size_t place = place_of(t->rows[i].start);
        if (t->places[place].to == 0)
            t->places[place].from = (uint8_t)i;
        t->places[place].to = (uint8_t)(i + 1);
    }
}

static const struct ts_dialect *dialect_of(size_t number)
{
    return number < TS_DIALECT_COUNT ? ts_dialects[number] : &common;
}

static void build(void)
{
    for (size_t i = 0; i <= TS_DIALECT_COUNT; i++) {
        const struct ts_dialect *d = dialect_of(i);
        add_keys(&tables.attributes, d->kind_keys, (uint8_t)i);
        add_keys(&tables.events, d->kind_events, (uint8_t)i);
        if (!d->kind_of_notes)
            continue;
        tables.noters[tables.noter_count] = d;
        tables.numbers[tables.noter_count++] = (uint8_t)i;
    }
    sort(&tables.attributes);
    sort(&tables.events);
}

/* ---- one span ---- */

/* What the pass has found so far. */
struct classification {
    int rule;
    enum ts_kind kind;
    uint8_t owner; /* of the rule: number of the dialect */
    ts_view name;
    uint8_t notes[TS_DIALECT_COUNT + 1]; /* of each dialect */
};

static void decide(struct classification *v, uint8_t owner, int rule, enum ts_kind kind)
{
    if (rule < v->rule) {
        v->rule = rule;
        v->kind = kind;
        v->owner = owner;
    }
}

static void look(struct classification *v, const struct row *row, const struct ts_any *value)
{
    const struct ts_kind_key *k = row->key;
    enum ts_kind kind = k->kind;
    if (k->words && !ts_kind_of_word(k->words, ts_any_text(value), &kind))
        return;
    if (k->read && !k->read(value, &v->notes[row->owner], &kind))
        return;
    decide(v, row->owner, k->rule, kind);
}

/* The first row for keys that begin like this one, if it may still count; *end: behind the last. */
static const struct row *first_row(const struct table *t, const struct classification *v,
                                   ts_view key, const struct row **end)
{
    if (key.len < 2)
        return NULL;
    size_t place = place_of(key);
    const struct row *row = &t->rows[t->places[place].from];
    *end = &t->rows[t->places[place].to];
    return row < *end && row->key->rule < v->rule ? row : NULL;
}

static void by_key(const struct table *t, struct classification *v, ts_view key,
                   const struct ts_any *value)
{
    const struct row *end;
    const struct row *row = first_row(t, v, key, &end);
    for (; row && row < end && row->key->rule < v->rule; row++)
        if (row->whole ? ts_view_eq(key, row->start) : ts_view_starts(key, row->start))
            look(v, row, value);
}

static void by_attribute(struct classification *v, ts_view key_value)
{
    const struct row *end;
    struct ts_cursor c = ts_cursor_of(key_value);
    struct ts_field f;
    struct ts_attr attr;
    bool key_first = !ts_cursor_done(&c) && ts_cursor_next(&c, &f) && f.number == TS_KV_KEY &&
                     f.wire == TS_WIRE_LEN; /* the other way is legal, and nobody does it */
    if (key_first && !first_row(&tables.attributes, v, f.bytes, &end))
        return;
    if (ts_attr_read(key_value, &attr))
        by_key(&tables.attributes, v, attr.key, &attr.value);
}

static void by_event(struct classification *v, ts_view event)
{
    struct ts_cursor c = ts_cursor_of(event);
    struct ts_field f;
    struct ts_any name = {.type = TS_ANY_STRING};
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_EVENT_NAME && f.wire == TS_WIRE_LEN)
            name.bytes = f.bytes;
    by_key(&tables.events, v, name.bytes, &name);
}

/* What needs several attributes, once all have been seen. */
static void conclude(struct classification *v)
{
    for (size_t i = 0; i < tables.noter_count; i++) {
        const struct ts_dialect *d = tables.noters[i];
        uint8_t notes = v->notes[tables.numbers[i]];
        enum ts_kind kind;
        if ((notes || d->names_spans) && d->notes_rule < v->rule &&
            d->kind_of_notes(notes, v->name, &kind))
            decide(v, tables.numbers[i], d->notes_rule, kind);
    }
}

static struct classification classify(ts_view span)
{
    struct classification v = {.rule = TS_RULE_NONE, .kind = TS_KIND_OTHER};
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    pthread_once(&built, build);
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.wire != TS_WIRE_LEN)
            continue;
        if (f.number == TS_SPAN_ATTRIBUTES)
            by_attribute(&v, f.bytes);
        else if (f.number == TS_SPAN_EVENTS)
            by_event(&v, f.bytes);
        else if (f.number == TS_SPAN_NAME)
            v.name = f.bytes;
    }
    conclude(&v);
    return v;
}

enum ts_kind ts_span_kind(ts_view span)
{
    return classify(span).kind;
}

enum ts_kind ts_span_kind_rule(ts_view span, int *rule)
{
    struct classification v = classify(span);
    *rule = v.rule < TS_RULE_RETRIEVED ? v.rule : v.rule < TS_RULE_NONE ? 16 : 17;
    return v.kind;
}

/* ---- for people ---- */

static const char *text_among(const struct ts_kind_key *keys, int rule)
{
    for (; keys && keys->key; keys++)
        if (keys->rule == rule && keys->rule_text)
            return keys->rule_text;
    return NULL;
}

/* A framework without a dialect may decide by a row that a dialect has the words for. */
static const char *text_of(uint8_t owner, int rule)
{
    const char *text = text_among(dialect_of(owner)->kind_keys, rule);
    for (size_t i = 0; i < TS_DIALECT_COUNT && !text; i++)
        text = text_among(ts_dialects[i]->kind_keys, rule);
    return text ? text : "a key of its kind";
}

const char *ts_span_kind_text(ts_view span)
{
    struct classification v = classify(span);
    return v.rule == TS_RULE_NONE       ? "nothing says what it is"
           : v.rule < TS_RULE_RETRIEVED ? text_of(v.owner, v.rule)
                                        : "evidence: documents, embeddings, messages or a tool";
}
