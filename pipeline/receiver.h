/* receiver.h - where requests come from. A receiver needs no verb of its own: it takes requests in
 * with ts_engine_take (engine/engine.h). */
#ifndef TS_PIPELINE_RECEIVER_H
#define TS_PIPELINE_RECEIVER_H

#include "pipeline/component.h"

struct ts_receiver {
    struct ts_component base;
};

#endif
