/* cmd.h - the commands, one file each. Each gets the arguments behind its name and returns the exit
 * status; errors are one line on standard error that says what to do. */
#ifndef TS_CMD_CMD_H
#define TS_CMD_CMD_H

#include "base/err.h"
#include "pipeline/engine/plan.h"

int ts_cmd_run(int argc, char **argv);
int ts_cmd_validate(int argc, char **argv);
int ts_cmd_components(int argc, char **argv);
int ts_cmd_version(int argc, char **argv);
int ts_cmd_score(int argc, char **argv);
int ts_cmd_inspect(int argc, char **argv);
int ts_cmd_store(int argc, char **argv);
/* `score --replay FILE --compat …`. */
int ts_cmd_replay(const char *path, const char *compat);

/* Prints "trustspan: where: what". Returns 1. */
int ts_cmd_failed(const struct ts_err *err);
/* The value of --name or --name=value at *at, which is moved on; NULL: this is not it. A missing
 * value sets *bad and says so. */
const char *ts_cmd_option(int argc, char **argv, int *at, const char *name, bool *bad);
/* "unknown argument …; `takes`". What is no option is not repeated, nor is an option's value: it may be half
 * of a --set that was typed wrong, and a key. Returns false. */
bool ts_cmd_unknown(const char *arg, const char *takes, struct ts_err *err);
/* All --config files (and --set) of a command line, merged; NULL root: none given. Removes what it
 * took from argv. */
bool ts_cmd_config(struct ts_arena *arena, int *argc, char **argv, struct ts_node **root,
                   struct ts_err *err);

#endif
