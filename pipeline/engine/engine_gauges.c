/* engine_gauges.c - what the engine holds, for the metrics page. */
#include "pipeline/engine/engine.h"

static int64_t read_batches(void *arg)
{
    return atomic_load(&((struct ts_engine *)arg)->batches);
}

static int64_t read_memory(void *arg)
{
    return ts_memory_used(&((struct ts_engine *)arg)->memory);
}

struct ts_store_stats ts_engine_stored(const struct ts_engine *e)
{
    struct ts_store_stats stats = {0};
    if (e->store)
        ts_store_stats(e->store, &stats);
    return stats;
}

static int64_t read_spool(void *arg)
{
    return (int64_t)ts_engine_stored(arg).records[TS_TABLE_SPOOL];
}

static int64_t read_late(void *arg)
{
    return (int64_t)ts_engine_stored(arg).records[TS_TABLE_LATE];
}

static int64_t read_decided(void *arg)
{
    return (int64_t)ts_engine_stored(arg).records[TS_TABLE_DECIDED];
}

static int64_t read_bytes(void *arg)
{
    return (int64_t)ts_engine_stored(arg).bytes;
}

static int64_t read_corrupt(void *arg)
{
    return (int64_t)ts_engine_stored(arg).corrupt;
}

static int64_t read_disk_free(void *arg)
{
    return (int64_t)ts_engine_stored(arg).disk_free;
}

static int64_t refused(void *arg, enum ts_store_refusal cause)
{
    return (int64_t)ts_engine_stored(arg).refused[cause];
}

static int64_t read_refused_full(void *arg)
{
    return refused(arg, TS_REFUSED_FULL);
}

static int64_t read_refused_disk_full(void *arg)
{
    return refused(arg, TS_REFUSED_DISK_FULL);
}

static int64_t read_refused_directory(void *arg)
{
    return refused(arg, TS_REFUSED_DIRECTORY);
}

static int64_t read_refused_error(void *arg)
{
    return refused(arg, TS_REFUSED_ERROR);
}

void ts_engine_add_gauges(struct ts_engine *e)
{
    static const struct {
        const char *name, *help;
        int64_t (*read)(void *);
    } rows[] = {
        {"trustspan_batches", "Requests in memory that are being worked on.", read_batches},
        {"trustspan_memory_bytes", "Bytes of requests in memory.", read_memory},
        {"trustspan_spool_requests", "Requests in the store, not yet delivered.", read_spool},
        {"trustspan_spool_late", "Records on the late list.", read_late},
        {"trustspan_spool_decided",
         "Records of what was decided on spans that are not delivered, or evaluations not posted.",
         read_decided},
        {"trustspan_spool_bytes", "Size of all stored records.", read_bytes},
        {"trustspan_spool_corrupt", "Damaged records passed over.", read_corrupt},
        {"trustspan_spool_disk_free_bytes", "Free room on the store's file system.",
         read_disk_free},
    };
    static const struct {
        const char *labels;
        int64_t (*read)(void *);
    } refusals[] = {
        {"cause=\"max_size\"", read_refused_full},
        {"cause=\"disk_full\"", read_refused_disk_full},
        {"cause=\"directory\"", read_refused_directory},
        {"cause=\"error\"", read_refused_error},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        ts_metrics_gauge(e->metrics, rows[i].name, "", rows[i].help, rows[i].read, e);
    for (size_t i = 0; i < TS_COUNT(refusals); i++)
        ts_metrics_gauge(e->metrics, "trustspan_spool_refused", refusals[i].labels,
                         "Requests that the store did not take.", refusals[i].read, e);
}
