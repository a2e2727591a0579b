/* Volumes of every kind, and requests to them with memory of exactly the length that is told. */
#ifndef VIRTUALDISK_TESTS_QUESTION_H
#define VIRTUALDISK_TESTS_QUESTION_H

#include "driver/ioctl_answer.h"
#include "driver/ioctl_codes.h"

#define QUESTION_ANSWER_BYTES 2048u
#define QUESTION_DISK_BYTES   104857600ull
#define QUESTION_OFFSET_BYTES 1048576ull /* of the partitions */
#define QUESTION_PART_BYTES   52428800ull

enum question_volume { VOLUME_WHOLE, VOLUME_MBR, VOLUME_GPT, VOLUME_CD, VOLUME_KINDS };

/* A volume with a letter, and trim where it is a disk. */
VD_VOLUME question_volume(enum question_volume kind);

struct answer {
    int32_t status;
    size_t information;
    unsigned char bytes[QUESTION_ANSWER_BYTES]; /* the answer, and zeros */
};

/*
 * Asks; input and output are one memory, as METHOD_BUFFERED has it, so that AddressSanitizer sees
 * each byte too many. Returns false where a rule of all answers is broken: a length beyond the
 * buffer, a length with an error, or bytes behind the answer that are neither zero nor as before.
 */
bool question_ask(const VD_VOLUME *volume, uint32_t code, const void *input, size_t input_bytes,
                  size_t output_bytes, struct answer *answer);

#endif
