/* A whole plugin in C: no server swaps. Build it with
 *     cc -shared -fPIC -I plugins/sdk/include -o swap.so plugins/examples/swap.c
 * then look at it with `checker plugin check swap.so`. */
#include "checker_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char DESCRIPTION[] =
    "{\"name\":\"swap\",\"version\":\"1.0.0\","
    "\"probes\":[{\"key\":\"swaps\",\"script\":\"cat /proc/swaps\","
    "\"sample\":\"Filename\\tType\\tSize\\tUsed\\tPriority\\n\"}],"
    "\"checks\":[{\"id\":\"server/swap\",\"title\":\"No server swaps\","
    "\"scope\":[\"backend\"],\"when\":\"all\",\"levels\":[\"warn\"],"
    "\"sources\":[\"Field script 560_check_for_swap\"],\"evidence\":[\"swaps\"],"
    "\"explanation\":\"## What it looks at\\nThe swap areas in /proc/swaps.\\n"
    "## Why it matters\\nA process of WEKA's that is swapped out misses its heartbeat.\\n"
    "## If ignored\\nA container can be lost while the others restart.\\n"
    "## How to fix\\nTurn it off with `swapoff -a`, and in /etc/fstab.\"}]}";

/* The first place of `what` in a text, or its end. */
static const char *find(const char *from, const char *end, const char *what) {
    size_t len = strlen(what);
    for (; (size_t)(end - from) >= len; from++)
        if (memcmp(from, what, len) == 0)
            return from;
    return end;
}

/* The quote that ends the JSON string which begins here. */
static const char *end_of_string(const char *at, const char *end) {
    for (; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at;
}

static int32_t describe(checker_buffer *out) {
    out->len = sizeof DESCRIPTION - 1;
    out->data = malloc(out->len);
    if (out->data == NULL)
        return CHECKER_PLUGIN_FAILED;
    memcpy(out->data, DESCRIPTION, out->len);
    return CHECKER_PLUGIN_OK;
}

static int32_t judge(const uint8_t *question, size_t len, checker_buffer *out) {
    static const char TARGET[] = "{\"target\":\"", STDOUT[] = "\"stdout\":\"";
    const char *at = (const char *)question, *end = at + len;
    char *text = NULL;
    size_t size = 0;
    int first = 1;
    FILE *answer = open_memstream(&text, &size);
    if (answer == NULL)
        return CHECKER_PLUGIN_FAILED;
    fputs("{\"check\":\"server/swap\",\"judgements\":[", answer);
    /* Inside of JSON strings quotes are escaped, so this finds members only. */
    while ((at = find(at, end, TARGET)) != end) {
        const char *name = at + sizeof TARGET - 1;
        const char *name_end = end_of_string(name, end);
        const char *lines = find(name_end, end, STDOUT);
        int count = 0;
        if (lines == end)
            break;
        lines += sizeof STDOUT - 1;
        at = end_of_string(lines, end);
        for (; (lines = find(lines, at, "\\n")) != at; lines += 2)
            count++;
        fprintf(answer, "%s{\"target\":\"%.*s\",", first ? "" : ",", (int)(name_end - name), name);
        if (count == 0)
            fputs("\"outcome\":\"unknown\",\"summary\":\"/proc/swaps is empty\"}", answer);
        else if (count == 1)
            fputs("\"outcome\":\"pass\",\"summary\":\"no swap\"}", answer);
        else
            fprintf(answer,
                    "\"outcome\":\"warn\",\"summary\":\"%d swap areas\","
                    "\"remedy\":\"Turn swap off: swapoff -a\"}",
                    count - 1);
        first = 0;
    }
    fputs("]}", answer);
    if (fclose(answer) != 0)
        return CHECKER_PLUGIN_FAILED;
    out->data = (uint8_t *)text;
    out->len = size;
    return CHECKER_PLUGIN_OK;
}

static void give_back(checker_buffer buffer) { free(buffer.data); }

const checker_plugin *checker_plugin_entry(void) {
    static const checker_plugin plugin = {
        CHECKER_PLUGIN_ABI, sizeof(checker_plugin), describe, judge, give_back,
    };
    return &plugin;
}
