/*
 * One volume of the soak: a thread that uses it at random, several requests at a time, and what
 * each of its sectors may hold.
 *
 * The main thread parks the thread while it does what a volume that is in use would not allow, and
 * says beforehand when requests will fail. The model is the thread's unless it is parked.
 */
#ifndef VIRTUALDISK_TESTS_DRIVER_SOAK_VOLUME_H
#define VIRTUALDISK_TESTS_DRIVER_SOAK_VOLUME_H

#include "tests/driver/harness.h"
#include "tests/support/random.h"

#define SOAK_SECTOR_BYTES   512u
#define SOAK_SECTORS_MAX    131072u /* 64 MiB: no volume grows beyond */
#define SOAK_TRANSFER_BYTES 1048576u
#define SOAK_REQUESTS       6u    /* at a time */
#define SOAK_FIRST_STAMP    1000u /* lower ones were there before */
#define SOAK_VALUES         3u
#define SOAK_ANY            UINT32_MAX /* whatever was ever written there */

/* The stamps that a sector may have (sector_pattern.h): more than one until it has been read. */
struct soak_sector {
    uint32_t values[SOAK_VALUES];
};

enum soak_phase {
    SOAK_RUNNING,
    SOAK_PARKED,  /* the thread shall stop, with its handle closed */
    SOAK_CLOSING, /* it goes on until a request fails, as all will soon; then it stops */
};

enum soak_kind { SOAK_READ, SOAK_WRITE, SOAK_TRIM, SOAK_FLUSH, SOAK_KINDS };

struct soak_request {
    enum soak_kind kind;
    uint32_t first;
    uint32_t count;
    uint32_t stamp;
    OVERLAPPED overlapped;
    unsigned char *buffer;
    unsigned char input[44]; /* of a trim */
    DWORD error;
};

struct soak_volume {
    const wchar_t *name; /* of the image, for messages */
    unsigned partition;
    uint32_t grain; /* sectors that go together: the disk's own sector */
    wchar_t letter[4];
    volatile LONG sectors;
    volatile LONG phase;
    volatile LONG parked;
    volatile LONG stopping;
    volatile LONG protections; /* odd while writes may be refused */
    volatile LONG failed;
    char failure[256];
    struct soak_sector *now;
    struct soak_sector *saved; /* what it holds again when an overlay is thrown away */

    /* the thread's own */
    HANDLE thread;
    HANDLE handle;
    bool can_trim;
    struct test_random random;
    uint32_t next_stamp;
    struct soak_request requests[SOAK_REQUESTS];
    uint64_t operations;
    uint64_t done[SOAK_KINDS];
    uint64_t refused; /* requests that failed as announced */
};

/* With zeros in every sector. */
void soak_volume_prepare(struct soak_volume *volume, uint64_t seed);
void soak_volume_release(struct soak_volume *volume);
void soak_volume_start(struct soak_volume *volume);
void soak_volume_stop(struct soak_volume *volume);

/* Asks for the phase; and waits until the thread has stopped, if it is not SOAK_RUNNING. */
void soak_volume_set_phase(struct soak_volume *volume, enum soak_phase phase);
void soak_volume_wait_parked(const struct soak_volume *volume);

/* While the thread is parked: reads every sector through the volume. */
void soak_volume_check(struct soak_volume *volume);

/* Checks sectors that were read in another way; the first failure is kept in volume->failure. */
void soak_volume_compare(struct soak_volume *volume, struct soak_sector *model, uint32_t first,
                         uint32_t count, const unsigned char *bytes);

/* While it is parked: what it holds is what it will hold, or the other way round. */
void soak_volume_save(struct soak_volume *volume);
void soak_volume_restore(struct soak_volume *volume);

/* While it is parked: what it held at some moment between the last soak_volume_save and now. */
void soak_volume_save_since(struct soak_volume *volume);

#endif
