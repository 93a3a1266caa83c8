/* listeners.c - accept4 with a limit, with errors that pass, and the watch on those that call it.
 * The library gets no context to accept4, so what is known of listeners is the process's, under one lock. */
#include "net/listeners.h"

#include "base/buf.h"
#include "net/connections.h"
#include "net/listener_probe.h"
#include "telemetry/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_SOCKETS = 32, SILENT_CHECKS = 3 };

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
    struct ts_connections *connections;
    struct ts_counter *refused;
};

static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, ts_listeners) all;
    int spare; /* a descriptor to refuse with when there is no other; -1: none */
} process = {.lock = PTHREAD_MUTEX_INITIALIZER, .spare = -1};

static _Thread_local struct ts_listeners *opening;

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
            } else if (ts_connections_add(owner->connections, fd, peer)) {
                return fd;
            } else {
                refuse(owner, fd);
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

struct ts_listeners *ts_listeners_new(struct ts_connections *connections,
                                      struct ts_counter *refused)
{
    struct ts_listeners *listeners = ts_alloc(sizeof *listeners);
    listeners->connections = connections;
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
    if (LIST_EMPTY(&process.all) && process.spare >= 0) {
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
