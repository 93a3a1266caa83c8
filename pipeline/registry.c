/* registry.c - the lists of signals and components, made from registry.def. */
#include "pipeline/exporter.h"
#include "pipeline/extension.h"
#include "pipeline/processor.h"
#include "pipeline/receiver.h"
#include "pipeline/scorer.h"
#include "pipeline/signal.h"

#define TS_SIGNAL(name)          extern const struct ts_signal ts_signal_##name;
#define TS_COMPONENT(kind, name) extern const struct ts_##kind ts_##kind##_##name;
#include "pipeline/registry.def"
#undef TS_SIGNAL
#undef TS_COMPONENT

#define TS_SIGNAL(name)
#define TS_COMPONENT(kind, name) &ts_##kind##_##name.base,
const struct ts_component *const ts_components[] = {
#include "pipeline/registry.def"
    NULL,
};
#undef TS_SIGNAL
#undef TS_COMPONENT

#define TS_SIGNAL(name) &ts_signal_##name,
#define TS_COMPONENT(kind, name)
const struct ts_signal *const ts_signals[] = {
#include "pipeline/registry.def"
    NULL,
};

const char *ts_component_kind_name(enum ts_component_kind kind)
{
    static const char *const names[] = {"receiver", "processor", "scorer", "exporter", "extension"};
    return names[kind];
}

/* The collector's older names for the same thing. */
static ts_view current_name(enum ts_component_kind kind, ts_view type)
{
    return kind == TS_EXPORTER && ts_view_is(type, "otlp") ? TS_LIT("otlp_grpc") : type;
}

const struct ts_component *ts_component_find(enum ts_component_kind kind, ts_view type)
{
    type = current_name(kind, type);
    for (size_t i = 0; ts_components[i]; i++)
        if (ts_components[i]->kind == kind && ts_view_is(type, ts_components[i]->type))
            return ts_components[i];
    return NULL;
}

const struct ts_signal *ts_signal_find(ts_view name)
{
    for (size_t i = 0; ts_signals[i]; i++)
        if (ts_view_is(name, ts_signals[i]->name))
            return ts_signals[i];
    return NULL;
}

const struct ts_scorer_instance *ts_scorer_find(const struct ts_host *host, const char *id)
{
    for (size_t i = 0; i < host->scorer_count; i++)
        if (strcmp(host->scorers[i].id, id) == 0)
            return &host->scorers[i];
    return NULL;
}
