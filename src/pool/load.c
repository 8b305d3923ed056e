/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - jobs that run nothing: does an instance of this function load?
 *
 * One that has loaded is the answer, busy or not. Else the job gets a start like any other job, but
 * those that come while one is under way share it, whomever it is for: to ask twice costs one
 * instance. A job that wants to run does not count on a start less because somebody looks at it
 * (supply_coming()).
 *
 * What always holds: a job waits in group->loads only as long as an instance of the group starts;
 * the first to be ready, or to end before it was, answers all of them.
 */
#include "pool/supply.h"

static const struct instance *loaded_one(const struct group *g)
{
    list_each (it, &g->instances) {
        const struct instance *in = container_of(it, struct instance, node);

        if (in->ready && in->state <= INST_BUSY)
            return in;
    }
    return NULL;
}

static void tell_there(struct pool *p, const struct instance *in, struct job *job)
{
    const struct job_report report = {
            .end = JOB_DONE,
            .cold = !in->ran,
            .memory_bytes = in->memory_bytes,
            .exit_code = -1,
    };

    job->ops->on_start(job->user, in->id, !in->ran);
    pool_tell_later(p, job, &report, &(struct err){0}, STR_NONE);
}

void load_there(struct instance *in, struct job *job)
{
    tell_there(in->group->pool, in, job);
}

bool load_join(struct group *g, struct job *job)
{
    const struct instance *in = loaded_one(g);

    if (in)
        tell_there(g->pool, in, job);
    else if (!list_empty(&g->starting))
        list_push_back(&g->loads, &job->node);
    else
        return false;
    return true;
}

void load_came(struct instance *in)
{
    for (struct list *it; (it = list_pop_front(&in->group->loads)) != NULL;)
        load_there(in, container_of(it, struct job, node));
}

void load_failed(struct group *g, const struct instance *in)
{
    const struct job_report report = {
            .end = in->end,
            .init_ns = in->init_ns,
            .cold = true,
            .memory_bytes = in->memory_bytes,
            .exit_code = in->exit_code,
            .signal = in->signal,
    };

    for (struct list *it; (it = list_pop_front(&g->loads)) != NULL;)
        pool_tell_later(g->pool, container_of(it, struct job, node), &report, &in->err,
                        buf_str(&in->init_error));
}

void load_end_all(struct group *g, const struct err *e)
{
    for (struct list *it; (it = list_pop_front(&g->loads)) != NULL;)
        pool_end_later(g->pool, container_of(it, struct job, node), e);
}

bool load_leave(const struct pool *p, struct job *job)
{
    struct family *f = family_find(&p->lines, job->fn);

    list_each (group_it, &f->groups) {
        struct group *g = container_of(group_it, struct group, kin);

        list_each (it, &g->loads)
            if (container_of(it, struct job, node) == job) {
                list_remove(&job->node);
                return true;
            }
    }
    return false;
}
