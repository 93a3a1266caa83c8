/* Scan, classification and patch allocate nothing per span that is not an LLM span. The linker puts
 * these counters in the place of malloc and its kin for all of our code. */
#include "testing.h"

#include "llm/extract.h"
#include "wire/encode.h"
#include "wire/splice.h"

static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    allocations++;
    return __real_realloc(ptr, size);
}

static void put_span(struct ts_buf *out, bool llm)
{
    struct ts_buf span = TS_BUF_INIT;
    ts_put_bytes(&span, TS_SPAN_TRACE_ID, TS_LIT("0123456789abcdef"));
    ts_put_bytes(&span, TS_SPAN_SPAN_ID, TS_LIT("01234567"));
    ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("openinference.span.kind"),
                     llm ? TS_LIT("LLM") : TS_LIT("CHAIN"));
    ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("input.value"), TS_LIT("{\"a\": 1}"));
    ts_put_bytes(out, TS_SS_SPANS, ts_buf_view(&span));
    ts_buf_release(&span);
}

/* `plain` spans on both sides of one LLM span. */
static struct ts_payload *request(size_t plain)
{
    struct ts_buf scope = TS_BUF_INIT;
    struct ts_buf resource = TS_BUF_INIT;
    struct ts_buf bytes = TS_BUF_INIT;
    for (size_t i = 0; i <= 2 * plain; i++)
        put_span(&scope, i == plain);
    ts_put_bytes(&resource, TS_RS_SCOPE_SPANS, ts_buf_view(&scope));
    ts_put_bytes(&bytes, TS_REQUEST_RESOURCE_SPANS, ts_buf_view(&resource));
    struct ts_payload *payload = ts_payload_copy(ts_buf_view(&bytes));
    ts_buf_release(&scope);
    ts_buf_release(&resource);
    ts_buf_release(&bytes);
    return payload;
}

static void keep_llm(void *arg, const struct ts_span_at *at)
{
    struct ts_span_at *found = arg;
    if (ts_span_kind(at->span) == TS_KIND_LLM)
        *found = *at;
}

/* What one request costs: found, taken out of the rest, and patched. */
static size_t cost(size_t plain)
{
    struct ts_payload *payload = request(plain);
    struct ts_span_at llm = {.field = NULL};
    struct ts_scan scan;
    struct ts_err err = {0};
    struct ts_part rest;
    struct ts_part part;
    allocations = 0;
    assert_true(ts_scan(ts_payload_view(payload), false, keep_llm, &llm, &scan, &err));
    assert_int_equal(allocations, 0);
    struct ts_edit drop = {.field = llm.field, .drop = true};
    struct ts_edit patch = {.field = llm.field, .append = TS_LIT("\x4a\x00")};
    ts_splice(payload, scan.spans, &drop, 1, true, &rest);
    ts_splice(payload, scan.spans, &patch, 1, false, &part);
    size_t count = allocations;
    assert_int_equal(rest.items, 2 * plain);
    assert_int_equal(part.items, 1);
    ts_part_release(&rest);
    ts_part_release(&part);
    ts_payload_unref(payload);
    return count;
}

static void other_spans_cost_no_allocation(void **state)
{
    (void)state;
    size_t few = cost(1);
    assert_true(few > 0); /* the counters do count */
    assert_int_equal(cost(2000), few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(other_spans_cost_no_allocation)};
    return cmocka_run_group_tests_name("allocations", tests, NULL, NULL);
}
