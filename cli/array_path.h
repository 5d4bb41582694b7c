/* The call form `tessera --array_path=DIR`, by which conformance tests drive implementations of
 * Zarr. */
#ifndef TESSERA_CLI_ARRAY_PATH_H
#define TESSERA_CLI_ARRAY_PATH_H

/* Prints every element as fill-value JSON, one a line, in C order. Returns the exit status: 0 only
 * when all of it could be read. Parts are printed as they are read, so that arrays of any size fit;
 * what is larger than one part may leave lines on standard output before damage is found. */
int array_path_main(int argc, char **argv);

#endif
