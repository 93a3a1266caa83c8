/* components.c - what is built in, and every setting of it, as YAML. */
#include "cmd/cmd.h"

#include <stdio.h>

int ts_cmd_components(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct ts_buf out = TS_BUF_INIT;
    ts_buf_add_str(&out, "buildinfo: {command: trustspan, version: " TS_VERSION "}\n");
    int last = -1;
    for (size_t i = 0; ts_components[i]; i++) {
        const struct ts_component *c = ts_components[i];
        if ((int)c->kind != last)
            ts_buf_printf(&out, "%ss:\n", ts_component_kind_name(c->kind));
        last = (int)c->kind;
        ts_buf_printf(&out, "  - name: %s\n    about: \"%s\"\n    settings:\n", c->type, c->about);
        ts_settings_describe(c->settings, 6, &out);
    }
    ts_buf_add_str(&out, "service:\n  settings:\n");
    ts_settings_describe(ts_service_table, 4, &out);
    fwrite(out.ptr, 1, out.len, stdout);
    ts_buf_release(&out);
    return 0;
}
