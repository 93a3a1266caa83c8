/* window.c - as many calls at once as a service takes. */
#include "net/window.h"

#include <math.h>

enum { START = 4, MOST_PATIENCE = 256 };
#define CUT       0.7
#define NEARLY    0.9 /* of the last good size: from here on slowly */
#define FORGOTTEN 2.0

static int least(int a, int b)
{
    return a < b ? a : b;
}

void ts_window_init(struct ts_window *w, int most)
{
    *w = (struct ts_window){.size = least(START, most), .good = INFINITY, .most = most};
}

int ts_window_room(const struct ts_window *w)
{
    int room = (int)w->size;
    if (w->wall > 0)
        room = least(room, w->until_try > 0 ? w->wall - 1 : w->wall);
    return room > 1 ? room : 1;
}

static void move_wall(struct ts_window *w, int level)
{
    if (w->until_try > 0)
        w->until_try--;
    if (level < w->wall)
        return;
    w->wall = level + w->step;
    w->step *= 2;
    w->patience = w->until_try = w->wall;
    if (w->wall > (int)w->size)
        w->wall = 0;
}

void ts_window_taken(struct ts_window *w, int level, bool full)
{
    bool at_wall = w->wall > 0;
    if (level > w->proven)
        w->proven = level;
    if (at_wall)
        move_wall(w, level);
    if (!full || at_wall)
        return;
    bool near = w->size >= NEARLY * w->good;
    w->size = fmin(w->size + (near ? fmax(1 / w->size, 1.0 / 16) : 1), w->most);
    if (w->size > FORGOTTEN * w->good)
        w->good = INFINITY;
}

void ts_window_strained(struct ts_window *w, int in_flight, ts_time sent, ts_time now)
{
    if (sent < w->cut_at)
        return;
    w->size = fmin(w->size, in_flight);
    w->good = isinf(w->good) ? w->size : fmax(w->size, 0.95 * w->good);
    w->size = fmax(1, CUT * w->size);
    w->cut_at = now;
}

void ts_window_refused(struct ts_window *w, int level, ts_time sent, ts_time now)
{
    if (level <= w->proven) { /* as many went well: a second refusal decides */
        w->proven = level - 1;
        return;
    }
    if (level < 2 || (w->wall > 0 && level > w->wall)) /* sent when there was room for more */
        return;
    bool again = level == w->wall && sent >= w->wall_at;
    w->patience = again ? least(2 * w->patience, MOST_PATIENCE) : level;
    w->until_try = w->patience;
    w->step = 1;
    w->wall = level;
    w->wall_at = now;
}
