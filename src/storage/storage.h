/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage.h - the HTTP face of our buckets, in the XML form that S3, OSS, COS and OBS share, and the
 * links by which stored packages are fetched. docs/objects.md
 */
#ifndef EVOKE_STORAGE_STORAGE_H
#define EVOKE_STORAGE_STORAGE_H

struct api_set;

/* Requests to a bucket's name, and under our own names those with a signature of storage. */
extern const struct api_set storage_api;
/* "/.evoke/code/...": see code_link() in api/code_source.h. */
extern const struct api_set links_api;

#endif
