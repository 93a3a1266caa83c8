/* tlm_price.h - what a model's tokens cost. */
#ifndef TS_SCORER_TLM_PRICE_H
#define TS_SCORER_TLM_PRICE_H

#include "config/node.h"

/* US dollars per million tokens. */
struct ts_price {
    double input, output;
};
/* An entry of `prices`: [input, output], finite, not negative; false: it is none. */
bool ts_price_read(const struct ts_node *entry, struct ts_price *price);
/* The model's price: from `overrides` ({model: [input, output]}), else from the table; false: not
 * known. Models are also found without the date at their end. */
bool ts_price_find(const struct ts_node *overrides, ts_view model, struct ts_price *price);

#endif
