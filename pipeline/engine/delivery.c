/* delivery.c - what follows from an outcome. */
#include "pipeline/engine/delivery.h"

enum { SITE_REFUSED, SITE_GIVEN_UP, SITE_RETRY, SITE_BLOCKED };

static void attempt(struct ts_attempt *a)
{
    a->number++;
    a->start(a);
}

void ts_attempt_begin(struct ts_attempt *a)
{
    a->retry = (struct ts_retry){.started = ts_now()};
    attempt(a);
}

/* ---- waiting ---- */

static void stop_waiting(struct ts_attempt *a)
{
    ts_timer_stop(a->of->loop, &a->timer);
    *a->back = a->next;
    if (a->next)
        a->next->back = a->back;
    a->back = NULL;
}

static void on_time(struct ts_timer *timer)
{
    struct ts_attempt *a = TS_CONTAINER_OF(timer, struct ts_attempt, timer);
    stop_waiting(a);
    attempt(a);
}

static void wait_for(struct ts_attempt *a, ts_time until)
{
    struct ts_delivery *d = a->of;
    a->next = d->waiting;
    a->back = &d->waiting;
    if (a->next)
        a->next->back = &a->next;
    d->waiting = a;
    ts_timer_start(d->loop, &a->timer, until, on_time);
}

void ts_delivery_leave(struct ts_delivery *d)
{
    d->leaving = true;
    while (d->waiting) {
        struct ts_attempt *a = d->waiting;
        stop_waiting(a);
        a->end(a, TS_LEFT);
    }
}

/* ---- outcomes ---- */

static void drop(struct ts_attempt *a, int site, const char *sentence, const struct ts_err *err)
{
    struct ts_delivery *d = a->of;
    ts_count(d->failed, (int64_t)a->items);
    ts_log_limited(&d->sites[site], TS_ERROR, d->id, sentence, "code=%s %s=%zu reason=\"%s\"",
                   ts_code_name(err->code), d->words.items, a->items, err->what);
    a->end(a, TS_DROPPED);
}

static void put_off(struct ts_attempt *a, int site, enum ts_level level, const char *sentence,
                    ts_time wish, const struct ts_err *err)
{
    struct ts_delivery *d = a->of;
    ts_time now = ts_now();
    if (d->leaving) {
        a->end(a, TS_LEFT);
        return;
    }
    ts_time delay = ts_retry_next(&a->retry, &d->retry, wish, now);
    if (delay < 0 || (d->give_up > 0 && now + delay - a->retry.started > d->give_up)) {
        drop(a, SITE_GIVEN_UP, d->words.given_up, err);
        return;
    }
    char text[32];
    ts_count(d->retried, 1);
    ts_log_limited(&d->sites[site], level, d->id, sentence,
                   "code=%s attempt=%d delay=%s %s=%zu reason=\"%s\"", ts_code_name(err->code),
                   a->number, ts_duration_print(delay / TS_MS * TS_MS, text, sizeof text),
                   d->words.items, a->items, err->what);
    wait_for(a, now + delay);
}

void ts_attempt_outcome(struct ts_attempt *a, enum ts_outcome outcome, const struct ts_err *err)
{
    struct ts_delivery *d = a->of;
    switch (outcome) {
    case TS_SENT:
        ts_count(d->sent, (int64_t)a->items);
        a->end(a, TS_DELIVERED);
        break;
    case TS_RETRY:
        put_off(a, SITE_RETRY, TS_WARN, d->words.retry, err->retry_after, err);
        break;
    case TS_BLOCKED:
        put_off(a, SITE_BLOCKED, TS_ERROR, d->words.blocked, d->retry.max_interval, err);
        break;
    case TS_REFUSED:
    case TS_TOO_LARGE:
        drop(a, SITE_REFUSED, d->words.refused, err);
        break;
    }
}
