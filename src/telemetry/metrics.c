/* metrics.c - a list of rows behind one lock; bumping needs none. */
#include "telemetry/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

struct row {
    struct row *next;
    char *name, *labels, *help;
    struct ts_counter counter;
    int64_t (*read)(void *); /* gauges */
    void *arg;
};

struct ts_metrics {
    pthread_mutex_t lock; /* guards the list; rows never go before the end */
    struct row *rows, **tail;
};

struct ts_metrics *ts_metrics_new(void)
{
    struct ts_metrics *m = ts_alloc(sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    m->tail = &m->rows;
    return m;
}

void ts_metrics_free(struct ts_metrics *m)
{
    if (!m)
        return;
    for (struct row *r = m->rows; r;) {
        struct row *next = r->next;
        free(r->name);
        free(r->labels);
        free(r->help);
        free(r);
        r = next;
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct row *find_or_add(struct ts_metrics *m, const char *name, const char *labels,
                               const char *help)
{
    struct row *r = m->rows;
    while (r && (strcmp(r->name, name) != 0 || strcmp(r->labels, labels) != 0))
        r = r->next;
    if (r)
        return r;
    r = ts_alloc(sizeof *r);
    r->name = ts_strdup(name);
    r->labels = ts_strdup(labels);
    r->help = ts_strdup(help);
    *m->tail = r;
    m->tail = &r->next;
    return r;
}

struct ts_counter *ts_metrics_counter(struct ts_metrics *m, const char *name, const char *labels,
                                      const char *help)
{
    pthread_mutex_lock(&m->lock);
    struct row *r = find_or_add(m, name, labels, help);
    pthread_mutex_unlock(&m->lock);
    return &r->counter;
}

void ts_metrics_gauge(struct ts_metrics *m, const char *name, const char *labels, const char *help,
                      int64_t (*read)(void *), void *arg)
{
    pthread_mutex_lock(&m->lock);
    struct row *r = find_or_add(m, name, labels, help);
    r->read = read;
    r->arg = arg;
    pthread_mutex_unlock(&m->lock);
}

int64_t ts_metrics_sum(struct ts_metrics *m, const char *name)
{
    int64_t sum = 0;
    pthread_mutex_lock(&m->lock);
    for (const struct row *r = m->rows; r; r = r->next)
        if (strcmp(r->name, name) == 0)
            sum += ts_counted(&r->counter);
    pthread_mutex_unlock(&m->lock);
    return sum;
}

static void print_row(const struct row *r, struct ts_buf *out)
{
    int64_t value = r->read ? r->read(r->arg) : ts_counted(&r->counter);
    if (r->labels[0])
        ts_buf_printf(out, "%s{%s} %" PRId64 "\n", r->name, r->labels, value);
    else
        ts_buf_printf(out, "%s %" PRId64 "\n", r->name, value);
}

static bool is_first_of_name(const struct ts_metrics *m, const struct row *row)
{
    const struct row *r = m->rows;
    while (strcmp(r->name, row->name) != 0)
        r = r->next;
    return r == row;
}

void ts_metrics_print(struct ts_metrics *m, struct ts_buf *out)
{
    pthread_mutex_lock(&m->lock);
    for (const struct row *first = m->rows; first; first = first->next) {
        if (!is_first_of_name(m, first))
            continue;
        ts_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", first->name, first->help, first->name,
                      first->read ? "gauge" : "counter");
        for (const struct row *r = first; r; r = r->next)
            if (strcmp(r->name, first->name) == 0)
                print_row(r, out);
    }
    pthread_mutex_unlock(&m->lock);
}
