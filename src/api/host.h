/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - is a request addressed to us by a name of ours? A page that a browser got from a stranger
 * may point its own name at this machine afterwards (DNS rebinding) and then reads our answers as its
 * own; the Host it sends is still the stranger's.
 *
 * Ours are: no Host at all (only HTTP/1.0 leaves it out, no browser), any IP address, "localhost" and
 * what ends in ".localhost" (browsers never ask the network for these), the machine's own name, the
 * names listed, and those of the clouds' APIs (fn/vendor.h), which no stranger can make.
 */
#ifndef EVOKE_API_HOST_H
#define EVOKE_API_HOST_H

#include <stdbool.h>

#include "base/str.h"

/* host as sent, with or without a port. listed: names separated by commas; may be empty. */
bool host_is_ours(struct str host, struct str listed);

#endif
