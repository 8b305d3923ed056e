/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - network addresses at which nothing of ours may knock for somebody else. */
#ifndef EVOKE_BASE_ADDRESS_H
#define EVOKE_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Link-local, and the few others at which a cloud's metadata service answers, which trusts whoever
 * asks (docs/THREAT-MODEL.md). */
bool address_is_closed(const struct sockaddr *a);

#endif
