/* CDs in several files and in containers: what is read, and what is refused in which words. */
#include "tests/support/cmocka_all.h"

#include "engine/base/endian.h"
#include "engine/format/cd/cd_track.h"
#include "tests/support/file_set.h"

#include <stdio.h>
#include <stdlib.h>

#define SECTORS    70u
#define MDS_BLOCKS 112u /* behind the header and a session */
#define MDS_NAMES  192u
#define MDS_NAME   208u
#define MDS_BYTES  224u
#define NRG_CHUNKS ((uint64_t)SECTORS * CD_SECTOR_BYTES)

static struct file_set *set;

static int set_up(void **state)
{
    (void)state;
    set = file_set_create(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    file_set_destroy(set);
    return 0;
}

static struct vdisk_file *open_file(const char *name, bool create)
{
    struct vdisk_file *file;

    assert_int_equal(file_set_open(set, name, false, create, &file, NULL), VDISK_OK);
    return file;
}

static void put_file(const char *name, const void *bytes, size_t length_bytes)
{
    struct vdisk_file *file = open_file(name, file_set_store(set, name) == NULL);

    assert_int_equal(vdisk_file_set_size(file, 0, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, 0, bytes, length_bytes, NULL), VDISK_OK);
    vdisk_file_close(file);
}

static void poke(const char *name, uint64_t offset_bytes, const void *bytes, size_t length_bytes)
{
    struct vdisk_file *file = open_file(name, false);

    assert_int_equal(vdisk_file_write(file, offset_bytes, bytes, length_bytes, NULL), VDISK_OK);
    vdisk_file_close(file);
}

static void cut(const char *name, uint64_t size_bytes)
{
    struct vdisk_file *file = open_file(name, false);

    assert_int_equal(vdisk_file_set_size(file, size_bytes, NULL), VDISK_OK);
    vdisk_file_close(file);
}

/* Sectors whose user data is their number, everywhere; the rest of them is 0xee. */
static void put_sectors(const char *name, uint32_t count, uint32_t stored, uint32_t data_offset)
{
    unsigned char *bytes = malloc((size_t)count * stored);

    assert_non_null(bytes);
    memset(bytes, 0xee, (size_t)count * stored);
    for (uint32_t i = 0; i < count; i++)
        memset(bytes + (size_t)i * stored + data_offset, (int)i + 1, CD_SECTOR_BYTES);
    put_file(name, bytes, (size_t)count * stored);
    free(bytes);
}

static enum vdisk_status open_image(const char *name, const char *format,
                                    struct vdisk_image **image, struct vdisk_error *error)
{
    const struct vdisk_open_options options = {.format = format, .finder = &set->finder};

    return vdisk_image_open(open_file(name, false), &options, image, error);
}

static void expect_refusal(const char *name, const char *format, enum vdisk_status status,
                           const char *reason)
{
    struct vdisk_image *image;
    struct vdisk_error error;

    assert_int_equal(open_image(name, format, &image, &error), status);
    assert_non_null(error.structure);
    assert_string_equal(error.reason, reason);
}

/* In requests of every size and alignment, backwards and forwards. */
static void expect_sectors(const char *name, const char *format, uint32_t first, uint32_t count)
{
    static unsigned char bytes[40 * CD_SECTOR_BYTES];
    struct vdisk_image *image;
    struct vdisk_disk *disk;

    assert_int_equal(open_image(name, format, &image, NULL), VDISK_OK);
    disk = vdisk_image_disk(image);
    assert_true(disk->optical && disk->read_only);
    assert_int_equal(disk->logical_sector_bytes, CD_SECTOR_BYTES);
    assert_int_equal(disk->size_bytes, (uint64_t)count * CD_SECTOR_BYTES);
    for (uint64_t unit = 512; unit <= sizeof bytes; unit *= 5) {
        for (uint64_t at = disk->size_bytes; at != 0;) {
            const size_t length = (size_t)(at < unit ? at : unit);

            at -= length;
            assert_int_equal(vdisk_disk_read(disk, at, bytes, length, NULL), VDISK_OK);
            for (size_t i = 0; i < length; i += 512)
                assert_int_equal(bytes[i], first + (at + i) / CD_SECTOR_BYTES + 1);
        }
    }
    assert_int_equal(vdisk_disk_write(disk, 0, bytes, 512, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void put_sheet(const char *text)
{
    put_file("disc.cue", text, strlen(text));
}

static void test_cue_sheets(void **state)
{
    (void)state;
    put_sectors("a.bin", SECTORS, 2352, 16);
    put_sheet("FILE \"a.bin\" BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\n");
    expect_sectors("disc.cue", NULL, 0, SECTORS);
    put_sheet("\xef\xbb\xbf"
              "catalog 123\r\n\r\nfile a.bin binary\r\n  track 1 mode1/2352\r\n"
              "    flags DCP\r\n    index 0 0:0:0\r\n    index 1 00:00:10\r\n"
              "  TRACK 2 AUDIO\r\n    INDEX 00 00:00:60\r\n    INDEX 01 00:00:65\r\n");
    expect_sectors("disc.cue", NULL, 10, 50);
    put_sheet("FILE b.bin WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 MODE1/2352\n"
              "INDEX 00 00:02:00\nFILE a.bin BINARY\nINDEX 01 00:00:03\n");
    expect_sectors("disc.cue", NULL, 3, SECTORS - 3);
    put_sectors("a.bin", SECTORS, 2048, 0);
    put_sheet("REM\nFILE \"a.bin\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:01");
    expect_sectors("disc.cue", NULL, 1, SECTORS - 1);
}

static void test_cue_sheets_that_are_refused(void **state)
{
    static const char outside[] = "a track is not in a file in the folder of the image";
    static const char numbers[] = "the tracks are not numbered from 1 to 99";
    static const char index[] = "an index is not a number and a time";
    static const struct {
        enum vdisk_status status;
        const char *text, *reason;
    } cases[] = {
        {VDISK_ACCESS, "FILE \"/etc/passwd\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00",
         outside},
        {VDISK_ACCESS, "FILE \"C:\\a.bin\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00",
         outside},
        {VDISK_ACCESS, "FILE \"..\\a.bin\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00",
         outside},
        {VDISK_ACCESS, "FILE \"sub/a.bin\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00",
         outside},
        {VDISK_ACCESS, "FILE \"a.bin:x\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00", outside},
        {VDISK_ACCESS, "FILE .. BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00", outside},
        {VDISK_ACCESS, "FILE \"\" BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00", outside},
        {VDISK_CORRUPT, "FILE \"a.bin\nTRACK 01 MODE1/2048",
         "a file's name is missing or not ended"},
        {VDISK_CORRUPT, "FILE", "a file's name is missing or not ended"},
        {VDISK_CORRUPT, "TRACK 01 MODE1/2048", "a track comes before the first file"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nINDEX 01 00:00:00",
         "an index comes before the first track"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 00 MODE1/2048", numbers},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 100 MODE1/2048", numbers},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 99999999999999999999 MODE1/2048", numbers},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 02 AUDIO\nTRACK 02 AUDIO", numbers},
        {VDISK_UNSUPPORTED, "FILE a.bin BINARY\nTRACK 01 MODE3/2048",
         "a track is of a kind that is not known"},
        {VDISK_UNSUPPORTED, "FILE a.bin BINARY\nTRACK 01",
         "a track is of a kind that is not known"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:60:00", index},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:75", index},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 10000:00:00", index},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00", index},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00:00", index},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 -1:00:00", index},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01", index},
        {VDISK_CORRUPT,
         "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:01:00\nTRACK 02 AUDIO\nINDEX 01 00:00:74",
         "an index is before the one that it follows"},
        {VDISK_UNSUPPORTED,
         "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\nFILE b.bin BINARY\nINDEX 02 "
         "00:00:00",
         "a track lies in two files"},
        {VDISK_UNSUPPORTED, "REM nothing", "the disc has no track of data"},
        {VDISK_UNSUPPORTED, "FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00",
         "the disc has no track of data"},
        {VDISK_UNSUPPORTED,
         "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\nTRACK 02 MODE2/2352\nINDEX 01 "
         "00:00:10",
         "the disc has more than one track of data"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 00 00:00:00",
         "the track of data has no index 1"},
        {VDISK_UNSUPPORTED, "FILE a.bin MOTOROLA\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00",
         "the track of data is in a file that is not BINARY"},
        {VDISK_UNSUPPORTED, "FILE a.bin BINARY\nTRACK 01 MODE2/2324\nINDEX 01 00:00:00",
         "sectors of this kind do not hold 2048 bytes"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:71",
         "it reaches beyond the end of its file"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 9999:59:74",
         "it reaches beyond the end of its file"},
        {VDISK_CORRUPT, "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:70",
         "it has no sectors"},
        {VDISK_CORRUPT,
         "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 "
         "00:00:71",
         "it reaches beyond the end of its file"},
    };

    (void)state;
    put_sectors("a.bin", SECTORS, 2048, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_sheet(cases[i].text);
        expect_refusal("disc.cue", "cue", cases[i].status, cases[i].reason);
    }
}

static void test_cue_sheets_are_bounded(void **state)
{
    char *text = calloc(1, 70000);
    size_t length;

    (void)state;
    assert_non_null(text);
    put_sectors("a.bin", SECTORS, 2048, 0);
    length = (size_t)sprintf(text, "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\n");
    for (uint32_t i = 2; i < 1000; i++)
        length += (size_t)sprintf(text + length, "TRACK %u AUDIO\n", i);
    put_file("disc.cue", text, length);
    expect_refusal("disc.cue", NULL, VDISK_CORRUPT, "the tracks are not numbered from 1 to 99");
    length = (size_t)sprintf(text, "FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\n");
    memset(text + length, ' ', 70000 - length);
    put_file("disc.cue", text, 65536);
    expect_sectors("disc.cue", NULL, 0, SECTORS);
    put_file("disc.cue", text, 65537);
    expect_refusal("disc.cue", "cue", VDISK_UNSUPPORTED, "it is larger than 64 KiB");
    free(text);
}

/* No other file may be opened; the file is not there; or it is the sheet itself. */
static bool are_same(struct vdisk_file_finder *finder, struct vdisk_file *a, struct vdisk_file *b)
{
    (void)finder;
    return strcmp(a->name, b->name) == 0;
}

static void test_files_that_cannot_be_had(void **state)
{
    const struct vdisk_open_options alone = {.format = "cue"};
    struct vdisk_image *image;

    (void)state;
    put_sheet("FILE a.bin BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\n");
    assert_int_equal(vdisk_image_open(open_file("disc.cue", false), &alone, &image, NULL),
                     VDISK_ACCESS);
    assert_int_equal(open_image("disc.cue", "cue", &image, NULL), VDISK_NOT_FOUND);
    put_sheet("FILE disc.cue BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\n");
    set->finder.same = are_same;
    expect_refusal("disc.cue", "cue", VDISK_CORRUPT, "the image names itself as one of its files");
}

/* What lies before a place that cannot be read is read all the same, though it is read ahead. */
static void test_what_cannot_be_read_spoils_nothing_else(void **state)
{
    unsigned char bytes[4 * CD_SECTOR_BYTES];
    struct vdisk_image *image;
    struct vdisk_disk *disk;

    (void)state;
    put_sectors("a.bin", SECTORS, 2352, 16);
    put_sheet("FILE a.bin BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\n");
    assert_int_equal(open_image("disc.cue", NULL, &image, NULL), VDISK_OK);
    cut("a.bin", 20 * 2352);
    disk = vdisk_image_disk(image);
    assert_int_equal(vdisk_disk_read(disk, 16 * CD_SECTOR_BYTES, bytes, sizeof bytes, NULL),
                     VDISK_OK);
    assert_int_equal(bytes[0], 17);
    assert_int_equal(bytes[sizeof bytes - 1], 20);
    assert_int_equal(vdisk_disk_read(disk, 17 * CD_SECTOR_BYTES, bytes, sizeof bytes, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_disk_read(disk, 0, bytes, sizeof bytes, NULL), VDISK_OK);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void test_raw_sectors(void **state)
{
    static const unsigned char sync[16] = {0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0,    0,    2,    0,    1};
    static const unsigned char mode[] = {2, 0};

    (void)state;
    put_sectors("disc.bin", SECTORS, 2352, 16);
    expect_refusal("disc.bin", "bin", VDISK_WRONG_FORMAT,
                   "the file does not begin with the sync pattern");
    poke("disc.bin", 0, sync, sizeof sync);
    expect_sectors("disc.bin", NULL, 0, SECTORS);
    poke("disc.bin", 2448, sync, sizeof sync); /* now its sectors have their subchannel */
    put_sectors("sub.bin", SECTORS, 2448, 24);
    poke("sub.bin", 0, sync, sizeof sync);
    poke("sub.bin", 15, mode, 1);
    poke("sub.bin", 2448, sync, sizeof sync);
    expect_sectors("sub.bin", NULL, 0, SECTORS);
    poke("sub.bin", 15, mode + 1, 1);
    expect_refusal("sub.bin", "bin", VDISK_UNSUPPORTED, "it is neither of mode 1 nor of mode 2");
    cut("disc.bin", 2352);
    expect_sectors("disc.bin", NULL, 0, 1);
    cut("disc.bin", 2351);
    expect_refusal("disc.bin", "bin", VDISK_WRONG_FORMAT, "the file is shorter than one");
}

/* A track of data from sector 0 on; the description of an old version. */
static void put_nrg(void)
{
    static const unsigned char chunks[] = "ETNF\0\0\0\x14\0\0\0\0\0\2\x30\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                          "END!\0\0\0\0NERO\0\2\x30";

    put_sectors("disc.nrg", SECTORS, 2048, 0);
    poke("disc.nrg", NRG_CHUNKS, chunks, sizeof chunks);
}

static void expect_bad_nrg(uint64_t offset_bytes, uint32_t value, enum vdisk_status status,
                           const char *reason)
{
    unsigned char bytes[4];

    put_nrg();
    vdisk_store_be32(bytes, value);
    poke("disc.nrg", NRG_CHUNKS + offset_bytes, bytes, sizeof bytes);
    expect_refusal("disc.nrg", "nrg", status, reason);
}

static void test_nero(void **state)
{
    static const char outside[] = "they lie outside of the file";
    static const char beyond[] = "a chunk reaches beyond their end";
    static const char into[] = "a track reaches into the chunks, or beyond";

    (void)state;
    put_nrg();
    expect_sectors("disc.nrg", NULL, 0, SECTORS);
    expect_bad_nrg(40, (uint32_t)NRG_CHUNKS + 36, VDISK_CORRUPT, outside);
    expect_bad_nrg(40, UINT32_MAX, VDISK_CORRUPT, outside);
    expect_bad_nrg(40, (uint32_t)NRG_CHUNKS + 32, VDISK_CORRUPT,
                   "they do not end where they should");
    expect_bad_nrg(36, 0, VDISK_WRONG_FORMAT, "the end of the file does not tell where they are");
    expect_bad_nrg(4, UINT32_MAX, VDISK_CORRUPT, beyond);
    expect_bad_nrg(4, 0, VDISK_CORRUPT, beyond);         /* its track is taken for a chunk */
    expect_bad_nrg(8, 1, VDISK_CORRUPT, into);           /* begins later, ends too late */
    expect_bad_nrg(12, UINT32_MAX, VDISK_CORRUPT, into); /* is too long */
    expect_bad_nrg(12, 0, VDISK_CORRUPT, "it has no sectors");
    expect_bad_nrg(16, 1, VDISK_UNSUPPORTED, "a track is of a mode that is not known");
    expect_bad_nrg(16, 7, VDISK_UNSUPPORTED, "the disc has no track of data");
    expect_bad_nrg(0, 0x58585858, VDISK_UNSUPPORTED, "the disc has no track of data");
    expect_bad_nrg(0, 0x44414f49, VDISK_CORRUPT, "a chunk is too short"); /* DAOI */
    put_file("disc.nrg", "NERO", 4);
    expect_refusal("disc.nrg", "nrg", VDISK_WRONG_FORMAT, "the file is too short for any");
}

/* A chain of empty chunks, or a chunk of a thousand tracks, is walked so far and no further. */
static void test_nero_is_bounded(void **state)
{
    unsigned char *bytes = calloc(1, 200000);

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes + 8 * 10000, "NERO\0\0\0\0", 8);
    put_file("disc.nrg", bytes, 8 * 10000 + 8);
    expect_refusal("disc.nrg", NULL, VDISK_CORRUPT, "there are more than 1024");
    memcpy(bytes, "ETN2", 4);
    vdisk_store_be32(bytes + 4, 32 * 1000);
    put_file("disc.nrg", bytes, 8 * 10000 + 8);
    expect_refusal("disc.nrg", NULL, VDISK_CORRUPT, "there are more than 99 tracks");
    free(bytes);
}

/* A CD of one session and one track. */
static void put_mds(const char *name)
{
    unsigned char bytes[MDS_BYTES + 64] = "MEDIA DESCRIPTOR\1";

    vdisk_store_le16(bytes + 20, 1);
    vdisk_store_le32(bytes + 80, 88);
    bytes[88 + 10] = 1;
    vdisk_store_le32(bytes + 88 + 20, MDS_BLOCKS);
    bytes[MDS_BLOCKS] = 0xaa;
    bytes[MDS_BLOCKS + 4] = 1;
    vdisk_store_le32(bytes + MDS_BLOCKS + 12, MDS_NAME + 64);
    vdisk_store_le16(bytes + MDS_BLOCKS + 16, 2048);
    vdisk_store_le32(bytes + MDS_BLOCKS + 48, 1);
    vdisk_store_le32(bytes + MDS_BLOCKS + 52, MDS_NAMES);
    vdisk_store_le32(bytes + MDS_NAMES, MDS_NAME);
    memcpy(bytes + MDS_NAME, name, strlen(name) + 1);
    vdisk_store_le32(bytes + MDS_NAME + 68, SECTORS);
    put_file("disc.mds", bytes, sizeof bytes);
}

static void expect_bad_mds(uint64_t offset_bytes, uint32_t value, enum vdisk_status status,
                           const char *reason)
{
    unsigned char bytes[4];

    put_mds("*.mdf");
    vdisk_store_le32(bytes, value);
    poke("disc.mds", offset_bytes, bytes, sizeof bytes);
    expect_refusal("disc.mds", "mds", status, reason);
}

static void test_alcohol(void **state)
{
    static const char beyond[] = "a part of it would be beyond its end";
    static const char unknown[] = "the track of data has sectors of a size that is not known";

    (void)state;
    put_sectors("disc.mdf", SECTORS, 2048, 0);
    put_mds("*.mdf");
    expect_sectors("disc.mds", NULL, 0, SECTORS);
    put_mds("disc.mdf");
    expect_sectors("disc.mds", NULL, 0, SECTORS);
    expect_bad_mds(0, 0, VDISK_WRONG_FORMAT, "the signature is missing");
    expect_bad_mds(16, 2, VDISK_UNSUPPORTED, "its version is not 1");
    expect_bad_mds(20, 0, VDISK_UNSUPPORTED, "the disc has no track of data");
    expect_bad_mds(20, 100, VDISK_CORRUPT, "there are more than 99 sessions");
    expect_bad_mds(80, UINT32_MAX, VDISK_CORRUPT, beyond);
    expect_bad_mds(80, MDS_BYTES + 64 - 23, VDISK_CORRUPT, beyond);
    expect_bad_mds(88 + 20, UINT32_MAX, VDISK_CORRUPT, beyond);
    expect_bad_mds(88 + 8, 0xff0000, VDISK_CORRUPT, beyond);
    expect_bad_mds(MDS_BLOCKS, 0xa9, VDISK_UNSUPPORTED, "the disc has no track of data");
    expect_bad_mds(MDS_BLOCKS, 0x08aa, VDISK_UNSUPPORTED, unknown);
    expect_bad_mds(MDS_BLOCKS + 16, 2448, VDISK_UNSUPPORTED, unknown);
    expect_bad_mds(MDS_BLOCKS + 16, 0, VDISK_UNSUPPORTED, unknown);
    expect_bad_mds(MDS_BLOCKS + 12, UINT32_MAX, VDISK_CORRUPT, beyond);
    expect_bad_mds(MDS_BLOCKS + 40, 2048, VDISK_CORRUPT, "it reaches beyond the end of its file");
    expect_bad_mds(MDS_BLOCKS + 44, UINT32_MAX, VDISK_CORRUPT,
                   "it reaches beyond the end of its file");
    expect_bad_mds(MDS_BLOCKS + 48, 0, VDISK_UNSUPPORTED,
                   "the track of data is in no file, or in more than 64");
    expect_bad_mds(MDS_BLOCKS + 48, UINT32_MAX, VDISK_UNSUPPORTED,
                   "the track of data is in no file, or in more than 64");
    expect_bad_mds(MDS_BLOCKS + 52, UINT32_MAX, VDISK_CORRUPT, beyond);
    expect_bad_mds(MDS_NAMES, UINT32_MAX, VDISK_CORRUPT, "the name of a file lies beyond its end");
    expect_bad_mds(MDS_NAME + 68, UINT32_MAX, VDISK_CORRUPT,
                   "it reaches beyond the end of its file");
    expect_bad_mds(MDS_NAME + 68, 0, VDISK_CORRUPT, "the track of data has no sectors");
    cut("disc.mds", 87);
    expect_refusal("disc.mds", "mds", VDISK_CORRUPT, beyond);
}

static void test_alcohol_names(void **state)
{
    static const char *const names[] = {"/etc/passwd", "..", "",       "a/b",
                                        "C:\\a.mdf",   "*/", "*/../a", "\\a"};

    (void)state;
    put_sectors("disc.mdf", SECTORS, 2048, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        put_mds(names[i]);
        expect_refusal("disc.mds", "mds", VDISK_ACCESS,
                       "a track is not in a file in the folder of the image");
    }
}

/* Of a disc that is open, the file with its sectors is cut off in the middle of the last ones. */
static void expect_cut_off(const char *name, const char *format, const char *data, uint32_t stored)
{
    static unsigned char bytes[CD_SECTOR_BYTES];
    struct vdisk_image *image;
    struct vdisk_error error = {0};

    assert_int_equal(open_image(name, format, &image, NULL), VDISK_OK);
    cut(data, (uint64_t)stored * 20 + 100);
    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), (uint64_t)19 * CD_SECTOR_BYTES, bytes,
                                     sizeof bytes, NULL),
                     VDISK_OK);
    assert_int_equal(bytes[0], 20);
    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), (uint64_t)20 * CD_SECTOR_BYTES, bytes,
                                     sizeof bytes, &error),
                     VDISK_OUT_OF_RANGE);
    assert_string_equal(error.file, data);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void test_files_that_get_shorter(void **state)
{
    (void)state;
    put_sectors("disc.bin", SECTORS, 2352, 16);
    put_sheet("FILE disc.bin BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00");
    expect_cut_off("disc.cue", "cue", "disc.bin", 2352);
    put_nrg();
    expect_cut_off("disc.nrg", "nrg", "disc.nrg", 2048);
    put_sectors("disc.mdf", SECTORS, 2048, 0);
    put_mds("disc.mdf");
    expect_cut_off("disc.mds", "mds", "disc.mdf", 2048);
}

#define CD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CD_TEST(test_cue_sheets),
        CD_TEST(test_cue_sheets_that_are_refused),
        CD_TEST(test_cue_sheets_are_bounded),
        CD_TEST(test_files_that_cannot_be_had),
        CD_TEST(test_what_cannot_be_read_spoils_nothing_else),
        CD_TEST(test_raw_sectors),
        CD_TEST(test_nero),
        CD_TEST(test_nero_is_bounded),
        CD_TEST(test_alcohol),
        CD_TEST(test_alcohol_names),
        CD_TEST(test_files_that_get_shorter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
