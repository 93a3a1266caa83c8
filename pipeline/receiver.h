/* receiver.h - where requests come from. A receiver needs no verb of its own: it hands requests in with
 * ts_intake_submit (engine/intake.h). */
#ifndef TS_PIPELINE_RECEIVER_H
#define TS_PIPELINE_RECEIVER_H

#include "pipeline/component.h"

struct ts_receiver {
    struct ts_component base;
};

#endif
