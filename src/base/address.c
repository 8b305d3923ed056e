/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Link-local, and the metadata services of Alibaba, Azure and Oracle. */
static bool is_closed_v4(uint32_t ip)
{
    return ip >> 16 == 0xa9fe || ip == 0x646464c8 || ip == 0xa83f8110 || ip >> 8 == 0xc00000;
}

bool address_is_closed(const struct sockaddr *a)
{
    static const uint8_t aws[] = {0xfd, 0x00, 0x0e, 0xc2}, nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
    uint32_t ip;

    if (a->sa_family == AF_INET)
        return is_closed_v4(ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr));
    if (a->sa_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(v6) || memcmp(v6, nat64, sizeof(nat64)) == 0) {
        memcpy(&ip, v6->s6_addr + 12, sizeof(ip));
        return is_closed_v4(ntohl(ip));
    }
    return IN6_IS_ADDR_LINKLOCAL(v6) || memcmp(v6, aws, sizeof(aws)) == 0;
}
