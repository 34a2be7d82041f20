/* A plugin that does what a plugin must not, as -DMODE="…" says. Its one check
 * is bad/MODE, of every backend. */
#define _GNU_SOURCE
#include "checker_plugin.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SCOPE
#define SCOPE "backend"
#endif

static int is(const char *mode) { return strcmp(MODE, mode) == 0; }

#ifdef UNDEFINED
/* Nobody has it: the library can't be loaded. */
void checker_nobody_has_this(void);
void (*undefined)(void) = checker_nobody_has_this;
#endif

static void crash(void) { *(volatile int *)8 = 1; }

static void wait_for_ever(void) {
    for (;;)
        sleep(1000);
}

static int32_t give(checker_buffer *out, const char *text) {
    out->len = strlen(text);
    out->data = (uint8_t *)strdup(text);
    return CHECKER_PLUGIN_OK;
}

__attribute__((constructor)) static void at_load(void) {
    if (is("load-crash"))
        crash();
    if (is("load-hang"))
        wait_for_ever();
    if (is("load-exit"))
        exit(0);
}

static int32_t describe(checker_buffer *out) {
    static char text[4096];
    const char *id = "bad/" MODE;
    const char *probe = "echo ok", *command = "status -J", *more = "", *title = "Bad";
    if (is("describe-crash"))
        crash();
    if (is("describe-hang"))
        wait_for_ever();
    if (is("describe-garbage"))
        return give(out, "\xff\xfe not { json");
    if (is("describe-nothing"))
        return give(out, "{\"name\":\"nothing\",\"version\":\"1\",\"checks\":[]}");
    if (is("describe-endless"))
        for (;;)
            puts("and on, and on, and on, and on, and on, and on");
    if (is("id-built-in"))
        id = "health/status";
    if (is("id-of-scripts"))
        id = "ext/010_ping";
    if (is("id-malformed"))
        id = "../../etc/passwd";
    if (is("id-twice"))
        more = ",{\"id\":\"bad/id-twice\",\"title\":\"t\",\"scope\":[\"backend\"],\"when\":\"all\","
               "\"levels\":[],\"sources\":[\"s\"]}";
    if (is("title-escape"))
        title = "Bad\\u001b[2J\\u001b[1;1Hall is well";
    if (is("title-turns"))
        title = "Bad\\u202e";
    if (is("probe-writes"))
        probe = "rm -rf /opt/weka/x";
    if (is("probe-stops"))
        probe = "weka local stop";
    if (is("command-changes"))
        command = "cluster task -J abort 4";
    snprintf(text, sizeof text,
             "{\"name\":\"%s\",\"version\":\"6.6.6\",\"commands\":[{\"key\":\"c\",\"variants\":[\"%s\"]}],"
             "\"probes\":[{\"key\":\"p\",\"script\":\"%s\",\"sample\":\"ok\\n\"}],"
             "\"checks\":[{\"id\":\"%s\",\"title\":\"%s\",\"scope\":[\"" SCOPE "\"],\"when\":\"all\","
             "\"levels\":[\"fail\"],\"sources\":[\"a test\"],\"evidence\":[\"p\",\"c\"]}%s]}",
             MODE, command, probe, id, title, more);
    return give(out, text);
}

/* A green answer about every target that was asked, and about `more`. */
static int32_t green(checker_buffer *out, const char *check, const char *question, size_t len,
                     const char *more, int at_most, int times) {
    char *text = NULL;
    size_t size = 0;
    FILE *answer = open_memstream(&text, &size);
    const char *at = question, *end = question + len, *mark = "{\"target\":\"";
    const char *outcome = is("always-unknown") ? "unknown" : is("always-skipped") ? "skipped" : "pass";
    int count = 0;
    fprintf(answer, "{\"check\":\"%s\",\"judgements\":[", check);
    while ((at = memmem(at, (size_t)(end - at), mark, strlen(mark))) != NULL && count < at_most) {
        const char *name = at + strlen(mark);
        const char *name_end = memchr(name, '"', (size_t)(end - name));
        for (int n = 0; n < times; n++)
            fprintf(answer, "%s{\"target\":\"%.*s\",\"outcome\":\"%s\",\"summary\":\"all is well\"}",
                    count++ ? "," : "", (int)(name_end - name), name, outcome);
        at = name_end;
    }
    if (more != NULL)
        fprintf(answer, "%s{\"target\":\"%s\",\"outcome\":\"pass\",\"summary\":\"all is well\"}",
                count ? "," : "", more);
    fputs("]}", answer);
    fclose(answer);
    out->data = (uint8_t *)text;
    out->len = size;
    return CHECKER_PLUGIN_OK;
}

static int32_t judge(const uint8_t *bytes, size_t len, checker_buffer *out) {
    const char *question = (const char *)bytes;
    const char *id = "bad/" MODE;
    if (is("judge-crash"))
        crash();
    if (is("judge-abort"))
        abort();
    if (is("judge-exit"))
        exit(0);
    if (is("judge-hang"))
        wait_for_ever();
    if (is("judge-spin"))
        for (volatile int n = 0;; n++)
            ;
    if (is("judge-fork")) {
        /* Somebody else holds the pipes when this process is gone. */
        if (fork() == 0) {
            setsid();
            sleep(20);
        }
        _exit(3);
    }
    if (is("judge-kill"))
        kill(getpid(), SIGKILL);
    if (is("judge-memory")) {
        for (;;) {
            char *more = malloc(16 << 20);
            if (more == NULL)
                abort();
            memset(more, 1, 16 << 20);
        }
    }
    if (is("judge-endless"))
        for (;;)
            fputs("and on, and on, and on, and on, and on, and on\n", stderr);
    if (is("judge-huge")) {
        out->len = (size_t)9 << 20;
        out->data = malloc(out->len);
        memset(out->data, ' ', out->len);
        return CHECKER_PLUGIN_OK;
    }
    if (is("judge-false-length")) {
        give(out, "{}");
        out->len = (size_t)7 << 20;
        return CHECKER_PLUGIN_OK;
    }
    if (is("judge-null")) {
        out->len = 100;
        return CHECKER_PLUGIN_OK;
    }
    if (is("judge-garbage"))
        return give(out, "everything is green");
    if (is("judge-bytes"))
        return give(out, "{\"check\":\"\xff\xfe\"}");
    if (is("judge-pipe")) {
        for (int fd = 3; fd < 64; fd++)
            if (write(fd, "?????? this is no frame", 23) < 0)
                continue;
        wait_for_ever();
    }
    if (is("judge-forged")) {
        /* An answer behind the host's back, and the real one behind it. */
        for (int fd = 3; fd < 64; fd++)
            if (write(fd, "A\0\0\0\002{}", 7) < 0)
                continue;
    }
    if (is("judge-closes")) {
        for (int fd = 0; fd < 64; fd++)
            close(fd);
        wait_for_ever();
    }
    if (is("judge-writes")) {
        int fd = open("/tmp/checker-misbehaving", O_WRONLY | O_CREAT, 0600);
        if (fd >= 0 && write(fd, "x", 1) == 1)
            return green(out, id, question, len, NULL, 1000, 1);
    }
    if (is("judge-fails")) {
        give(out, "the moon is full");
        return CHECKER_PLUGIN_FAILED;
    }
    if (is("judge-other-check"))
        return green(out, "health/status", question, len, NULL, 1000, 1);
    if (is("judge-other-server"))
        return green(out, id, question, len, "weka-99", 1000, 1);
    if (is("judge-cluster"))
        return green(out, id, question, len, "cluster", 1000, 1);
    if (is("judge-twice"))
        return green(out, id, question, len, NULL, 1000, 2);
    if (is("judge-one"))
        return green(out, id, question, len, NULL, 1, 1);
    return green(out, id, question, len, NULL, 1000, 1);
}

static void give_back(checker_buffer buffer) {
    if (is("free-crash"))
        crash();
    free(buffer.data);
}

#ifndef NO_ENTRY
const checker_plugin *checker_plugin_entry(void) {
    static checker_plugin plugin = {CHECKER_PLUGIN_ABI, sizeof plugin, describe, judge, give_back};
    if (is("entry-null"))
        return NULL;
    if (is("abi-other"))
        plugin.abi = 2;
    if (is("abi-short"))
        plugin.size = 8;
    if (is("no-judge"))
        plugin.judge = NULL;
    return &plugin;
}
#endif
