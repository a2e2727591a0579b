/* The codec: round trips, exact bounds, damaged and oversized streams. */
#include "virtualdisk/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PLAIN_BYTES 65536u
#define ROOM_BYTES  (PLAIN_BYTES * 2)

static unsigned char plain[PLAIN_BYTES];
static unsigned char packed[ROOM_BYTES];
static unsigned char output[ROOM_BYTES];

static const enum vdisk_codec codecs[] = {VDISK_CODEC_ZLIB, VDISK_CODEC_DEFLATE, VDISK_CODEC_ZSTD};
#define CODEC_COUNT (sizeof codecs / sizeof codecs[0])

static void fill_plain(void)
{
    uint32_t value = 1;

    for (uint32_t i = 0; i < PLAIN_BYTES; i++) {
        value = value * 1664525u + 1013904223u;
        plain[i] = (unsigned char)((i / 1024) % 2 == 0 ? i / 700 : value >> 24);
    }
}

/* False, with a line of text, for a codec that this build does not have. */
static bool available(enum vdisk_codec codec)
{
    const char *reason = NULL;

    if (vdisk_codec_require(codec, VDISK_COMPRESS, &reason) == VDISK_OK)
        return true;
    assert_non_null(reason);
    print_message("codec %d left out: %s\n", (int)codec, reason);
    return false;
}

static size_t pack(enum vdisk_codec codec)
{
    const char *reason = NULL;
    size_t packed_bytes;

    fill_plain();
    assert_int_equal(
        vdisk_codec_compress(codec, plain, PLAIN_BYTES, packed, ROOM_BYTES, &packed_bytes, &reason),
        VDISK_OK);
    assert_in_range(packed_bytes, 1, PLAIN_BYTES - 1);
    return packed_bytes;
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        const char *reason = NULL;
        size_t packed_bytes, produced;

        if (!available(codecs[i]))
            continue;
        packed_bytes = pack(codecs[i]);
        /* What follows a stream, up to the next sector, is no part of it. */
        memset(packed + packed_bytes, 0, 512);
        memset(output, 0xee, ROOM_BYTES);
        assert_int_equal(vdisk_codec_decompress(codecs[i], packed, packed_bytes + 512, output,
                                                PLAIN_BYTES, &produced, &reason),
                         VDISK_OK);
        assert_int_equal(produced, PLAIN_BYTES);
        assert_memory_equal(output, plain, PLAIN_BYTES);
        assert_int_equal(output[PLAIN_BYTES], 0xee);
    }
}

static void refuses_more_than_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        const char *reason = NULL;
        size_t packed_bytes, produced;

        if (!available(codecs[i]))
            continue;
        packed_bytes = pack(codecs[i]);
        memset(output, 0xee, ROOM_BYTES);
        assert_int_equal(vdisk_codec_decompress(codecs[i], packed, packed_bytes, output,
                                                PLAIN_BYTES - 1, &produced, &reason),
                         VDISK_CORRUPT);
        assert_string_equal(reason, "the compressed data holds more than fits");
        assert_int_equal(output[PLAIN_BYTES - 1], 0xee);
        assert_int_equal(vdisk_codec_compress(codecs[i], plain, PLAIN_BYTES, packed,
                                              packed_bytes - 1, &produced, &reason),
                         VDISK_NO_SPACE);
    }
}

static void refuses_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        const char *reason = NULL;
        size_t packed_bytes, produced;

        if (!available(codecs[i]))
            continue;
        packed_bytes = pack(codecs[i]);
        for (size_t cut = 0; cut < packed_bytes; cut += 1 + packed_bytes / 50) {
            assert_int_equal(vdisk_codec_decompress(codecs[i], packed, cut, output, PLAIN_BYTES,
                                                    &produced, &reason),
                             VDISK_CORRUPT);
            assert_string_equal(reason, "the compressed data is cut off");
        }
        memset(packed, 0xff, packed_bytes);
        assert_int_equal(vdisk_codec_decompress(codecs[i], packed, packed_bytes, output,
                                                PLAIN_BYTES, &produced, &reason),
                         VDISK_CORRUPT);
        assert_string_equal(reason, "the compressed data is damaged");
    }
}

static void zlib_checks_its_sum(void **state)
{
    const char *reason = NULL;
    size_t packed_bytes, produced;

    (void)state;
    packed_bytes = pack(VDISK_CODEC_ZLIB);
    packed[packed_bytes - 1] ^= 1;
    assert_int_equal(vdisk_codec_decompress(VDISK_CODEC_ZLIB, packed, packed_bytes, output,
                                            PLAIN_BYTES, &produced, &reason),
                     VDISK_CORRUPT);
}

static void zstd_joins_frames(void **state)
{
    const char *reason = NULL;
    size_t first, second, produced;

    (void)state;
    if (!available(VDISK_CODEC_ZSTD))
        return;
    first = pack(VDISK_CODEC_ZSTD);
    assert_int_equal(vdisk_codec_compress(VDISK_CODEC_ZSTD, plain, 1000, packed + first,
                                          ROOM_BYTES - first, &second, &reason),
                     VDISK_OK);
    assert_int_equal(vdisk_codec_decompress(VDISK_CODEC_ZSTD, packed, first + second, output,
                                            PLAIN_BYTES + 1000, &produced, &reason),
                     VDISK_OK);
    assert_int_equal(produced, PLAIN_BYTES + 1000);
    assert_memory_equal(output + PLAIN_BYTES, plain, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),        cmocka_unit_test(refuses_more_than_fits),
        cmocka_unit_test(refuses_damage),    cmocka_unit_test(zlib_checks_its_sum),
        cmocka_unit_test(zstd_joins_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
