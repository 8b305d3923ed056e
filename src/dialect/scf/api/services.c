/* SPDX-License-Identifier: Apache-2.0 */
/* services.c - the products of the cloud that are asked at this address. */
#include "base/obj.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/vendor/vendor.h"

const struct scf_service *const scf_services[] = {
        &scf_service,
        &cam_service,
        &tag_service,
        &monitor_service,
};
const uint32_t scf_nservices = ARRAY_LEN(scf_services);
