/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - brings the metrics and the history together with those whose figures they are. */
#ifndef EVOKE_DAEMON_FIGURES_H
#define EVOKE_DAEMON_FIGURES_H

struct api;
struct audit;
struct catalog;
struct err;
struct figures; /* opaque */
struct fn;
struct http_server;
struct kv;
struct launch;
struct logs;
struct loop;
struct options;
struct otlp;
struct pool;

/* Opens the history in the data directory, which is the current one. */
int figures_open(struct loop *l, const struct options *o, struct figures **ret, struct err *e);
/* After the rooms they ask; what they counted last is written. */
struct figures *figures_free(struct figures *f);

/* Whom to ask, as they come to be. figures_watch(): metrics, history and counts of the api are set. */
void figures_ask(struct figures *f, const struct kv *kv, struct catalog *catalog, struct pool *pool,
                 struct launch *launch);
void figures_ask_logs(struct figures *f, const struct logs *logs, const struct audit *audit);
void figures_ask_traces(struct figures *f, struct otlp *otlp);
void figures_watch(struct figures *f, struct api *api);
void figures_serve(struct figures *f, const struct http_server *http);
void figures_hello(struct figures *f);              /* a launcher has come */
struct metrics *figures_metrics(struct figures *f); /* for invoker_watch() */
/* From now on nobody is asked: those who would be are about to go. */
void figures_hush(struct figures *f);

#endif
