/* registry.c - the list of components, made from registry.def. */
#include "pipeline/exporter.h"
#include "pipeline/extension.h"
#include "pipeline/processor.h"
#include "pipeline/receiver.h"
#include "pipeline/scorer.h"

#define TS_COMPONENT(kind, name) extern const struct ts_##kind ts_##kind##_##name;
#include "pipeline/registry.def"
#undef TS_COMPONENT
#define TS_COMPONENT(kind, name) &ts_##kind##_##name.base,
const struct ts_component *const ts_components[] = {
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
