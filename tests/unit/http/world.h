/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - a server with a small application, and clients, all on one loop and real sockets.
 *
 * Clients only send what they are told and collect what comes; tests wait for a text, the end of
 * the connection, or a condition, and a watchdog fails them after some seconds. No sleeps.
 */
#ifndef EVOKE_TESTS_WORLD_H
#define EVOKE_TESTS_WORLD_H

#include "base/buf.h"
#include "http/server.h"
#include "loop/loop.h"

enum { WORLD_CLIENTS = 16, BIG_BYTES = 24 * 1024 * 1024 };

struct client {
    struct world *w;
    int fd;
    struct loop_io *io;
    struct buf to_send, got;
    bool paused; /* takes nothing off its socket */
    bool ended, reset;
};

/*
 * The application, by path: /echo answers with the body, /park keeps the request, /none answers
 * 204, /head answers 401 in on_head, /early streams 401 there, /ten takes bodies of at most 10 bytes, /big and /bigbuf answer
 * BIG_BYTES, /headers tries http_add_header(), anything else answers 200 "hello".
 */
struct world {
    struct loop *l;
    struct http_server *server;
    struct loop_timer *watchdog;
    struct http_limits limits;
    int port;
    struct client clients[WORLD_CLIENTS];
    size_t nclients;
    struct http_request *parked[WORLD_CLIENTS]; /* in order of arrival; NULL when gone */
    size_t nparked;
    int heads, requests, cancels, refusals, rooms;
    int last_refusal;
    int refuse_as;      /* status to answer 413s with; 0: 413 */
    char last_path[64]; /* of the last refusal */
    bool drained, drain_in_request, free_in_request;
    uint64_t pump; /* bytes that on_room streams to parked[0] before it ends the answer */
    struct client *waiting;
    const char *wanted;
    bool done;
    bool (*condition)(struct world *w);
};

struct world *world_new(void (*tweak)(struct http_limits *l));
void world_free(struct world *w);
int world_listen_tcp(int *ret_port); /* a listening socket on the loopback */
void world_drain(struct world *w);
void world_pump(struct world *w, uint64_t bytes); /* a streamed answer to parked[0], the letters of
                                                     world_letter() */
char world_letter(uint64_t at);

struct client *client_new(struct world *w);
struct client *client_on(struct world *w, int connected_fd); /* taken */
void client_send(struct client *c, const char *text);
void client_send_bytes(struct client *c, struct str bytes);
void client_close(struct client *c, bool reset);
void client_want(struct client *c, const char *text); /* until it has come */
void client_want_end(struct client *c);               /* until the connection has ended */
void client_forget(struct client *c);                 /* what has come so far */
void client_pause(struct client *c, bool paused);
size_t client_count(const struct client *c, const char *text);
void world_until(struct world *w, bool (*condition)(struct world *w));
struct http_stats world_stats(const struct world *w);

#endif
