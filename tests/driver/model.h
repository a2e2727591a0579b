/*
 * What a disk of MODEL_BYTES should hold: an array of bytes that is kept beside it, and compared
 * with the volume and, by the utility alone, with the image.
 */
#ifndef VIRTUALDISK_TESTS_DRIVER_MODEL_H
#define VIRTUALDISK_TESTS_DRIVER_MODEL_H

#include "tests/driver/harness.h"

#define MODEL_BYTES (8u * 1024 * 1024)

/* Writes pieces of 512 bytes to 64 KiB at random places, through the volume and into the model. */
void model_write(HANDLE handle, unsigned char *model, uint32_t count, uint32_t seed);

void model_expect_volume(HANDLE handle, const unsigned char *model);

/* The model as a raw image. */
void model_save(const wchar_t *path, const unsigned char *model);

/* `check` finds no fault in the image, and `compare` no difference from the model. */
void model_expect_image(const wchar_t *path, const unsigned char *model);

#endif
