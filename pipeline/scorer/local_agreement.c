/* local_agreement.c - the same prompt answered twice says how sure the model is, at no extra call: this
 * is TLM's consistency (§8) with the samples that the stream brings by itself. Of each answer the word
 * set is kept as its smallest hashes, which is exact for short answers and an estimate for long ones. */
#include "pipeline/scorer/local_agreement.h"

#include "pipeline/scorer/local.h"
#include "tlm/words.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

enum { ANSWERS = 8, WORDS = 128, BUCKETS = 1 << 14 };

struct answer {
    uint64_t span, text; /* hashes of trace and span id (0: none), and of the bytes */
    uint32_t words, kept;
    uint64_t hash[]; /* the `kept` smallest of `words`, ascending */
};

struct prompt {
    XXH128_hash_t key;
    struct prompt *chain;         /* in its bucket */
    struct prompt *older, *newer; /* by last use */
    ts_time used;
    int count, next; /* answers, and which one goes next when it is full */
    size_t bytes;
    struct answer *answers[ANSWERS];
};

struct ts_agreement {
    pthread_mutex_t lock; /* guards all below */
    uint64_t max_bytes, bytes;
    ts_time max_age;
    struct prompt *oldest, *newest;
    struct prompt *buckets[BUCKETS];
};

/* ---- keys ---- */

/* Of all roles and texts, each seeded by what went before. */
static XXH128_hash_t prompt_key(const struct ts_llm *llm)
{
    XXH128_hash_t key = {0, 0};
    for (size_t i = 0; i < llm->message_count; i++) {
        const ts_view parts[] = {llm->messages[i].role, llm->messages[i].content};
        for (size_t k = 0; k < TS_COUNT(parts); k++)
            key = XXH3_128bits_withSeed(parts[k].ptr, parts[k].len, key.low64 ^ key.high64);
    }
    return key;
}

static uint64_t span_hash(const struct ts_llm *llm)
{
    if (llm->span_id.len == 0)
        return 0;
    uint64_t trace = XXH3_64bits(llm->trace_id.ptr, llm->trace_id.len);
    return XXH3_64bits_withSeed(llm->span_id.ptr, llm->span_id.len, trace) | 1;
}

static struct answer *answer_of(const struct ts_llm *llm, size_t *bytes)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_words words = ts_words_of(arena, llm->response);
    size_t kept = words.count < WORDS ? words.count : WORDS;
    *bytes = sizeof(struct answer) + kept * sizeof(uint64_t);
    struct answer *a = ts_alloc(*bytes);
    a->span = span_hash(llm);
    a->text = XXH3_64bits(llm->response.ptr, llm->response.len);
    a->words = (uint32_t)words.count;
    a->kept = (uint32_t)kept;
    if (kept > 0)
        memcpy(a->hash, words.hash, kept * sizeof(uint64_t));
    ts_arena_free(arena);
    return a;
}

/* Jaccard from the smallest hashes: of the smallest of the union, how many are in both. Exact while
 * both sets are whole. */
static double likeness(const struct answer *a, const struct answer *b)
{
    size_t most = a->words > WORDS || b->words > WORDS ? WORDS : SIZE_MAX;
    size_t i = 0;
    size_t k = 0;
    size_t all = 0;
    size_t both = 0;
    if (a->text == b->text)
        return 1;
    while ((i < a->kept || k < b->kept) && all < most) {
        bool take_a = i < a->kept && (k >= b->kept || a->hash[i] <= b->hash[k]);
        bool take_b = k < b->kept && (i >= a->kept || b->hash[k] <= a->hash[i]);
        both += take_a && take_b;
        i += take_a;
        k += take_b;
        all++;
    }
    return all > 0 ? (double)both / (double)all : 0;
}

/* ---- prompts ---- */

static struct prompt **place(struct ts_agreement *m, XXH128_hash_t key)
{
    struct prompt **at = &m->buckets[key.low64 % BUCKETS];
    while (*at && !XXH128_isEqual((*at)->key, key))
        at = &(*at)->chain;
    return at;
}

static void unlink_use(struct ts_agreement *m, struct prompt *p)
{
    *(p->older ? &p->older->newer : &m->oldest) = p->newer;
    *(p->newer ? &p->newer->older : &m->newest) = p->older;
}

static void link_newest(struct ts_agreement *m, struct prompt *p)
{
    p->older = m->newest;
    p->newer = NULL;
    *(m->newest ? &m->newest->newer : &m->oldest) = p;
    m->newest = p;
    p->used = ts_now();
}

static void forget(struct ts_agreement *m, struct prompt *p)
{
    *place(m, p->key) = p->chain;
    unlink_use(m, p);
    m->bytes -= p->bytes;
    for (int i = 0; i < p->count; i++)
        free(p->answers[i]);
    free(p);
}

static struct prompt *find_or_add(struct ts_agreement *m, XXH128_hash_t key)
{
    struct prompt **at = place(m, key);
    struct prompt *p = *at;
    if (p) {
        unlink_use(m, p);
    } else {
        p = *at = ts_alloc(sizeof *p);
        p->key = key;
        p->bytes = sizeof *p;
        m->bytes += p->bytes;
    }
    link_newest(m, p);
    return p;
}

static size_t size_of(const struct answer *a)
{
    return sizeof *a + a->kept * sizeof a->hash[0];
}

static void remember(struct ts_agreement *m, struct prompt *p, struct answer *a, size_t bytes)
{
    if (p->count < ANSWERS) {
        p->answers[p->count++] = a;
    } else {
        size_t old = size_of(p->answers[p->next]);
        p->bytes -= old;
        m->bytes -= old;
        free(p->answers[p->next]);
        p->answers[p->next] = a;
        p->next = (p->next + 1) % ANSWERS;
    }
    p->bytes += bytes;
    m->bytes += bytes;
}

static void keep_within_bounds(struct ts_agreement *m)
{
    ts_time too_old = ts_now() - m->max_age;
    while (m->oldest && (m->bytes > m->max_bytes || m->oldest->used < too_old))
        forget(m, m->oldest);
}

void ts_agreement_look(struct ts_agreement *m, const struct ts_llm *llm, struct ts_agreed *out)
{
    *out = (struct ts_agreed){0};
    if (m->max_bytes == 0 || llm->message_count == 0 || llm->response.len == 0)
        return;
    XXH128_hash_t key = prompt_key(llm);
    size_t bytes;
    struct answer *mine = answer_of(llm, &bytes);
    bool seen = false;
    pthread_mutex_lock(&m->lock);
    struct prompt *p = find_or_add(m, key);
    for (int i = 0; i < p->count; i++) {
        const struct answer *other = p->answers[i];
        if (mine->span && other->span == mine->span) {
            seen = true;
            continue;
        }
        out->others++;
        out->identical += other->text == mine->text;
        out->mean += likeness(mine, other);
    }
    if (seen)
        free(mine);
    else
        remember(m, p, mine, bytes);
    keep_within_bounds(m);
    pthread_mutex_unlock(&m->lock);
    out->mean = out->others > 0 ? out->mean / out->others : 0;
}

uint64_t ts_agreement_bytes(struct ts_agreement *m)
{
    pthread_mutex_lock(&m->lock);
    uint64_t bytes = m->bytes;
    pthread_mutex_unlock(&m->lock);
    return bytes;
}

struct ts_agreement *ts_agreement_new(uint64_t max_bytes, ts_time max_age)
{
    struct ts_agreement *m = ts_alloc(sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    m->max_bytes = max_bytes;
    m->max_age = max_age;
    return m;
}

void ts_agreement_free(struct ts_agreement *m)
{
    if (!m)
        return;
    while (m->oldest)
        forget(m, m->oldest);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- the signal ---- */

void ts_local_agreement(struct ts_agreement *memory, const struct ts_llm *llm,
                        struct ts_arena *arena, struct ts_signal *out)
{
    const double full_weight =
        4; /* other answers from which on it counts in full; our own choice */
    struct ts_agreed agreed;
    ts_agreement_look(memory, llm, &agreed);
    if (agreed.others == 0)
        return;
    out->speaks = true;
    out->score = agreed.mean;
    out->weight = agreed.others < full_weight ? agreed.others / full_weight : 1;
    out->text = ts_arena_printf(arena,
                                "Of %d other answer%s to the same prompt, %d %s the same; they are "
                                "alike by %.2f.",
                                agreed.others, agreed.others == 1 ? "" : "s", agreed.identical,
                                agreed.identical == 1 ? "is" : "are", agreed.mean);
}
