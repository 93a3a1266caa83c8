/* line_writer.h - lines to a file or a pipe, written by a thread of its own.
 * A pipe that nobody reads and a slow disk hold their writer up; a loop may not be held up. So loops
 * hand their lines over here, and learn by a job when one is out. */
#ifndef TS_LOOP_LINE_WRITER_H
#define TS_LOOP_LINE_WRITER_H

#include "base/buf.h"
#include "loop/job.h"

struct ts_line_writer;

/* Takes over the descriptor, which may be blocking or not. `name` (at most 15 bytes) is the thread's
 * name and says in logs and errors what is written to. At most `max_bytes` wait; a line that is
 * longer is taken when nothing waits. Starts the thread. NULL: err, and the descriptor is closed. */
struct ts_line_writer *ts_line_writer_new(int file, const char *name, size_t max_bytes,
                                          struct ts_err *err);

/* Takes over the bytes of `text`, a line with its newline; the buffer is empty afterwards. They are written
 * in the order of the calls, each line in one write(2), so that the lines of several processes that
 * append to one file (O_APPEND) do not mix; only when the file takes less than all, the rest follows
 * in another one.
 * `job` ends exactly once, on its home loop, never inside the call: DONE when the line is written,
 * FAILED with err when it cannot be (RESOURCE_EXHAUSTED: more than max_bytes wait), CANCELLED when
 * the writer is stopped. With NULL nobody waits for the line; when it is lost, that is counted, and
 * logged now and then. Thread: any. Never blocks. */
void ts_line_writer_add(struct ts_line_writer *writer, struct ts_buf *text, struct ts_job *job);

/* Lines without a job that were not written. Thread: any. */
uint64_t ts_line_writer_lost(struct ts_line_writer *writer);

/* Takes nothing more; waits until all that waits is written, at the longest until `deadline` (ts_now
 * clock). What is left then ends as CANCELLED or counts as lost; of a line in the middle of its write
 * a part may be out. All jobs have ended when this returns. Safe twice. Thread: any but a loop's. */
void ts_line_writer_stop(struct ts_line_writer *writer, ts_time deadline);
/* NULL is fine. Stops first, without waiting. A thread that is stuck in write(2) is left to it; it
 * closes the descriptor when it gets out. */
void ts_line_writer_free(struct ts_line_writer *writer);

#endif
