/* SPDX-License-Identifier: Apache-2.0 */
/* h1_bytes.h - which byte may stand where in HTTP/1, one table for head and chunk decoder. */
#ifndef EVOKE_HTTP_H1_BYTES_H
#define EVOKE_HTTP_H1_BYTES_H

#include <stdint.h>

enum {
    H1_TOKEN = 1,  /* names and methods: tchar of RFC 9110 section 5.6.2 */
    H1_VALUE = 2,  /* tab, blank, visible ASCII, obs-text */
    H1_TARGET = 4, /* visible ASCII but '#', and bytes above: clients send raw UTF-8 paths */
    H1_HOST = 8,   /* reg-name of RFC 3986 without the comma */
    H1_IPV6 = 16,  /* inside [ ] */
};

extern const uint8_t h1_bytes[256];

#endif
