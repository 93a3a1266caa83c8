/* What is remembered, and what is forgotten first. Time is a number here. */
#include "testing.h"

#include "base/lru.h"

enum { AGE = 100 };

struct thing {
    int number;
    struct ts_lru_item item;
};

static int dropped[8], drops;

static void drop(struct ts_lru_item *item)
{
    struct thing *thing = TS_CONTAINER_OF(item, struct thing, item);
    dropped[drops++] = thing->number;
    free(thing);
}

static void key_of(int number, uint8_t key[16])
{
    memset(key, 0, 16);
    key[15] = (uint8_t)number;
    key[14] = (uint8_t)(number >> 8);
}

static struct thing *add(struct ts_lru *lru, int number, size_t bytes, ts_time now)
{
    uint8_t key[16];
    struct thing *thing = ts_alloc(sizeof *thing);
    thing->number = number;
    key_of(number, key);
    ts_lru_add(lru, &thing->item, key, bytes, now);
    return thing;
}

static struct thing *find(struct ts_lru *lru, int number, ts_time now)
{
    uint8_t key[16];
    key_of(number, key);
    struct ts_lru_item *item = ts_lru_find(lru, key, now);
    return item ? TS_CONTAINER_OF(item, struct thing, item) : NULL;
}

static void begin(struct ts_lru *lru)
{
    drops = 0;
    ts_lru_init(lru, 1000, AGE, drop);
}

static void each_is_found_by_its_whole_key(void **state)
{
    (void)state;
    enum { MANY = 40000 }; /* more than there are chains */
    struct ts_lru lru;
    ts_lru_init(&lru, MANY, AGE, drop);
    for (int i = 0; i < MANY; i++)
        add(&lru, i, 1, 1);
    assert_int_equal(lru.count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(find(&lru, i, 1)->number, i);
    assert_null(find(&lru, MANY, 1));
    while (lru.oldest) {
        drops = 0;
        lru.max_bytes = lru.bytes - 1;
        ts_lru_trim(&lru, 1);
    }
    assert_null(find(&lru, 7, 1));
    ts_lru_release(&lru);
}

static void the_one_used_longest_ago_makes_room(void **state)
{
    (void)state;
    struct ts_lru lru;
    begin(&lru);
    for (int i = 1; i <= 4; i++)
        add(&lru, i, 250, i);
    ts_lru_trim(&lru, 5);
    assert_int_equal(drops, 0); /* full is not too much */
    find(&lru, 1, 6);
    find(&lru, 3, 7);
    add(&lru, 5, 300, 8);
    ts_lru_trim(&lru, 8);
    assert_int_equal(drops, 2);
    assert_int_equal(dropped[0], 2);
    assert_int_equal(dropped[1], 4);
    assert_int_equal(lru.bytes, 800);
    assert_int_equal(lru.count, 3);
    assert_int_equal(lru.forgotten, 2);
    ts_lru_release(&lru);
}

static void what_is_too_old_goes_and_is_not_counted_as_forgotten(void **state)
{
    (void)state;
    struct ts_lru lru;
    begin(&lru);
    add(&lru, 1, 10, 0);
    add(&lru, 2, 10, 1);
    add(&lru, 3, 10, 0 + AGE);
    ts_lru_trim(&lru, AGE);
    assert_int_equal(drops, 0); /* to the moment */
    ts_lru_trim(&lru, AGE + 1);
    assert_int_equal(drops, 1);
    assert_int_equal(dropped[0], 1);
    find(&lru, 2, AGE + 1); /* used again, young again */
    ts_lru_trim(&lru, 2 * AGE + 1);
    assert_int_equal(drops, 2);
    assert_int_equal(dropped[1], 3);
    assert_int_equal(lru.forgotten, 0);
    ts_lru_release(&lru);
}

static void growing_and_shrinking_is_counted(void **state)
{
    (void)state;
    struct ts_lru lru;
    begin(&lru);
    struct thing *first = add(&lru, 1, 400, 1);
    struct thing *second = add(&lru, 2, 400, 2);
    ts_lru_resize(&lru, &second->item, 700);
    assert_int_equal(lru.bytes, 1100);
    ts_lru_resize(&lru, &first->item, 100);
    assert_int_equal(lru.bytes, 800);
    assert_int_equal(first->item.bytes, 100);
    ts_lru_resize(&lru, &second->item, 1001); /* by itself too large: nothing is left */
    ts_lru_trim(&lru, 3);
    assert_int_equal(drops, 2);
    assert_int_equal(lru.bytes, 0);
    assert_int_equal(lru.count, 0);
    assert_null(lru.newest);
    ts_lru_release(&lru);
}

static void release_drops_all_and_accepts_nothing(void **state)
{
    (void)state;
    struct ts_lru lru;
    begin(&lru);
    add(&lru, 1, 1, 1);
    add(&lru, 2, 1, 2);
    ts_lru_release(&lru);
    assert_int_equal(drops, 2);
    struct ts_lru nothing = {0};
    ts_lru_release(&nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_by_its_whole_key),
        cmocka_unit_test(the_one_used_longest_ago_makes_room),
        cmocka_unit_test(what_is_too_old_goes_and_is_not_counted_as_forgotten),
        cmocka_unit_test(growing_and_shrinking_is_counted),
        cmocka_unit_test(release_drops_all_and_accepts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
