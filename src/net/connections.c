/* connections.c - a table by file descriptor, for the whole process because descriptors are.
 * That a connection has been closed nobody tells: entries whose descriptor holds another inode by now are counted
 * out when the places are used up. */
#include "net/connections.h"

#include "base/buf.h"
#include "net/peer.h"
#include "telemetry/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SPARE_DESCRIPTORS = 64,
    DEFAULT_MOST = 4096, /* an idle one costs 20 kB in gRPC core */
    BURST = 256,         /* calls taken back; see connections.h */
};
#define ONE_BACK (TS_S / 33) /* what one costs */

struct ts_connections {
    int64_t max, open;
    struct ts_counter *cut;
};

struct entry {
    struct ts_connections *owner; /* NULL: none of ours has this number */
    ino_t inode;
    struct ts_peer peer;
    ts_time paid; /* until when the calls taken back so far use up what a second allows */
};

static struct {
    pthread_mutex_t lock;
    struct entry *entries; /* by file descriptor */
    size_t size;
    int64_t open;       /* entries with an owner */
    int64_t owners;     /* who are alive */
    ts_time next_sweep; /* counting out takes a tenth of the time at most */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- counting ---- */

/* The number may be somebody else's by now, who may just be closing it: that is what is asked. */
static bool holds(int fd, ino_t inode)
{
    struct statx s;
    return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO, &s) == 0 && S_ISSOCK(s.stx_mode) &&
           s.stx_ino == inode;
}

static void count_out(struct entry *e)
{
    if (!e->owner)
        return;
    e->owner->open--;
    table.open--;
    e->owner = NULL;
}

static void sweep(void)
{
    ts_time start = ts_now();
    if (start < table.next_sweep)
        return;
    for (size_t fd = 0; fd < table.size; fd++)
        if (table.entries[fd].owner && !holds((int)fd, table.entries[fd].inode))
            count_out(&table.entries[fd]);
    ts_time end = ts_now();
    table.next_sweep = end + 9 * (end - start);
}

static bool is_full(const struct ts_connections *c)
{
    return c->open >= c->max || table.open >= ts_connections_room();
}

static void grow(size_t fd)
{
    size_t size = 2 * fd + 64;
    table.entries = ts_realloc(table.entries, size * sizeof *table.entries);
    memset(table.entries + table.size, 0, (size - table.size) * sizeof *table.entries);
    table.size = size;
}

bool ts_connections_add(struct ts_connections *c, int fd, const struct sockaddr_storage *peer)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return false;
    pthread_mutex_lock(&table.lock);
    if ((size_t)fd >= table.size)
        grow((size_t)fd);
    struct entry *e = &table.entries[fd];
    count_out(e); /* who had the number before is gone */
    if (is_full(c))
        sweep();
    bool has_place = !is_full(c);
    if (has_place) {
        *e = (struct entry){.owner = c, .inode = s.st_ino, .peer = ts_peer_of(peer)};
        c->open++;
        table.open++;
    }
    pthread_mutex_unlock(&table.lock);
    return has_place;
}

struct ts_connections_state ts_connections_state(struct ts_connections *c)
{
    pthread_mutex_lock(&table.lock);
    sweep();
    struct ts_connections_state state = {c->max, c->open, ts_counted(c->cut)};
    pthread_mutex_unlock(&table.lock);
    return state;
}

/* ---- ending ---- */

/* Its owner learns it as if the peer had done it. Not by shutdown, after which everything that has arrived is still
 * read: the system may hold a few 100,000 calls of a connection. By a descriptor of our own, which stays what it is
 * while the owner closes the other. */
static void cut(struct entry *e)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int own = fcntl((int)(e - table.entries), F_DUPFD_CLOEXEC, 0);
    if (own >= 0 && holds(own, e->inode) && connect(own, &nobody, sizeof nobody) == 0)
        ts_count(e->owner->cut, 1);
    if (own >= 0)
        close(own);
    count_out(e);
}

static struct entry *find(const struct ts_connections *c, const struct ts_peer *peer)
{
    for (size_t fd = 0; fd < table.size; fd++)
        if (table.entries[fd].owner == c && ts_peer_is(&table.entries[fd].peer, peer))
            return &table.entries[fd];
    return NULL;
}

/* The generic cell rate algorithm (ITU-T I.371): each call is paid for with the time in which one is allowed. */
static bool is_within_budget(struct entry *e, ts_time now)
{
    if (e->paid < now)
        e->paid = now;
    e->paid += ONE_BACK;
    return e->paid - now <= BURST * ONE_BACK;
}

bool ts_connections_took_back(struct ts_connections *c, const char *peer, ts_time now)
{
    const struct ts_peer from = ts_peer_parse(peer);
    if (from.family == 0)
        return true;
    pthread_mutex_lock(&table.lock);
    struct entry *e = find(c, &from);
    bool goes_on = e && is_within_budget(e, now);
    if (e && !goes_on)
        cut(e);
    pthread_mutex_unlock(&table.lock);
    return goes_on;
}

/* ---- life ---- */

int64_t ts_connections_room(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX)
        return INT32_MAX;
    int64_t room = (int64_t)limit.rlim_cur * 3 / 4 - SPARE_DESCRIPTORS;
    return room > 1 ? room : 1;
}

struct ts_connections *ts_connections_new(int64_t max, struct ts_counter *cut, struct ts_err *err)
{
    int64_t room = ts_connections_room();
    if (max > room) {
        ts_fail(err, TS_RESOURCE_EXHAUSTED,
                "max_connections %" PRId64 ", but the limit on open files leaves room for %" PRId64
                "; set 'ulimit -n' to %" PRId64 " or more",
                max, room, (max + SPARE_DESCRIPTORS) * 4 / 3 + 1);
        return NULL;
    }
    struct ts_connections *c = ts_alloc(sizeof *c);
    if (max == 0)
        max = room < DEFAULT_MOST ? room : DEFAULT_MOST;
    c->max = max;
    c->cut = cut;
    pthread_mutex_lock(&table.lock);
    table.owners++;
    pthread_mutex_unlock(&table.lock);
    return c;
}

void ts_connections_free(struct ts_connections *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&table.lock);
    for (size_t fd = 0; fd < table.size; fd++)
        if (table.entries[fd].owner == c)
            count_out(&table.entries[fd]);
    if (--table.owners == 0) {
        free(table.entries);
        table.entries = NULL;
        table.size = 0;
    }
    pthread_mutex_unlock(&table.lock);
    free(c);
}
