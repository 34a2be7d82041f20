/* A plugin that looks around in its process and tells what it sees. */
#define _GNU_SOURCE
#include "checker_plugin.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static int32_t give(checker_buffer *out, const char *text) {
    out->len = strlen(text);
    out->data = (uint8_t *)strdup(text);
    return CHECKER_PLUGIN_OK;
}

static int32_t describe(checker_buffer *out) {
    return give(out, "{\"name\":\"curious\",\"version\":\"1\",\"checks\":[{\"id\":\"curious/cat\","
                     "\"title\":\"t\",\"scope\":[\"cluster\"],\"when\":\"all\",\"levels\":[],"
                     "\"sources\":[\"a test\"]}]}");
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int32_t judge(const uint8_t *question, size_t len, checker_buffer *out) {
    char text[4096] = "{\"check\":\"curious/cat\",\"judgements\":[{\"target\":\"cluster\","
                      "\"outcome\":\"pass\",\"summary\":\"env";
    char *names[64], more[256], cwd[64] = "?";
    int count = 0, files = 0;
    for (char **at = environ; *at != NULL && count < 64; at++)
        names[count++] = strdup(*at);
    qsort(names, count, sizeof *names, by_name);
    for (int n = 0; n < count; n++) {
        strcat(text, " ");
        strncat(text, names[n], strcspn(names[n], "="));
    }
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        files += atoi(entry->d_name) > 2 && atoi(entry->d_name) != dirfd(dir);
    closedir(dir);
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    char byte;
    snprintf(more, sizeof more, "; files %d; leads %d; core %d; privs %d; stdin %d; cwd %s\"}]}", files,
             getsid(0) == getpid(), (int)core.rlim_cur, !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
             (int)read(0, &byte, 1),
             getcwd(cwd, sizeof cwd));
    strcat(text, more);
    return give(out, text);
}

static void give_back(checker_buffer buffer) { free(buffer.data); }

const checker_plugin *checker_plugin_entry(void) {
    static const checker_plugin plugin = {CHECKER_PLUGIN_ABI, sizeof plugin, describe, judge, give_back};
    return &plugin;
}
