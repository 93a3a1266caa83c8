/* place.c - a store whose files were deleted, moved or replaced goes on as if nothing were: LMDB writes to
 * what no name leads to any more. So its writer looks, and refuses what would be lost. */
#include "store/store_internal.h"

#include "base/log.h"
#include "store/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPONENT "store"

static void path_of(const struct ts_store *s, const char *name, char path[static PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", s->directory, name);
}

static bool is_there(const struct ts_store *s, const char *name, const struct ts_file_id *id)
{
    char path[PATH_MAX];
    struct stat st;
    path_of(s, name, path);
    return stat(path, &st) == 0 && st.st_dev == id->device && st.st_ino == id->inode;
}

static bool identify(int fd, struct ts_file_id *id)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    *id = (struct ts_file_id){st.st_dev, st.st_ino};
    return true;
}

bool ts_place_remember(struct ts_store *s, struct ts_err *err)
{
    if (identify(ts_store_fd(s), &s->data_id) && identify(s->lock_fd, &s->lock_id))
        return true;
    return ts_fail(err, TS_UNAVAILABLE, "cannot look at the files in '%s': %s", s->directory,
                   strerror(errno));
}

static bool wrote_last(const struct ts_store *s)
{
    MDB_envinfo info;
    return s->env && mdb_env_info(s->env, &info) == 0 && info.me_last_txnid == s->last_commit;
}

/* Somebody deleted the lock file: ours holds nobody off any more. A new one does, unless another process
 * was faster; what that one has written we do not know. */
static bool lock_again(struct ts_store *s)
{
    char path[PATH_MAX];
    path_of(s, "trustspan.lock", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, TS_FILE_MODE);
    if (fd < 0)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !wrote_last(s) || !identify(fd, &s->lock_id)) {
        close(fd);
        return false;
    }
    close(s->lock_fd);
    s->lock_fd = fd;
    ts_log(TS_WARN, COMPONENT, "the lock file was deleted and is made again", "file='%s'", path);
    return true;
}

static enum ts_place look(struct ts_store *s)
{
    if (!is_there(s, "data.mdb", &s->data_id))
        return TS_PLACE_GONE;
    if (s->space.read_only)
        return TS_PLACE_READ_ONLY;
    if (s->shared || (!is_there(s, "trustspan.lock", &s->lock_id) && !lock_again(s)))
        return TS_PLACE_TAKEN;
    return TS_PLACE_FINE;
}

const char *ts_place_reason(enum ts_place place)
{
    static const char *const reasons[] = {
        [TS_PLACE_FINE] = "",
        [TS_PLACE_GONE] = "its directory or file was deleted, moved or replaced; put it back, or "
                          "start again to begin an empty one",
        [TS_PLACE_TAKEN] = "its lock file was deleted and cannot be made again, or another process "
                           "holds it now; stop one of them and start again",
        [TS_PLACE_READ_ONLY] = "its file system is read-only; make it writable",
    };
    return reasons[place];
}

void ts_place_say(struct ts_store *s, enum ts_place place)
{
    pthread_mutex_lock(&s->lock);
    uint64_t held = s->stats.records[TS_TABLE_SPOOL] + s->stats.records[TS_TABLE_LATE];
    pthread_mutex_unlock(&s->lock);
    TS_LOG_LIMITED(TS_ERROR, COMPONENT, "the store cannot be used, new requests are refused",
                   "directory='%s' reason=\"%s\" records=%llu", s->directory,
                   ts_place_reason(place), (unsigned long long)held);
}

enum ts_place ts_place_look(struct ts_store *s)
{
    ts_time now = ts_now();
    enum ts_place before = s->place;
    if (s->env && now >= s->next_measure) { /* a server's file system is asked over the network */
        s->next_measure = now + TS_PLACE_LOOK_EVERY;
        s->space = ts_space_of(ts_store_fd(s));
    }
    s->place = look(s);
    pthread_mutex_lock(&s->lock);
    s->stats.disk_free = s->space.free;
    pthread_mutex_unlock(&s->lock);
    if (s->place != TS_PLACE_FINE)
        ts_place_say(s, s->place);
    else if (before != TS_PLACE_FINE)
        ts_log(TS_INFO, COMPONENT, "the store can be used again", "directory='%s'", s->directory);
    return s->place;
}
