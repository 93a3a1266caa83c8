/* random.h - numbers that no other process, and no earlier start of this one, draws as well.
 * For jitter: what must not happen in step. There is no state to seed, to share or to lock. */
#ifndef TS_BASE_RANDOM_H
#define TS_BASE_RANDOM_H

/* Even over 0 <= x < 1, in steps of 2^-53. Thread: any; a system call, well under a microsecond, that
 * never waits: before the system has gathered enough randomness, at its boot, the clock is mixed
 * with the process instead. */
double ts_random(void);

#endif
