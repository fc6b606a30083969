#ifndef PARTWAY_FAKE_NODE_H
#define PARTWAY_FAKE_NODE_H

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

/*
 * As much of Node-API as the module uses, so that a binary for another processor or C library can be loaded and called
 * without a Node.js for that. It has one environment, exceptions end the process, and values live until it ends.
 */

/* Prints the message and ends the process. */
_Noreturn void fail(const char *format, ...);

void load_module(const char *path);

/* Ends the environment, which stops the threads of the module. */
void unload_module(void);

napi_value new_undefined(void);
napi_value new_number(int64_t number);
napi_value new_uint8_array(void *bytes, size_t length);
napi_value new_float64_array(double *numbers, size_t length);
napi_value new_list(napi_value *elements, uint32_t count);

/* Calls a function that the module exports. The argument list ends with NULL; missing arguments are undefined. */
napi_value call(const char *name, ...);

/* The bytes of a typed array, the text of a string or NULL for undefined. */
void *get_content(napi_value value);

/* Runs callbacks of the module until the promise is resolved. Returns the number with which it was. */
int64_t await_promise(napi_value promise);

#endif
