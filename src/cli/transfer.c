/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.c - libcurl's multi interface around one transfer, for the sake of two descriptors that
 * are not its own: Ctrl-C, and the pipe or terminal we write to. */
#include "cli/transfer.h"

#include <errno.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/term.h"

enum { LOOK_MS = 1000 };

static CURLcode result_of(CURLM *multi)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(multi, &left)))
        if (msg->msg == CURLMSG_DONE)
            return msg->data.result;
    return CURLE_FAILED_INIT;
}

static bool is_sent(CURL *easy, uint64_t whole)
{
    curl_off_t sent = 0;

    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return (uint64_t)sent >= whole;
}

int transfer_watched(CURLM *multi, CURL *easy, uint64_t whole, CURLcode *ret)
{
    struct curl_waitfd others[] = {
            {.fd = interrupt_fd(), .events = CURL_WAIT_POLLIN},
            {.fd = STDOUT_FILENO}, /* poll(2) tells of POLLERR unasked */
    };
    int running = 1, r = 0;

    if (curl_multi_add_handle(multi, easy) != CURLM_OK)
        return -ENOMEM;
    while (r == 0 && running) {
        bool sent = is_sent(easy, whole);

        if (curl_multi_perform(multi, &running) != CURLM_OK ||
            (running && curl_multi_poll(multi, others, sent ? 0 : 2, LOOK_MS, NULL) != CURLM_OK))
            r = -ENOMEM;
        if (sent || is_sent(easy, whole))
            continue;
        if (interrupt_seen())
            r = -EINTR;
        else if (!term_heard())
            r = -EPIPE;
    }
    if (r == 0)
        *ret = result_of(multi);
    curl_multi_remove_handle(multi, easy);
    return r;
}
