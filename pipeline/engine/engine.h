/* engine.h - how requests go through: taken in, made durable, handed to the processor, fanned out to
 * the exporters, forgotten when all have them. Components see only this file and batch.h. */
#ifndef TS_ENGINE_ENGINE_H
#define TS_ENGINE_ENGINE_H

#include "pipeline/engine/batch.h"
#include "pipeline/evaluation.h"
#include "telemetry/metrics.h"
#include "wire/splice.h"

struct ts_engine;
struct ts_scorer;
struct ts_instance;

struct ts_metrics *ts_engine_metrics(struct ts_engine *engine);

/* ---- for receivers ---- */

/* Room for one more request? False with UNAVAILABLE and retry_after when there is none. Cheap: ask
 * before reading where the transport allows. Thread: any. */
bool ts_engine_has_room(struct ts_engine *engine, struct ts_err *err);

/* One request. `acknowledge` comes exactly once, from any thread, perhaps inside the call: err NULL
 * when the request is durable (storage: none: in memory), else why it is refused. */
struct ts_intake {
    struct ts_counter *accepted; /* spans; the receiver's own counters */
    struct ts_counter *refused;
    bool strict_ids;
    void (*acknowledge)(void *arg, const struct ts_err *err);
    void *arg;
};
/* Takes over payload and headers. `intake` is copied. Thread: any. */
void ts_engine_take(struct ts_engine *engine, const struct ts_intake *intake,
                    struct ts_payload *payload, struct ts_headers *headers);

/* Which kinds of spans the processor wants to see as LLM spans (bits 1 << enum ts_kind); LLM alone
 * unless it says so. At creation only. */
void ts_engine_score_kinds(struct ts_engine *engine, unsigned kinds);

/* ---- for processors; all on the batch's home loop ---- */

/* Sends the part (taken over) to every exporter that takes spans. `sent` comes exactly once, later:
 * delivered means that every exporter's backend has it; otherwise somebody refused it for good (and
 * counted it). The batch is owed by then and until `sent` returns. `sent` may be NULL. A part without
 * spans is dropped at once, and sent says delivered. */
void ts_engine_send(struct ts_batch *batch, struct ts_part *part,
                    void (*sent)(void *arg, bool delivered), void *arg);
/* Hands one evaluation (taken over) to every exporter that takes evaluations. The batch is owed
 * until all have it or have given up. */
void ts_engine_evaluate(struct ts_batch *batch, struct ts_evaluation *evaluation);
bool ts_engine_wants_evaluations(const struct ts_engine *engine);
/* Puts the part (taken over) on the late list: a new batch on the same loop whose spans have left
 * already and whose scores are due until `give_up` (wall clock). It is owed once by its caller. `kept`
 * comes once on the home loop: durable means that it will be taken up again after a restart. */
struct ts_batch *ts_engine_keep_late(struct ts_batch *from, struct ts_part *part, ts_time give_up,
                                     void (*kept)(void *arg, bool durable), void *arg);
/* The scorer of this id ("local", "cleanlab/strict"); NULL: there is none. */
const struct ts_scorer *ts_engine_scorer(const struct ts_engine *engine, const char *id,
                                         struct ts_instance **instance);
struct ts_loop *const *ts_engine_loops(const struct ts_engine *engine, size_t *count);

#endif
