/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_main.c - replays corpora as an ordinary test, where no libFuzzer drives the target.
 *
 * Each argument is a directory (every file in it, not deeper) or a file. An empty or absent corpus
 * is a failure: a replay of nothing proves nothing. The bytes are handed over in memory of exactly
 * their size, so that a sanitizer sees the first byte read past them.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static size_t replayed;

static void die(const char *path)
{
    perror(path);
    exit(1);
}

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    uint8_t *data;
    size_t n;

    if (!f || fstat(fileno(f), &st) < 0)
        die(path);
    data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
    if (!data)
        die(path);
    n = fread(data, 1, (size_t)st.st_size, f);
    if (n != (size_t)st.st_size)
        die(path);
    (void)LLVMFuzzerTestOneInput(data, n);
    replayed++;
    free(data);
    (void)fclose(f);
}

static void replay_directory(const char *path, DIR *d)
{
    char name[4096];

    for (struct dirent *entry; (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        replay_file(name);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);

        if (d) {
            replay_directory(argv[i], d);
            (void)closedir(d);
        } else {
            replay_file(argv[i]);
        }
    }
    printf("%zu inputs replayed\n", replayed);
    return replayed ? 0 : 1;
}
