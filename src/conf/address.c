/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static int parse(struct str where, union address *ret, socklen_t *ret_len)
{
    char host[INET6_ADDRSTRLEN];
    struct str addr = where;
    uint64_t port;
    size_t colon = where.n;

    while (colon > 0 && where.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || str_u64(str_from(where, colon), 0, 65535, &port) < 0)
        return -EINVAL;
    addr.n = colon - 1;
    if (str_eq(addr, S("localhost")))
        addr = S("127.0.0.1");
    if (addr.n > 2 && addr.p[0] == '[' && addr.p[addr.n - 1] == ']')
        addr = (struct str){addr.p + 1, addr.n - 2};
    if (addr.n >= sizeof(host))
        return -EINVAL;
    snprintf(host, sizeof(host), "%.*s", STR_ARG(addr));

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        *ret_len = sizeof(ret->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_len = sizeof(ret->v6);
        return 0;
    }
    return -EINVAL;
}

int address_parse(struct str where, union address *ret, socklen_t *ret_len, struct err *e)
{
    if (parse(where, ret, ret_len) == 0)
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL,
                   "'%.*s' must be ADDRESS:PORT, such as 127.0.0.1:8900 or [::1]:8900",
                   STR_ARG(where));
}

const char *address_print(const union address *a, char text[ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN];

    if (a->any.sa_family == AF_INET)
        snprintf(text, ADDRESS_TEXT, "%s:%u",
                 inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host)), ntohs(a->v4.sin_port));
    else
        snprintf(text, ADDRESS_TEXT, "[%s]:%u",
                 inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host)), ntohs(a->v6.sin6_port));
    return text;
}
