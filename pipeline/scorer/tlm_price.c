#include "pipeline/scorer/tlm_price.h"

#include "tlm/tlm.h"

#include <math.h>
#include <stdlib.h>

static const struct {
    const char *model;
    struct ts_price price;
} table[] = {
#define TS_PRICE(model, input, output) {model, {input, output}},
#include "pipeline/scorer/tlm_prices.def"
#undef TS_PRICE
};

static bool is_amount(const struct ts_node *n, double *out)
{
    if (!n || n->kind != TS_NODE_SCALAR || n->text.len == 0)
        return false;
    char *copy = ts_view_dup(n->text);
    char *end;
    *out = strtod(copy, &end);
    bool ok = *end == '\0' && isfinite(*out) && *out >= 0;
    free(copy);
    return ok;
}

bool ts_price_read(const struct ts_node *n, struct ts_price *price)
{
    return n->kind == TS_NODE_LIST && is_amount(n->first, &price->input) &&
           is_amount(n->first->next, &price->output) && !n->first->next->next;
}

static bool overridden(const struct ts_node *overrides, ts_view model, struct ts_price *price)
{
    for (const struct ts_node *n = overrides ? overrides->first : NULL; n; n = n->next)
        if (ts_view_eq(n->key, model))
            return ts_price_read(n, price);
    return false;
}

bool ts_price_find(const struct ts_node *overrides, ts_view model, struct ts_price *price)
{
    const ts_view names[] = {model, ts_tlm_undated(model)};
    for (size_t k = 0; k < TS_COUNT(names); k++) {
        if (overridden(overrides, names[k], price))
            return true;
        for (size_t i = 0; i < TS_COUNT(table); i++)
            if (ts_view_is(names[k], table[i].model)) {
                *price = table[i].price;
                return true;
            }
    }
    return false;
}
