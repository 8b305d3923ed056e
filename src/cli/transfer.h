/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.h - a request of libcurl that may be called off while it waits. */
#ifndef EVOKE_CLI_TRANSFER_H
#define EVOKE_CLI_TRANSFER_H

#include <curl/curl.h>
#include <stdint.h>

/*
 * As curl_easy_perform(), but as long as fewer than `whole` bytes of the request are sent it ends
 * early: with -EINTR after Ctrl-C (interrupt.h), with -EPIPE when nobody reads stdout any more. Else
 * 0, and *ret is the transfer's result. Connections are kept in multi.
 */
int transfer_watched(CURLM *multi, CURL *easy, uint64_t whole, CURLcode *ret);

#endif
