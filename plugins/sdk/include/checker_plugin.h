/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract between `checker` and a plugin, ABI 1.
 *
 * A plugin is a shared library that exports ONE symbol, checker_plugin_entry.
 * It declares checks, and the evidence that they need; checker collects that
 * evidence together with its own, hands it over, and is told what to think of
 * it. The plugin opens no connection and runs nothing itself.
 *
 * Where it runs
 *   In a child process of checker's, one for each plugin and run. It has no
 *   standard input; its standard output and error go to checker, which tells
 *   the first line when the plugin ends badly. Only PATH, LC_ALL and TZ are set.
 *   It may use 512 MiB of memory and 20 s of processor time, and no byte that it
 *   writes gets into a file; a call must return within 5 s, all of them within
 *   30 s. Whoever exceeds that, crashes, or answers nonsense costs its own
 *   checks, which become `unknown`, and nobody else's. It has the rights of
 *   whoever runs checker, all the same: this holds mistakes, not malice.
 *
 * Threads
 *   Calls come one after the other, from one thread. A plugin may have
 *   threads of its own.
 *
 * Text
 *   All text is UTF-8 JSON without a terminating zero. The schemas lie in
 *   plugins/sdk/schema: description, question, answer. What the host writes
 *   is compact: no white space outside of strings, members in the order of the schema.
 *
 * What may change within one ABI number
 *   - members may be added at the end of checker_plugin; `size` tells which there are
 *   - members may be added to the JSON objects; ignore those that you do not know
 *   - limits may be raised
 * What may not: everything else. Nothing is taken away, renamed, reordered,
 * or given another meaning; then the number grows, and checker goes on loading
 * the older ones.
 */
#ifndef CHECKER_PLUGIN_H
#define CHECKER_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHECKER_PLUGIN_ABI 1u

/* Return values. Any other counts as CHECKER_PLUGIN_FAILED. */
#define CHECKER_PLUGIN_OK 0
#define CHECKER_PLUGIN_FAILED 1

/* Bytes that the plugin has made. Who made it frees it: the host copies the
 * bytes and gives the buffer back to the plugin's own `free`, unchanged and
 * exactly once, before the next call. The host never frees it in another way,
 * and never writes to it. */
typedef struct checker_buffer {
    uint8_t *data; /* may be null when len is 0 */
    size_t len;    /* at most 8 MiB */
} checker_buffer;

typedef struct checker_plugin {
    /* CHECKER_PLUGIN_ABI. */
    uint32_t abi;

    /* sizeof(checker_plugin) as the plugin was built. */
    uint32_t size;

    /* Writes the description (schema/description) to *out and returns
     * CHECKER_PLUGIN_OK; or writes a line that says what is wrong, or nothing,
     * and returns CHECKER_PLUGIN_FAILED. *out is empty when it is called. The
     * plugin owns the bytes until `free`. Called once, first. */
    int32_t (*describe)(checker_buffer *out);

    /* Judges some targets of one check. `question` (schema/question) belongs
     * to the host and is valid during the call only; it is not followed by a
     * zero. The answer (schema/answer) goes to *out as with `describe`.
     * The same question must have the same answer: there is a bundle to be
     * judged again. */
    int32_t (*judge)(const uint8_t *question, size_t len, checker_buffer *out);

    /* Takes a buffer of `describe` or `judge` back. Also called with an empty one. */
    void (*free)(checker_buffer buffer);
} checker_plugin;

/* The one symbol. What it points to belongs to the plugin, and stays as it is
 * until the process ends. The library is never unloaded before. */
const checker_plugin *checker_plugin_entry(void);

#ifdef __cplusplus
}
#endif
#endif /* CHECKER_PLUGIN_H */
