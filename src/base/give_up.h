/* give_up.h - the end of a service that cannot go on, asked for from inside. */
#ifndef TS_BASE_GIVE_UP_H
#define TS_BASE_GIVE_UP_H

#include <stdbool.h>
#include <signal.h>

/* Says why (`component` and `sentence` as ts_log takes them), and has the process stop as at SIGTERM, in order,
 * but with a status that has a supervisor start it again. Returns at once. Thread: any. */
void ts_give_up(const char *component, const char *sentence);
/* Is a signal that sigwaitinfo gave one of ts_give_up? */
bool ts_gave_up(const siginfo_t *info);

#endif
