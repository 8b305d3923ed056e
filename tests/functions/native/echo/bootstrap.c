/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap.c - answers with the event; "fail" fails, "log" writes a line, "exit" ends it, "burn" takes 100 ms of CPU time,
 * "sleep" as long of none, "open" answers with what was told of the run. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "evoke.h"

static int is(const struct evoke_invocation *inv, const char *word)
{
    return inv->event_bytes == strlen(word) && memcmp(inv->event, word, inv->event_bytes) == 0;
}

static void burn(void)
{
    clock_t end = clock() + CLOCKS_PER_SEC / 10;

    while (clock() < end)
        ;
}

int main(void)
{
    static const char error[] = "{\"errorMessage\":\"asked to fail\",\"errorType\":\"Asked\"}";
    struct evoke_invocation inv;
    struct evoke_worker *w;
    int r;

    if (evoke_start(&w) < 0 || evoke_ready(w) < 0)
        return 1;
    while ((r = evoke_next_invocation(w, &inv)) == 1) {
        if (is(&inv, "exit"))
            exit(3);
        if (is(&inv, "\"burn\""))
            burn();
        if (is(&inv, "\"sleep\""))
            usleep(100000);
        if (is(&inv, "\"open\"")) {
            inv.event = inv.open;
            inv.event_bytes = strlen(inv.open);
        }
        if (is(&inv, "log"))
            r = evoke_log(w, "open: %s", inv.open);
        if (r >= 0)
            r = is(&inv, "fail") ? evoke_fail(w, error, sizeof(error) - 1)
                                 : evoke_answer(w, inv.event, inv.event_bytes);
        if (r < 0)
            break;
    }
    evoke_stop(w);
    return r < 0;
}
