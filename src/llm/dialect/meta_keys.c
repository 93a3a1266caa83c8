/* meta_keys.c - the keys of everything about a call but its content, put together from all dialects on
 * first use: field by field, each in the order of dialects §9.3. */
#include "llm/dialect/dialect.h"

#include <pthread.h>
#include <stdlib.h>

/* Conventions of no dialect, and the places of raw payloads. */
static const struct ts_meta_key common[] = {
    {TS_META_MODEL, 7, .key = TS_META_RAW_RESPONSE},
    {TS_META_MODEL, 12, .key = TS_META_RAW_REQUEST},
    {TS_META_SESSION, 1, .key = "session.id"},
    {TS_META_USER, 1, .key = "user.id"},
    {TS_META_USER, 2, .key = "enduser.id"},
    {TS_META_FIRST_TOKEN, 3, .key = "gen_ai.server.time_to_first_token"}, /* vLLM and its kin */
    {TS_META_DOCUMENTS, 5, .key = "retrieval.document"},                  /* Dify */
    {TS_META_DOCUMENTS, 7, .key = "db.vector.query.response.documents"},  /* Spring AI */
    {0},
};

enum { MOST_KEYS = 500 };

static struct {
    const struct ts_meta_key *keys[MOST_KEYS];
    size_t count;
    size_t starts[TS_META_FIELDS + 1]; /* of each field */
} table;                               /* written to by `build` alone */
static pthread_once_t built = PTHREAD_ONCE_INIT;

static void add(const struct ts_meta_key *keys, enum ts_meta_field field)
{
    for (; keys && keys->key; keys++) {
        if (keys->field != field)
            continue;
        if (table.count == MOST_KEYS)
            abort(); /* tests/unit/llm/test_dialects.c gets here first */
        size_t at = table.count++;
        for (; at > table.starts[field] && table.keys[at - 1]->place > keys->place; at--)
            table.keys[at] = table.keys[at - 1];
        table.keys[at] = keys;
    }
}

static void build(void)
{
    for (enum ts_meta_field field = 0; field < TS_META_FIELDS; field++) {
        table.starts[field] = table.count;
        add(common, field);
        for (size_t i = 0; i < TS_DIALECT_COUNT; i++)
            add(ts_dialects[i]->meta_keys, field);
    }
    table.starts[TS_META_FIELDS] = table.count;
}

const struct ts_meta_key *const *ts_meta_keys(enum ts_meta_field field, size_t *count)
{
    pthread_once(&built, build);
    *count = table.starts[field + 1] - table.starts[field];
    return &table.keys[table.starts[field]];
}
