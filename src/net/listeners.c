/* listeners.c - accept4 with a limit, with errors that pass, and the watch on those that call it.
 * The library gets no context to accept4, so what is known of listeners is the process's, under one lock.
 * That a connection has been closed nobody tells: each accepted descriptor is remembered with its inode, and
 * those that hold another one by now are counted out when the places are used up. */
#include "net/listeners.h"

#include "base/buf.h"
#include "base/time.h"
#include "net/listener_probe.h"
#include "telemetry/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MOST_SOCKETS = 32,
    SILENT_CHECKS = 3,
    SPARE_DESCRIPTORS = 64,
    DEFAULT_MOST = 4096, /* an idle one costs 20 kB in gRPC core */
};

struct listener {
    int fd;
    uint64_t calls, calls_before; /* of accept4: now, and when the last probe went out */
    int silent;                   /* checks in a row without one */
    struct ts_listener_probe probe;
};

struct ts_listeners {
    LIST_ENTRY(ts_listeners) link;
    struct listener sockets[MOST_SOCKETS];
    size_t count;
    int64_t max, open;
    struct ts_counter *refused;
};

struct accepted {
    struct ts_listeners *owner; /* NULL: none of ours has this number */
    ino_t inode;
};

static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, ts_listeners) all;
    struct accepted *accepted; /* by file descriptor */
    size_t accepted_size;
    int64_t open;       /* entries with an owner */
    ts_time next_sweep; /* counting out takes a tenth of the time at most */
    int spare;          /* a descriptor to refuse with when there is no other; -1: none */
} process = {.lock = PTHREAD_MUTEX_INITIALIZER, .spare = -1};

static _Thread_local struct ts_listeners *opening;

/* ---- connections ---- */

static bool is_open(int fd, ino_t inode)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISSOCK(s.st_mode) && s.st_ino == inode;
}

static void count_out(struct accepted *a)
{
    if (!a->owner)
        return;
    a->owner->open--;
    process.open--;
    a->owner = NULL;
}

static void sweep(void)
{
    ts_time start = ts_now();
    if (start < process.next_sweep)
        return;
    for (size_t fd = 0; fd < process.accepted_size; fd++)
        if (process.accepted[fd].owner && !is_open((int)fd, process.accepted[fd].inode))
            count_out(&process.accepted[fd]);
    ts_time end = ts_now();
    process.next_sweep = end + 9 * (end - start);
}

static bool is_full(const struct ts_listeners *owner)
{
    return owner->open >= owner->max || process.open >= ts_listeners_room();
}

static bool has_place(const struct ts_listeners *owner)
{
    if (is_full(owner))
        sweep();
    return !is_full(owner);
}

static void count_in(struct ts_listeners *owner, int fd)
{
    struct stat s;
    size_t at = (size_t)fd;
    if (fstat(fd, &s) != 0)
        return;
    if (at >= process.accepted_size) {
        size_t size = 2 * at + 64;
        process.accepted = ts_realloc(process.accepted, size * sizeof *process.accepted);
        memset(process.accepted + process.accepted_size, 0,
               (size - process.accepted_size) * sizeof *process.accepted);
        process.accepted_size = size;
    }
    count_out(&process.accepted[at]); /* who had the number before is gone */
    process.accepted[at] = (struct accepted){owner, s.st_ino};
    owner->open++;
    process.open++;
}

/* ---- accepting ---- */

/* Of the peer or its network, as accept(2) lists them: the next one may be fine. */
static bool is_about_one_connection(int error)
{
    static const int list[] = {ECONNABORTED, EPERM,  EPROTO,       ENETDOWN,   ENOPROTOOPT,
                               EHOSTDOWN,    ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};
    for (size_t i = 0; i < TS_COUNT(list); i++)
        if (list[i] == error)
            return true;
    return false;
}

static int take(struct listener *l, struct sockaddr_storage *peer, socklen_t *len, int flags)
{
    *len = sizeof *peer;
    l->calls++;
    return (int)syscall(SYS_accept4, l->fd, peer, len, flags);
}

static void refuse(struct ts_listeners *owner, int fd)
{
    close(fd);
    ts_count(owner->refused, 1);
}

static void keep_spare(void)
{
    if (process.spare < 0)
        process.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* With no descriptor left one connection is accepted by that which was kept, and closed. */
static bool refuse_with_spare(struct ts_listeners *owner, struct listener *l)
{
    struct sockaddr_storage peer;
    socklen_t len;
    keep_spare();
    if (process.spare < 0)
        return false;
    close(process.spare);
    process.spare = -1;
    int fd = take(l, &peer, &len, 0);
    if (fd >= 0)
        refuse(owner, fd);
    keep_spare();
    return fd >= 0;
}

/* Like accept4. EAGAIN stands also for what passes: the library waits then, and the next connection, of a
 * client or of the watch, has it look again. */
static int accept_one(struct ts_listeners *owner, struct listener *l, struct sockaddr_storage *peer,
                      socklen_t *len, int flags)
{
    for (;;) {
        int fd = take(l, peer, len, flags);
        if (fd >= 0) {
            if (ts_listener_probe_is(&l->probe, peer, *len)) {
                close(fd);
            } else if (!has_place(owner)) {
                refuse(owner, fd);
            } else {
                count_in(owner, fd);
                return fd;
            }
        } else if (errno == EMFILE ? !refuse_with_spare(owner, l)
                                   : !is_about_one_connection(errno)) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                errno = EAGAIN;
            return -1;
        }
    }
}

static struct listener *find(int fd, struct ts_listeners **owner)
{
    LIST_FOREACH(*owner, &process.all, link)
    for (size_t i = 0; i < (*owner)->count; i++)
        if ((*owner)->sockets[i].fd == fd)
            return &(*owner)->sockets[i];
    return NULL;
}

/* By another name in C, because the declaration in <sys/socket.h> has a type that only libc may use. */
int ts_accept4(int listener, struct sockaddr *peer, socklen_t *len, int flags) __asm__("accept4");
int ts_listen(int fd, int backlog) __asm__("listen");

int ts_accept4(int listener, struct sockaddr *peer, socklen_t *len, int flags)
{
    struct ts_listeners *owner;
    struct sockaddr_storage from;
    socklen_t from_len = 0;
    pthread_mutex_lock(&process.lock);
    struct listener *l = find(listener, &owner);
    int fd = l ? accept_one(owner, l, &from, &from_len, flags) : -1;
    pthread_mutex_unlock(&process.lock);
    if (!l)
        return (int)syscall(SYS_accept4, listener, peer, len, flags);
    if (fd >= 0 && peer) {
        memcpy(peer, &from, *len < from_len ? *len : from_len);
        *len = from_len;
    }
    return fd;
}

int ts_listen(int fd, int backlog)
{
    int result = (int)syscall(SYS_listen, fd, backlog);
    if (result == 0 && opening && opening->count < MOST_SOCKETS) {
        pthread_mutex_lock(&process.lock);
        opening->sockets[opening->count++] = (struct listener){.fd = fd, .probe = {.fd = -1}};
        pthread_mutex_unlock(&process.lock);
    }
    return result;
}

/* ---- life ---- */

int64_t ts_listeners_room(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX)
        return INT32_MAX;
    int64_t room = (int64_t)limit.rlim_cur * 3 / 4 - SPARE_DESCRIPTORS;
    return room > 1 ? room : 1;
}

struct ts_listeners *ts_listeners_new(int64_t max, struct ts_counter *refused, struct ts_err *err)
{
    int64_t room = ts_listeners_room();
    if (max > room) {
        ts_fail(err, TS_RESOURCE_EXHAUSTED,
                "max_connections %" PRId64 ", but the limit on open files leaves room for %" PRId64
                "; set 'ulimit -n' to %" PRId64 " or more",
                max, room, (max + SPARE_DESCRIPTORS) * 4 / 3 + 1);
        return NULL;
    }
    struct ts_listeners *listeners = ts_alloc(sizeof *listeners);
    if (max == 0)
        max = room < DEFAULT_MOST ? room : DEFAULT_MOST;
    listeners->max = max;
    listeners->refused = refused;
    pthread_mutex_lock(&process.lock);
    keep_spare();
    LIST_INSERT_HEAD(&process.all, listeners, link);
    pthread_mutex_unlock(&process.lock);
    return listeners;
}

static void forget_sockets(struct ts_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        ts_listener_probe_end(&listeners->sockets[i].probe, listeners->sockets[i].fd);
    listeners->count = 0;
}

void ts_listeners_free(struct ts_listeners *listeners)
{
    if (!listeners)
        return;
    pthread_mutex_lock(&process.lock);
    LIST_REMOVE(listeners, link);
    forget_sockets(listeners);
    for (size_t fd = 0; fd < process.accepted_size; fd++)
        if (process.accepted[fd].owner == listeners)
            count_out(&process.accepted[fd]);
    if (LIST_EMPTY(&process.all)) {
        free(process.accepted);
        process.accepted = NULL;
        process.accepted_size = 0;
        if (process.spare >= 0)
            close(process.spare);
        process.spare = -1;
    }
    pthread_mutex_unlock(&process.lock);
    free(listeners);
}

void ts_listeners_begin(struct ts_listeners *listeners)
{
    pthread_mutex_lock(&process.lock);
    forget_sockets(listeners);
    pthread_mutex_unlock(&process.lock);
    opening = listeners;
}

void ts_listeners_end(void)
{
    opening = NULL;
}

struct ts_listeners_state ts_listeners_state(struct ts_listeners *listeners)
{
    pthread_mutex_lock(&process.lock);
    sweep();
    struct ts_listeners_state state = {listeners->max, listeners->open,
                                       ts_counted(listeners->refused)};
    pthread_mutex_unlock(&process.lock);
    return state;
}

/* ---- the watch ---- */

static bool check_one(struct listener *l)
{
    bool asked = l->probe.fd >= 0; /* else nothing has woken it */
    bool waits = ts_listener_probe_end(&l->probe, l->fd);
    if (l->calls != l->calls_before || !waits)
        l->silent = 0;
    else if (asked)
        l->silent++;
    l->calls_before = l->calls;
    ts_listener_probe_start(&l->probe, l->fd);
    return l->silent < SILENT_CHECKS && ts_listener_listens(l->fd);
}

bool ts_listeners_check(struct ts_listeners *listeners)
{
    bool alive = true;
    pthread_mutex_lock(&process.lock);
    for (size_t i = 0; i < listeners->count; i++)
        alive = check_one(&listeners->sockets[i]) && alive;
    pthread_mutex_unlock(&process.lock);
    return alive;
}
