/* registry.c - the two lists, made from their .def files. */
#include "llm/dialect/dialect.h"

#define TS_DIALECT(name) extern const struct ts_dialect ts_dialect_##name;
#include "llm/dialect/registry.def"
#undef TS_DIALECT
#define TS_DIALECT(name) &ts_dialect_##name,
const struct ts_dialect *const ts_dialects[TS_DIALECT_COUNT + 1] = {
#include "llm/dialect/registry.def"
    NULL,
};

#define TS_PAYLOAD(name) extern const struct ts_payload_shape ts_payload_##name;
#include "llm/dialect/payloads.def"
#undef TS_PAYLOAD
#define TS_PAYLOAD(name) &ts_payload_##name,
const struct ts_payload_shape *const ts_payload_shapes[] = {
#include "llm/dialect/payloads.def"
    NULL,
};

bool ts_payload_read_request(struct ts_arena *arena, const cJSON *tree,
                             struct ts_payload_request *out)
{
    *out = (struct ts_payload_request){.n = 1};
    for (size_t i = 0; tree && ts_payload_shapes[i]; i++)
        if (ts_payload_shapes[i]->request && ts_payload_shapes[i]->request(arena, tree, out))
            return true;
    return false;
}

bool ts_payload_read_response(struct ts_arena *arena, const cJSON *tree,
                              struct ts_payload_response *out)
{
    *out = (struct ts_payload_response){.usage = {-1, -1, -1, -1, -1, -1}};
    for (size_t i = 0; tree && ts_payload_shapes[i]; i++)
        if (ts_payload_shapes[i]->response && ts_payload_shapes[i]->response(arena, tree, out))
            return true;
    return false;
}
