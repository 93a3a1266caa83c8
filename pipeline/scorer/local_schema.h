/* local_schema.h - the part of JSON Schema that structured outputs use. */
#ifndef TS_SCORER_LOCAL_SCHEMA_H
#define TS_SCORER_LOCAL_SCHEMA_H

#include "json/json.h"

/* The first violation of a JSON schema, as a sentence ("'total' is missing"); the empty view when the
 * value is valid. Understood: type, enum, const, properties, required, additionalProperties, items,
 * anyOf, oneOf, allOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength,
 * minItems, maxItems, $ref to #/$defs and #/definitions. Other keywords are ignored. */
ts_view ts_schema_violation(struct ts_arena *arena, const cJSON *schema, const cJSON *value);

#endif
