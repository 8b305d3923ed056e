/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - the names that are ours. No table: there are few, and most requests end at the first. */
#include "api/host.h"

#include <arpa/inet.h>
#include <limits.h>
#include <unistd.h>

#include "fn/vendor.h"

static struct str without_port(struct str host)
{
    size_t end = host.n;

    while (end > 0 && host.p[end - 1] >= '0' && host.p[end - 1] <= '9')
        end--;
    if (end > 0 && host.p[end - 1] == ':')
        return (struct str){host.p, end - 1};
    return host;
}

static bool is_address(struct str name)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr room;
    bool six = name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    struct str bare = six ? (struct str){name.p + 1, name.n - 2} : name;

    if (bare.n >= sizeof(text))
        return false;
    memcpy(text, bare.p, bare.n);
    text[bare.n] = '\0';
    return inet_pton(six ? AF_INET6 : AF_INET, text, &room) == 1;
}

static bool ends_in_localhost(struct str name)
{
    const struct str end = S(".localhost");

    return name.n > end.n && str_ieq(str_from(name, name.n - end.n), end);
}

static bool is_listed(struct str name, struct str listed)
{
    while (listed.n > 0)
        if (str_ieq(name, str_trim(str_cut(&listed, ','))))
            return true;
    return false;
}

static bool is_machine(struct str name)
{
    char own[HOST_NAME_MAX + 1];

    if (gethostname(own, sizeof(own)) < 0)
        return false;
    own[HOST_NAME_MAX] = '\0';
    return str_ieq(name, str_of(own));
}

bool host_is_ours(struct str host, struct str listed)
{
    struct str name = without_port(host);

    if (host.n == 0 || is_address(name) || str_ieq(name, S("localhost")))
        return true;
    return name.n > 0 && (ends_in_localhost(name) || is_listed(name, listed) || is_machine(name) ||
                          vendor_of(name) == VENDOR_API);
}
