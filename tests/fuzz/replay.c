/* replay.c - any line given to `score --replay`: refused with a reason, or judged. */
#include "tlm/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *recorded = ts_json_parse(ts_view_of(data, size), NULL, NULL);
    for (int compat = TS_TLM_RECOMMENDED; recorded && compat <= TS_TLM_REFERENCE; compat++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_tlm_options options = {.compat = (enum ts_tlm_compat)compat};
        struct ts_tlm_input input;
        struct ts_tlm_result result;
        struct ts_buf out = TS_BUF_INIT;
        struct ts_tlm *tlm = ts_replay_read(arena, recorded, &options, &input, NULL)
                                 ? ts_tlm_new(arena, &options, &input, NULL)
                                 : NULL;
        if (tlm) {
            ts_replay_answer(tlm, recorded);
            ts_tlm_conclude(tlm, &result);
            ts_record_inputs(tlm, &out);
            ts_buf_clear(&out);
            ts_record_result(tlm, &result, &out);
        }
        ts_buf_release(&out);
        ts_arena_free(arena);
    }
    cJSON_Delete(recorded);
    return 0;
}
