/* SPDX-License-Identifier: Apache-2.0 */
/* apig_handlers.h - the operations of API Gateway's control plane; each in the file of its subject,
 * all of them named in apig_ops.c. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_APIG_HANDLERS_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_APIG_HANDLERS_H

struct call;

/* apig_api.c */
void apig_create_api(struct call *c);
void apig_update_api(struct call *c);
void apig_show_api(struct call *c);
void apig_delete_api(struct call *c);
void apig_check_api(struct call *c);
void apig_list_apis(struct call *c);

/* apig_app.c */
void apig_create_app(struct call *c);
void apig_list_apps(struct call *c);
void apig_show_app(struct call *c);
void apig_check_app(struct call *c);
void apig_update_app(struct call *c);
void apig_reset_app_secret(struct call *c);
void apig_delete_app(struct call *c);
void apig_create_app_code(struct call *c);
void apig_make_app_code(struct call *c);
void apig_list_app_codes(struct call *c);
void apig_show_app_code(struct call *c);
void apig_delete_app_code(struct call *c);

/* apig_auth.c */
void apig_authorize_apps(struct call *c);
void apig_cancel_auth(struct call *c);
void apig_list_apps_apis(struct call *c);
void apig_list_apis_apps(struct call *c);
void apig_list_unbound_apis(struct call *c);

/* apig_authorizer.c */
void apig_create_authorizer(struct call *c);
void apig_list_authorizers(struct call *c);
void apig_show_authorizer(struct call *c);
void apig_update_authorizer(struct call *c);
void apig_delete_authorizer(struct call *c);

/* apig_debug.c */
void apig_debug_api(struct call *c);

/* apig_domain.c */
void apig_bind_domain(struct call *c);
void apig_update_domain(struct call *c);
void apig_unbind_domain(struct call *c);

/* apig_env.c */
void apig_create_env(struct call *c);
void apig_list_envs(struct call *c);
void apig_update_env(struct call *c);
void apig_delete_env(struct call *c);
void apig_create_variable(struct call *c);
void apig_list_variables(struct call *c);
void apig_show_variable(struct call *c);
void apig_update_variable(struct call *c);
void apig_delete_variable(struct call *c);

/* apig_group.c */
void apig_create_group(struct call *c);
void apig_list_groups(struct call *c);
void apig_show_group(struct call *c);
void apig_update_group(struct call *c);
void apig_delete_group(struct call *c);
void apig_check_group(struct call *c);
void apig_set_sl_domain(struct call *c);

/* apig_instance.c */
void apig_list_instances(struct call *c);
void apig_show_instance(struct call *c);
void apig_show_progress(struct call *c);
void apig_count_groups(struct call *c);
void apig_count_apis(struct call *c);
void apig_count_apps(struct call *c);
void apig_list_tags(struct call *c);
void apig_list_nothing(struct call *c);
void apig_not_supported(struct call *c);

/* apig_publish.c */
void apig_publish(struct call *c);
void apig_publish_many(struct call *c);

/* apig_response.c */
void apig_create_response(struct call *c);
void apig_list_responses(struct call *c);
void apig_show_response(struct call *c);
void apig_update_response(struct call *c);
void apig_delete_response(struct call *c);
void apig_show_response_type(struct call *c);
void apig_update_response_type(struct call *c);
void apig_reset_response_type(struct call *c);

/* apig_throttle.c */
void apig_create_throttle(struct call *c);
void apig_list_throttles(struct call *c);
void apig_show_throttle(struct call *c);
void apig_update_throttle(struct call *c);
void apig_delete_throttle(struct call *c);
void apig_bind_throttle(struct call *c);
void apig_unbind_throttle(struct call *c);
void apig_unbind_throttles(struct call *c);
void apig_list_throttled_apis(struct call *c);
void apig_list_unthrottled_apis(struct call *c);
void apig_list_api_throttles(struct call *c);

/* apig_version.c */
void apig_list_versions(struct call *c);
void apig_switch_version(struct call *c);
void apig_show_version(struct call *c);
void apig_show_runtime(struct call *c);
void apig_delete_version(struct call *c);

#endif
