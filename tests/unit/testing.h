/* testing.h - cmocka with the includes that it wants before it. */
#ifndef TS_TESTING_H
#define TS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/view.h"

/* The view holds exactly this text. */
#define assert_view_is(view, text)                                                                 \
    do {                                                                                           \
        ts_view ts_got_ = (view);                                                                  \
        char *ts_copy_ = ts_view_dup(ts_got_);                                                     \
        assert_string_equal(ts_copy_, (text));                                                     \
        free(ts_copy_);                                                                            \
    } while (0)

#include "base/buf.h"
#include <stdlib.h>

#endif
