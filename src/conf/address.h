/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - "ADDRESS:PORT" of --listen. */
#ifndef EVOKE_CONF_ADDRESS_H
#define EVOKE_CONF_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/str.h"

struct err;

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

enum { ADDRESS_TEXT = 80 };

/* "127.0.0.1:8900", "[::1]:8900", "localhost:8900"; -EINVAL with a sentence. */
int address_parse(struct str where, union address *ret, socklen_t *ret_len, struct err *e);
/* text gets "ADDRESS:PORT" of an IPv4 or IPv6 address. */
const char *address_print(const union address *a, char text[ADDRESS_TEXT]);

#endif
