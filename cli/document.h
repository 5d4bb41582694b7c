/* JSON that the program prints: json-c with exact numbers and one place where running out of memory
 * is noticed. */
#ifndef TESSERA_CLI_DOCUMENT_H
#define TESSERA_CLI_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>
#include <tessera.h>
#include <tessera/sys/json.h>

typedef struct cli_document {
    struct json_object *root;
    bool failed; /* out of memory somewhere; document_print then says so */
} cli_document;

/* Starts a document whose root is an object, or a list. */
void document_init(cli_document *document);
void document_init_list(cli_document *document);

/* Releases everything. */
void document_clear(cli_document *document);

/* Prints it with a newline. Errors: NO_MEMORY, IO. */
int document_print(cli_document *document, FILE *stream, tsr_error *err);

/* Prints it on one line. Errors: NO_MEMORY, IO. */
int document_print_line(cli_document *document, FILE *stream, tsr_error *err);

/* Takes a JSON text apart. Bare NaN and infinities, which old attributes have, become the strings
 * that fill values use. Owner: the caller, by json_object_put. Errors: those of tsr_json_parse. */
int document_parse(const char *json, struct json_object **ret_value, tsr_error *err);

/* Reads a JSON value as an element; *ret_fits says whether it is one of that type, else `element`
 * is untouched. Errors: NO_MEMORY. */
int document_read_element(const tsr_dtype *dtype, struct json_object *value, void *element,
                          bool *ret_fits, tsr_error *err);

/* Each of these puts a value into `parent`: under `key` of an object, or (key NULL) at the end of a
 * list. */
struct json_object *document_add_object(cli_document *document, struct json_object *parent,
                                        const char *key);
struct json_object *document_add_list(cli_document *document, struct json_object *parent,
                                      const char *key);
void document_add_text(cli_document *document, struct json_object *parent, const char *key,
                       const char *text); /* NULL: null; broken UTF-8 is replaced */
void document_add_integer(cli_document *document, struct json_object *parent, const char *key,
                          int64_t value);
void document_add_flag(cli_document *document, struct json_object *parent, const char *key,
                       bool value);
/* The shortest decimals that give the same number; NaN and infinities as the strings of Zarr fill
 * values. */
void document_add_number(cli_document *document, struct json_object *parent, const char *key,
                         double value);
/* A value that somebody else holds too. */
void document_add_value(cli_document *document, struct json_object *parent, const char *key,
                        struct json_object *value);
void document_add_null(cli_document *document, struct json_object *parent, const char *key);
void document_add_lengths(cli_document *document, struct json_object *parent, const char *key,
                          int rank, const int64_t *lengths);
/* One element as fill-value JSON. */
void document_add_element(cli_document *document, struct json_object *parent, const char *key,
                          const tsr_dtype *dtype, const void *element);
/* A JSON text, taken apart so that it becomes part of the document. */
void document_add_json(cli_document *document, struct json_object *parent, const char *key,
                       const char *json);

#endif
