/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap.c - answers with its own assignment, whole: the JSON a native program is started with.
 */
#include <string.h>

#include "evoke.h"

int main(void)
{
    struct evoke_invocation inv;
    struct evoke_worker *w;
    int r;

    if (evoke_start(&w) < 0)
        return 1;
    if (!strstr(evoke_assigned(w), "\"handler\"")) {
        (void)evoke_failed_to_start(w, "{\"errorMessage\":\"no handler\",\"errorType\":\"Hello\"}");
        return 1;
    }
    if (strstr(evoke_assigned(w), "\"initializer\": \"") && evoke_loaded(w) < 0)
        return 1;
    if (evoke_log(w, "hello from the start") < 0 || evoke_ready(w) < 0)
        return 1;
    while ((r = evoke_next_invocation(w, &inv)) == 1) {
        r = evoke_answer(w, evoke_assigned(w), strlen(evoke_assigned(w)));
        if (r < 0)
            break;
    }
    evoke_stop(w);
    return r < 0;
}
