/*
 * Runs a fuzz target over the files of folders, and over simple mutations of them: what libFuzzer
 * does, without a compiler that has it, and the same every time.
 *
 *   fuzz_<target>_regression <mutations of each file> <folder or file>...
 */
#include "tests/support/random.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX ((size_t)1 << 20)
#define PATH_BYTES      1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

static unsigned char input[INPUT_BYTES_MAX];
static unsigned char mutated[INPUT_BYTES_MAX];
static unsigned inputs_run;

static void put_interesting(struct test_random *random, unsigned char *at, size_t room)
{
    static const uint64_t values[] = {0,          1,         2,         0x7f,       0xff,
                                      0x1ff,      0x200,     0xfff,     0x7fffffff, 0x80000000,
                                      UINT32_MAX, INT64_MAX, UINT64_MAX};
    const uint64_t value = values[test_random_below(random, sizeof values / sizeof values[0])];
    const size_t width = (size_t)1 << test_random_below(random, 4);
    const int big = test_random_chance(random, 50);

    for (size_t i = 0; i < width && i < room; i++)
        at[i] = (unsigned char)(value >> 8 * (big ? width - 1 - i : i));
}

static void mutate(struct test_random *random, size_t length_bytes)
{
    const uint64_t changes = 1 + test_random_below(random, 4);

    for (uint64_t i = 0; i < changes && length_bytes != 0; i++) {
        const size_t at = test_random_below(random, length_bytes);

        switch (test_random_below(random, 4)) {
        case 0:
            mutated[at] ^= (unsigned char)(1u << test_random_below(random, 8));
            break;
        case 1:
            mutated[at] = (unsigned char)test_random_next(random);
            break;
        case 2:
            put_interesting(random, mutated + at, length_bytes - at);
            break;
        default:
            memmove(mutated + test_random_below(random, at + 1), mutated + at,
                    test_random_below(random, length_bytes - at) % 64);
            break;
        }
    }
}

static void run_input(const char *path, unsigned mutations)
{
    FILE *file = fopen(path, "rb");
    size_t length;
    struct test_random random;

    if (file == NULL) {
        perror(path);
        exit(2);
    }
    length = fread(input, 1, sizeof input, file);
    fclose(file);
    LLVMFuzzerTestOneInput(input, length);
    inputs_run++;
    test_random_seed(&random, length);
    for (unsigned i = 0; i < mutations; i++, inputs_run++) {
        size_t kept = length;

        memcpy(mutated, input, length);
        mutate(&random, length);
        if (length > 2) {
            mutated[0] = (unsigned char)test_random_below(&random, 4);
            mutated[1] = (unsigned char)i;
        }
        if (test_random_chance(&random, 5))
            kept = test_random_below(&random, length + 1);
        LLVMFuzzerTestOneInput(mutated, kept);
    }
}

/* In the order of names, so that every run is the same. */
static void run_folder(const char *path, unsigned mutations)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char name[PATH_BYTES];

        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            run_input(name, mutations);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s <mutations> <folder or file>...\n", argv[0]);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) != 0)
            continue; /* a target without a corpus of its own */
        if (S_ISDIR(status.st_mode))
            run_folder(argv[i], (unsigned)strtoul(argv[1], NULL, 0));
        else
            run_input(argv[i], (unsigned)strtoul(argv[1], NULL, 0));
    }
    printf("%u inputs\n", inputs_run);
    return inputs_run != 0 ? 0 : 1;
}
