/* otlp_json.c - one transcoder over protobuf-c's descriptors; OTLP's departures from proto3 JSON are
 * a few lines in it: hex ids, integer enums, no trust in key spelling. */
#include "wire/otlp_json.h"

#include "base/hex.h"
#include "json/json.h"
#include "wire/encode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"

#define REQUEST opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor

struct place {
    const struct place *outer;
    const char *key;
    int index; /* -1: no list */
};

static void print_place(const struct place *p, struct ts_buf *out)
{
    if (!p)
        return;
    print_place(p->outer, out);
    if (out->len)
        ts_buf_add_byte(out, '.');
    ts_buf_add_str(out, p->key);
    if (p->index >= 0)
        ts_buf_printf(out, "[%d]", p->index);
}

static bool bad(struct ts_err *err, const struct place *p, const cJSON *value, const char *what)
{
    struct ts_buf where = TS_BUF_LIMIT(256);
    print_place(p, &where);
    char *shown = cJSON_PrintUnformatted(value);
    ts_fail(err, TS_INVALID_ARGUMENT, "%s: '%.60s' %s", ts_buf_cstr(&where), shown ? shown : "",
            what);
    cJSON_free(shown);
    ts_buf_release(&where);
    return false;
}

/* "trace_id" is also "traceId". */
static void camel(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++) {
        if (*name == '_' && name[1]) {
            name++;
            out[n++] = (char)(*name >= 'a' && *name <= 'z' ? *name - 32 : *name);
        } else {
            out[n++] = *name;
        }
    }
    out[n] = '\0';
}

static bool is_id(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_BYTES && strstr(f->name, "_id") != NULL;
}

/* ---- JSON → protobuf ---- */

static bool put_hex(const ProtobufCFieldDescriptor *f, const cJSON *v, const struct place *p,
                    struct ts_buf *out, struct ts_err *err)
{
    ts_view text = ts_json_text(v);
    struct ts_buf id = TS_BUF_INIT;
    bool ok = cJSON_IsString(v) && ts_hex_read(text, &id);
    if (!ok)
        bad(err, p, v, "is not hex");
    else if (id.len > 0)
        ts_put_bytes(out, f->id, ts_buf_view(&id));
    ts_buf_release(&id);
    return ok;
}

static int base64_digit(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

static bool put_base64(const ProtobufCFieldDescriptor *f, const cJSON *v, const struct place *p,
                       struct ts_buf *out, struct ts_err *err)
{
    ts_view text = ts_json_text(v);
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    struct ts_buf bytes = TS_BUF_INIT;
    uint32_t word = 0;
    bool ok = cJSON_IsString(v) && text.len % 4 != 1;
    for (size_t i = 0; ok && i < text.len; i++) {
        int digit = base64_digit(text.ptr[i]);
        ok = digit >= 0;
        word = word << 6 | (uint32_t)(digit & 63);
        if (i % 4 != 0)
            ts_buf_add_byte(&bytes, (uint8_t)(word >> (6 - 2 * (i % 4))));
    }
    if (ok)
        ts_put_bytes(out, f->id, ts_buf_view(&bytes));
    else
        bad(err, p, v, "is not base64");
    ts_buf_release(&bytes);
    return ok;
}

static bool put_number(const ProtobufCFieldDescriptor *f, const cJSON *v, const struct place *p,
                       struct ts_buf *out, struct ts_err *err)
{
    int64_t i = 0;
    uint64_t u;
    bool is_unsigned = f->type == PROTOBUF_C_TYPE_FIXED64 || f->type == PROTOBUF_C_TYPE_UINT32 ||
                       f->type == PROTOBUF_C_TYPE_FIXED32;
    if (f->type == PROTOBUF_C_TYPE_FIXED64 && cJSON_IsString(v)) {
        char *end;
        const char *digits = v->valuestring;
        u = strtoull(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || *end)
            return bad(err, p, v, "is no whole number");
    } else if (!ts_json_int64(v, &i)) {
        return bad(err, p, v, "is no whole number that fits");
    } else {
        u = (uint64_t)i;
        if (is_unsigned && i < 0)
            return bad(err, p, v, "is negative");
    }
    bool is_32 = f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_FIXED32;
    if (is_32 && u > UINT32_MAX)
        return bad(err, p, v, "does not fit in 32 bits");
    if (f->type == PROTOBUF_C_TYPE_FIXED64)
        return ts_put_fixed64(out, f->id, u);
    if (f->type == PROTOBUF_C_TYPE_FIXED32)
        return ts_put_fixed32(out, f->id, (uint32_t)u);
    return ts_put_tag(out, f->id, TS_WIRE_VARINT) && ts_put_varint(out, u);
}

static bool put_enum(const ProtobufCFieldDescriptor *f, const cJSON *v, const struct place *p,
                     struct ts_buf *out, struct ts_err *err)
{
    int64_t number;
    if (!ts_json_int64(v, &number)) {
        const ProtobufCEnumValue *named =
            cJSON_IsString(v)
                ? protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, v->valuestring)
                : NULL;
        if (!named)
            return bad(err, p, v, "is no value of this enum");
        number = named->value;
    }
    return ts_put_tag(out, f->id, TS_WIRE_VARINT) && ts_put_varint(out, (uint64_t)number);
}

static bool put_message(const ProtobufCMessageDescriptor *d, const cJSON *v, const struct place *p,
                        struct ts_buf *out, struct ts_err *err);

static bool put_value(const ProtobufCFieldDescriptor *f, const cJSON *v, const struct place *p,
                      struct ts_buf *out, struct ts_err *err)
{
    double d;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (!cJSON_IsString(v))
            return bad(err, p, v, "is no string");
        return ts_put_bytes(out, f->id, ts_json_text(v));
    case PROTOBUF_C_TYPE_BYTES:
        return is_id(f) ? put_hex(f, v, p, out, err) : put_base64(f, v, p, out, err);
    case PROTOBUF_C_TYPE_BOOL:
        if (!cJSON_IsBool(v))
            return bad(err, p, v, "is neither true nor false");
        return ts_put_tag(out, f->id, TS_WIRE_VARINT) && ts_put_varint(out, cJSON_IsTrue(v) != 0);
    case PROTOBUF_C_TYPE_DOUBLE: {
        uint64_t bits;
        if (!ts_json_double(v, &d))
            return bad(err, p, v, "is no number");
        memcpy(&bits, &d, sizeof bits);
        return ts_put_fixed64(out, f->id, bits);
    }
    case PROTOBUF_C_TYPE_ENUM:
        return put_enum(f, v, p, out, err);
    case PROTOBUF_C_TYPE_MESSAGE: {
        struct ts_buf inner = TS_BUF_INIT;
        bool ok = put_message(f->descriptor, v, p, &inner, err) &&
                  ts_put_bytes(out, f->id, ts_buf_view(&inner));
        ts_buf_release(&inner);
        return ok;
    }
    default:
        return put_number(f, v, p, out, err);
    }
}

static const cJSON *member(const cJSON *object, const ProtobufCFieldDescriptor *f)
{
    char name[64];
    camel(f->name, name, sizeof name);
    const cJSON *v = ts_json_get(object, name);
    v = v ? v : ts_json_get(object, f->name);
    if (!v && strcmp(f->name, "scope_spans") == 0) /* very old senders */
        v = ts_json_get(object, "instrumentationLibrarySpans");
    return cJSON_IsNull(v) ? NULL : v;
}

static bool put_field(const ProtobufCFieldDescriptor *f, const cJSON *object,
                      const struct place *outer, struct ts_buf *out, struct ts_err *err)
{
    char name[64];
    camel(f->name, name, sizeof name);
    struct place p = {outer, name, -1};
    const cJSON *v = member(object, f);
    if (!v)
        return true;
    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return put_value(f, v, &p, out, err);
    if (!cJSON_IsArray(v))
        return bad(err, &p, v, "is no list");
    const cJSON *item;
    cJSON_ArrayForEach(item, v)
    {
        p.index++;
        if (!put_value(f, item, &p, out, err))
            return false;
    }
    return true;
}

static bool put_message(const ProtobufCMessageDescriptor *d, const cJSON *v, const struct place *p,
                        struct ts_buf *out, struct ts_err *err)
{
    if (!cJSON_IsObject(v))
        return bad(err, p, v, "is no object");
    for (unsigned i = 0; i < d->n_fields; i++)
        if (!put_field(&d->fields[i], v, p, out, err))
            return false;
    return true;
}

bool ts_otlp_from_json(ts_view json, struct ts_buf *out, struct ts_err *err)
{
    struct ts_json_limits limits = {256u << 20, 8 + 3 * TS_ANY_MAX_DEPTH, SIZE_MAX};
    cJSON *tree = ts_json_parse(json, &limits, err);
    if (!tree)
        return false;
    const struct place root = {NULL, "request", -1};
    bool ok = put_message(&REQUEST, tree, cJSON_IsObject(tree) ? NULL : &root, out, err);
    cJSON_Delete(tree);
    return ok;
}

/* ---- protobuf → JSON ---- */

struct print {
    struct ts_buf *out;
    int depth;
};

static bool print_message(struct print *p, const ProtobufCMessageDescriptor *d, ts_view message);

static void print_bytes(struct ts_buf *out, ts_view bytes, bool hex)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ts_buf_add_byte(out, '"');
    if (hex)
        ts_hex_add(out, bytes);
    for (size_t i = 0; !hex && i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t word = (uint32_t)bytes.ptr[i] << 16;
        word |= n > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        word |= n > 2 ? bytes.ptr[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            ts_buf_add_byte(out, k <= n ? (uint8_t)digits[word >> (18 - 6 * k) & 63] : '=');
    }
    ts_buf_add_byte(out, '"');
}

static void print_double(struct ts_buf *out, double d)
{
    if (isnan(d))
        ts_buf_add_str(out, "\"NaN\"");
    else if (isinf(d))
        ts_buf_add_str(out, d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        ts_json_append_double(out, d);
}

static bool print_value(struct print *p, const ProtobufCFieldDescriptor *f,
                        const struct ts_field *field)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return ts_json_append_text(p->out, field->bytes);
    case PROTOBUF_C_TYPE_BYTES:
        print_bytes(p->out, field->bytes, is_id(f));
        return true;
    case PROTOBUF_C_TYPE_MESSAGE:
        return print_message(p, f->descriptor, field->bytes);
    case PROTOBUF_C_TYPE_BOOL:
        return ts_buf_add_str(p->out, field->value ? "true" : "false");
    case PROTOBUF_C_TYPE_DOUBLE:
        print_double(p->out, ts_field_double(field));
        return true;
    case PROTOBUF_C_TYPE_INT64:
        return ts_buf_printf(p->out, "\"%" PRId64 "\"", (int64_t)field->value);
    case PROTOBUF_C_TYPE_FIXED64:
        return ts_buf_printf(p->out, "\"%" PRIu64 "\"", field->value);
    default:
        return ts_buf_printf(p->out, "%" PRId32, (int32_t)field->value);
    }
}

static bool is_length(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES ||
           f->type == PROTOBUF_C_TYPE_MESSAGE;
}

/* All values of one field; a single field shows its last, as protobuf says. */
static bool print_field(struct print *p, const ProtobufCFieldDescriptor *f, ts_view message,
                        bool *any)
{
    bool list = f->label == PROTOBUF_C_LABEL_REPEATED;
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field field;
    struct ts_field last = {0};
    size_t count = 0;
    char name[64];
    camel(f->name, name, sizeof name);
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &field))
            return false;
        if (field.number != f->id || (field.wire == TS_WIRE_LEN) != is_length(f))
            continue;
        last = field;
        if (count++ == 0)
            ts_buf_printf(p->out, "%s\"%s\":%s", *any ? "," : "", name, list ? "[" : "");
        else if (list)
            ts_buf_add_byte(p->out, ',');
        if (list && !print_value(p, f, &field))
            return false;
    }
    *any = *any || count > 0;
    if (count > 0 && !list && !print_value(p, f, &last))
        return false;
    return count == 0 || !list || ts_buf_add_byte(p->out, ']');
}

static bool print_message(struct print *p, const ProtobufCMessageDescriptor *d, ts_view message)
{
    bool any = false;
    bool ok = ++p->depth <= 8 + 3 * TS_ANY_MAX_DEPTH;
    ts_buf_add_byte(p->out, '{');
    for (unsigned i = 0; i < d->n_fields && ok; i++)
        ok = print_field(p, &d->fields[i], message, &any);
    p->depth--;
    return ok && ts_buf_add_byte(p->out, '}');
}

bool ts_otlp_to_json(ts_view request, struct ts_buf *out, struct ts_err *err)
{
    struct print p = {out, 0};
    return print_message(&p, &REQUEST, request) ||
           ts_fail(err, TS_INVALID_ARGUMENT, "bytes do not parse as an OTLP trace request");
}
