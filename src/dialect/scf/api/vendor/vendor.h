/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vendor.h - the other products of Tencent Cloud that tools ask on their way to SCF, as far as they do:
 * who is this account (CAM), tags (TAG), figures (MONITOR), and two calls of the vendor's own plugin.
 * docs/compat/scf-vendor.md
 */
#ifndef EVOKE_DIALECT_SCF_VENDOR_H
#define EVOKE_DIALECT_SCF_VENDOR_H

#include "dialect/scf/api/scf_api.h"

extern const struct scf_service cam_service;     /* 2019-01-16 */
extern const struct scf_service tag_service;     /* 2018-08-13 */
extern const struct scf_service monitor_service; /* 2018-07-24 */

#endif
