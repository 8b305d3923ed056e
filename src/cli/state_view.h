/* SPDX-License-Identifier: Apache-2.0 */
/* state_view.h - parts of a function's state (docs/admin-api.md, State) for people. A part that has
 * nothing to say prints nothing. */
#ifndef EVOKE_CLI_STATE_VIEW_H
#define EVOKE_CLI_STATE_VIEW_H

struct cJSON;
struct view;

void state_view_figures(const struct view *v, const struct cJSON *state);
void state_view_instances(const struct view *v, const struct cJSON *state);
void state_view_starts(const struct view *v, const struct cJSON *state);
void state_view_failures(const struct view *v, const struct cJSON *state);

#endif
