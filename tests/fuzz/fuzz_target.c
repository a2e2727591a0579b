/* A fuzz target per format: FUZZ_FORMAT is its name, or "" where the image is probed. */
#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    fuzz_image_run(FUZZ_FORMAT[0] != '\0' ? FUZZ_FORMAT : NULL, data, length_bytes);
    return 0;
}
