/* SPDX-License-Identifier: Apache-2.0 */
/* probe_zygote.c - the smallest zygote there can be; its children are the probe. */
#include "probe.h"
#include "sandbox/carrier.h"

int main(void)
{
    struct carrier *c;
    struct err e = {0};
    int r;

    r = carrier_open(CARRIER_SOCK_FD, CARRIER_FILTER_FD, &c, &e);
    if (r >= 0)
        r = carrier_ready(c, &e);
    while (r >= 0 && (r = carrier_wait(c, &e)) == 1) {
        r = carrier_fork(c, &e);
        if (r == 0) {
            carrier_free(c);
            return probe_serve(true);
        }
    }
    return r < 0;
}
