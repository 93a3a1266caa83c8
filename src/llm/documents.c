#include "llm/documents.h"

#include "base/hex.h"
#include "llm/dialect/events.h"
#include "llm/meta.h"

static ts_view span_source(struct ts_arena *arena, ts_view span_id)
{
    struct ts_buf source = TS_BUF_INIT;
    ts_buf_add_str(&source, "span:");
    ts_hex_add(&source, span_id);
    ts_view name = ts_arena_copy(arena, ts_buf_view(&source));
    ts_buf_release(&source);
    return name;
}

/* An id is text, or a number. */
static ts_view id_of_any(struct ts_arena *arena, const struct ts_any *any)
{
    int64_t number;
    ts_view id = ts_any_text(any);
    if (id.len == 0 && ts_any_int64(any, &number))
        id = ts_arena_printf(arena, "%lld", (long long)number);
    return id;
}

/* ---- flattened (OpenInference) ---- */

static void read_flat(struct ts_reader *r, struct ts_llm *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    bool reranked = out->kind == TS_KIND_RERANKER;
    ts_attrs_indexed(r->arena, &r->attrs,
                     reranked ? "reranker.output_documents." : "retrieval.documents.", &indexed);
    out->documents = ts_arena_alloc(r->arena, (indexed.count + 1) * sizeof *out->documents);
    while (ts_indexed_attrs_next(&indexed, &one)) {
        struct ts_document *d = &out->documents[out->document_count++];
        d->content = ts_indexed_attrs_text(&one, "document.content");
        d->id = id_of_any(r->arena, ts_indexed_attrs_get(&one, "document.id"));
        d->has_score = ts_any_double(ts_indexed_attrs_get(&one, "document.score"), &d->score);
    }
}

/* ---- JSON in one attribute ---- */

static const cJSON *first_of(const cJSON *object, const char *const *names)
{
    const cJSON *found = NULL;
    for (; *names && !found; names++)
        found = ts_json_get(object, *names);
    return found;
}

/* A text, or an object that says so in one of the usual ways; Dify wraps it once more. */
static void read_json_document(struct ts_arena *arena, const cJSON *item, struct ts_document *d)
{
    static const char *const contents[] = {"content", "page_content", "text", NULL};
    static const char *const scores[] = {"score", "distance", NULL};
    const cJSON *inner = ts_json_get(item, "document");
    const cJSON *body = cJSON_IsObject(inner) ? inner : item;
    const cJSON *id = ts_json_get(body, "id");
    d->content = cJSON_IsString(item)    ? ts_json_text(item)
                 : cJSON_IsString(inner) ? ts_json_text(inner)
                                         : ts_json_text(first_of(body, contents));
    d->id = cJSON_IsNumber(id) ? ts_json_print(arena, id) : ts_json_text(id);
    d->has_score = ts_json_double(first_of(body, scores), &d->score);
}

static void read_json(struct ts_reader *r, const struct ts_any *value, struct ts_llm *out)
{
    const cJSON *tree = ts_any_json(r->arena, value);
    const cJSON *list = cJSON_IsArray(tree) ? tree : ts_json_get(tree, "documents");
    const cJSON *item;
    if (!cJSON_IsArray(list))
        return;
    out->documents =
        ts_arena_alloc(r->arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *out->documents);
    cJSON_ArrayForEach(item, list)
        read_json_document(r->arena, item, &out->documents[out->document_count++]);
}

/* ---- one event a document (vector stores under OpenLLMetry, §7.3) ---- */

static void read_events(struct ts_reader *r, struct ts_llm *out)
{
    enum { MOST = 1000 };
    static const char *const names[] = {"db.query.result", "db.search.result", NULL};
    struct ts_span_event event;
    size_t at = 0;
    size_t room = 0;
    while (out->document_count < MOST && ts_event_next(r, names, &at, &event)) {
        if (out->document_count == room) {
            struct ts_document *more = ts_arena_alloc(r->arena, (room * 2 + 8) * sizeof *more);
            if (room)
                memcpy(more, out->documents, room * sizeof *more);
            out->documents = more;
            room = room * 2 + 8;
        }
        struct ts_document *d = &out->documents[out->document_count++];
        bool query = ts_view_is(event.name, "db.query.result");
        const char *const keys[] = {query ? "db.query.result.document" : "db.search.result.entity",
                                    query ? "db.query.result.id" : "db.search.result.id",
                                    query ? "db.query.result.score" : "db.search.result.score",
                                    query ? "db.query.result.distance"
                                          : "db.search.result.distance"};
        *d = (struct ts_document){.content = ts_attrs_text(&event.attrs, keys[0])};
        d->id = id_of_any(r->arena, ts_attrs_get(&event.attrs, keys[1]));
        d->has_score = ts_any_double(ts_attrs_get(&event.attrs, keys[2]), &d->score) ||
                       ts_any_double(ts_attrs_get(&event.attrs, keys[3]), &d->score);
    }
}

void ts_documents_read(struct ts_reader *r, struct ts_llm *out)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(TS_META_DOCUMENTS, &count);
    read_flat(r, out);
    for (size_t i = 0; i < count && out->document_count == 0; i++)
        read_json(r, ts_attrs_get(&r->attrs, keys[i]->key), out);
    if (out->document_count == 0)
        read_events(r, out);
    ts_view spring = ts_attrs_text(&r->attrs, "db.vector.query.response.documents");
    if (out->document_count == 0 &&
        spring.len > 0) { /* a list that is not escaped: one text (§8.9) */
        out->documents = ts_arena_alloc(r->arena, sizeof *out->documents);
        out->documents[out->document_count++].content = spring;
    }
    for (size_t i = 0; i < out->document_count; i++)
        out->documents[i].source = span_source(r->arena, out->span_id);
}

/* ---- of the call itself (§12.3) ---- */

static void add_variable(struct ts_arena *arena, const cJSON *value, struct ts_llm *out)
{
    const cJSON *item;
    size_t most = cJSON_IsArray(value) ? (size_t)cJSON_GetArraySize(value) : 1;
    out->documents = ts_arena_alloc(arena, (most + 1) * sizeof *out->documents);
    if (cJSON_IsString(value) && ts_json_text(value).len > 0)
        out->documents[out->document_count++].content = ts_json_text(value);
    if (cJSON_IsArray(value))
        cJSON_ArrayForEach(item, value)
            read_json_document(arena, item, &out->documents[out->document_count++]);
    for (size_t i = 0; i < out->document_count; i++)
        out->documents[i].source = TS_LIT("variables");
}

void ts_documents_of_call(struct ts_reader *r, struct ts_llm *out)
{
    static const char *const names[] = {"context", "context_str", "documents", "docs"};
    const cJSON *variables = ts_attr_json(r, "llm.prompt_template.variables");
    for (size_t i = 0; i < TS_COUNT(names) && out->document_count == 0; i++)
        if (ts_json_get(variables, names[i]))
            add_variable(r->arena, ts_json_get(variables, names[i]), out);
    static const char *const keys[] = {"\"document\"", "\"search_result\"", "\"documents\""};
    const struct ts_payload_request *request = NULL;
    for (size_t i = 0; i < TS_COUNT(keys) && !request && !out->redacted; i++)
        request = ts_meta_raw_request(r, keys[i]);
    if (out->document_count == 0 && request) {
        out->documents = request->documents;
        out->document_count = request->document_count;
    }
}
