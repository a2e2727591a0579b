#include "tests/driver/soak_image.h"
#include "tests/image/sector_pattern.h"

#include <stdarg.h>
#include <stdio.h>

#define WHOLE_SECTORS   32768u
#define PART_SECTORS    20480u
#define PART_START      2048u /* of the first; the second follows it */
#define DISK_SECTORS    49152u
#define PIECE_SECTORS   256u
#define LAYOUTS         6u /* at most, of one image */
#define SECTORS_AT_ONCE (SOAK_TRANSFER_BYTES / SOAK_SECTOR_BYTES)

static const struct soak_layout layouts[SOAK_IMAGES][LAYOUTS] = {
    {
        {L"soak0.img", L"", NULL, SOAK_PLAIN, false, true, 1},
        {L"soak0.img", L"", NULL, SOAK_PLAIN, false, true, 8},
    },
    {
        {L"soak1.vhdx", L"", NULL, SOAK_PLAIN, true, true, 1},
        {L"soak1.qcow2", L"", NULL, SOAK_PLAIN, true, true, 1},
        {L"soak1.vmdk", L"", NULL, SOAK_PLAIN, true, true, 1},
        {L"soak1.vhdx", L"", L"soak1-over.vhdx", SOAK_OVERLAY, true, false, 1},
    },
    {
        {L"soak2.qcow2", L"", L"soak2-over.qcow2", SOAK_OVERLAY, false, false, 1},
        {L"soak2.qcow2", L"", L"soak2-child.qcow2", SOAK_CHILD, false, true, 1},
        {L"soak2.vhdx", L"", L"soak2-over.vhdx", SOAK_OVERLAY, false, false, 1},
        {L"soak2.vhd", L"", L"soak2-child.vhd", SOAK_CHILD, false, false, 1},
        {L"soak2.img", L"", L"soak2-over.qcow2", SOAK_OVERLAY, false, false, 1},
    },
    {
        {L"soak3.vhd", L"", NULL, SOAK_PLAIN, false, true, 1},
        {L"soak3.vdi", L"", NULL, SOAK_PLAIN, false, true, 1},
        {L"soak3.vhdx", L"--block-size 1M", NULL, SOAK_PLAIN, false, true, 1},
        {L"soak3.vdi", L"", L"soak3-child.vdi", SOAK_CHILD, false, false, 1},
        {L"soak3.qcow2", L"", NULL, SOAK_PLAIN, false, true, 1},
    },
    {
        {L"soak4.img", L"", NULL, SOAK_MEMORY, false, false, 1},
        {L"soak4.vhdx", L"", NULL, SOAK_MEMORY, true, false, 1},
        {L"soak4.qcow2", L"", NULL, SOAK_RAM, false, false, 1},
    },
};

static uint32_t volume_start(const struct soak_image *image, unsigned index)
{
    return image->layout->in_parts ? PART_START + index * PART_SECTORS : 0;
}

static uint32_t first_sectors(const struct soak_layout *layout)
{
    return layout->in_parts ? PART_SECTORS : WHOLE_SECTORS;
}

static void put_entry(unsigned char *table, unsigned index, uint32_t first, uint32_t count)
{
    unsigned char *entry = table + 446 + index * 16;

    entry[4] = 7;
    memcpy(entry + 8, &first, 4);
    memcpy(entry + 12, &count, 4);
}

static void write_sectors(HANDLE file, uint32_t first, uint32_t count, const void *bytes)
{
    const LARGE_INTEGER offset = {.QuadPart = (LONGLONG)first * SOAK_SECTOR_BYTES};
    DWORD done = 0;

    CHECK(SetFilePointerEx(file, offset, NULL, FILE_BEGIN));
    CHECK(WriteFile(file, bytes, count * SOAK_SECTOR_BYTES, &done, NULL) &&
          done == count * SOAK_SECTOR_BYTES);
}

/* About half of it holds something from the start, so that there is something under an overlay. */
static void fill_volume(HANDLE file, struct soak_volume *volume, uint32_t start)
{
    unsigned char *bytes = volume->requests[0].buffer;

    for (uint32_t first = 0; first < (uint32_t)volume->sectors; first += PIECE_SECTORS) {
        const uint32_t stamp = (uint32_t)test_random_below(&volume->random, 2);

        if (stamp == 0)
            continue;
        sector_pattern_fill(bytes, first, PIECE_SECTORS, stamp);
        write_sectors(file, start + first, PIECE_SECTORS, bytes);
        for (uint32_t i = 0; i < PIECE_SECTORS; i++)
            volume->now[first + i] = (struct soak_sector){{stamp, stamp, stamp}};
    }
    soak_volume_save(volume);
}

static void make_contents(struct soak_image *image, const wchar_t *path)
{
    unsigned char table[SOAK_SECTOR_BYTES] = {[510] = 0x55, [511] = 0xaa};
    const uint32_t sectors = image->layout->in_parts ? DISK_SECTORS : WHOLE_SECTORS;
    HANDLE file;

    make_file(path, (uint64_t)sectors * SOAK_SECTOR_BYTES);
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    for (unsigned i = 0; i < image->volume_count; i++) {
        fill_volume(file, &image->volumes[i], volume_start(image, i));
        put_entry(table, i, volume_start(image, i), PART_SECTORS);
    }
    if (image->layout->in_parts)
        write_sectors(file, 0, 1, table);
    CloseHandle(file);
}

static void make_files(struct soak_image *image)
{
    const struct soak_layout *layout = image->layout;

    DeleteFileW(test_path(layout->file));
    DeleteFileW(test_path(L"contents.img"));
    if (layout->top != NULL)
        DeleteFileW(test_path(layout->top));
    make_contents(image, test_path(L"contents.img"));
    must_run(L"convert \"%ls\" \"%ls\" %ls", test_path(L"contents.img"), test_path(layout->file),
             layout->options);
    if (layout->layer == SOAK_CHILD)
        must_run(L"create \"%ls\" --parent \"%ls\"", test_path(layout->top),
                 test_path(layout->file));
}

void soak_image_make(struct soak_image *image, unsigned index, uint64_t seed)
{
    unsigned count = 0;

    while (count < LAYOUTS && layouts[index][count].file != NULL)
        count++;
    *image = (struct soak_image){
        .layout = &layouts[index][test_random_mix(seed, index) % count],
        .detect_zeroes = test_random_mix(seed, index + 100) % 4 == 0,
    };
    image->volume_count = image->layout->in_parts ? 2 : 1;
    for (unsigned i = 0; i < image->volume_count; i++) {
        struct soak_volume *volume = &image->volumes[i];

        volume->name = image->layout->file;
        volume->partition = image->layout->in_parts ? i + 1 : 0;
        volume->grain = image->layout->grain;
        volume->sectors = (LONG)first_sectors(image->layout);
        soak_volume_prepare(volume, test_random_mix(seed, 200 + index * SOAK_VOLUMES + i));
    }
    make_files(image);
    printf("    %ls%ls%ls%s%s\n", image->layout->file,
           image->layout->top == NULL ? L"" : L" under ",
           image->layout->top == NULL ? L"" : image->layout->top,
           image->layout->layer == SOAK_MEMORY ? " under memory"
           : image->layout->layer == SOAK_RAM  ? " in memory"
                                               : "",
           image->detect_zeroes ? ", detecting zeros" : "");
}

const wchar_t *soak_image_path(const struct soak_image *image)
{
    const struct soak_layout *layout = image->layout;

    return test_path(layout->layer == SOAK_CHILD ? layout->top : layout->file);
}

bool soak_image_forgets(const struct soak_image *image)
{
    return image->layout->layer == SOAK_MEMORY || image->layout->layer == SOAK_RAM;
}

static void open_ram(struct soak_image *image)
{
    must_run(L"open --ram \"%ls\" --letter R: --whole", soak_image_path(image));
    wcscpy(image->volumes[0].letter, L"R:");
}

void soak_image_open_volume(struct soak_image *image, unsigned index)
{
    static struct volume opened;
    const struct soak_layout *layout = image->layout;
    wchar_t options[PATH_CHARS * 2], part[32] = L"--whole";

    if (layout->layer == SOAK_RAM) {
        open_ram(image);
        return;
    }
    if (layout->in_parts)
        _snwprintf(part, 32, L"--partition %u", index + 1);
    else if (layout->grain != 1)
        wcscat(part, L" --sector-size 4096");
    _snwprintf(options, PATH_CHARS * 2, L"%ls %ls", part,
               image->detect_zeroes ? L"--detect-zeroes" : L"");
    if (layout->layer == SOAK_OVERLAY)
        _snwprintf(options + wcslen(options), PATH_CHARS, L" --overlay \"%ls\"",
                   test_path(layout->top));
    else if (layout->layer == SOAK_MEMORY)
        wcscat(options, L" --overlay memory");
    volume_open(&opened, soak_image_path(image), options);
    CloseHandle(opened.handle);
    memcpy(image->volumes[index].letter, opened.letter, sizeof opened.letter);
}

void soak_image_open(struct soak_image *image)
{
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_image_open_volume(image, i);
}

/* Space that was allocated and is not used (3) is what an interrupted flush may leave. */
static void check_file(const wchar_t *name)
{
    struct outcome outcome;

    run_control(&outcome, L"check \"%ls\"", test_path(name));
    if (outcome.exit_code != 0 && outcome.exit_code != 3)
        test_fail(__FILE__, __LINE__, "check of %ls ended with %lu: %s%s", name, outcome.exit_code,
                  outcome.out, outcome.err);
}

/* What is under another image does not grow with it. */
static void compare_volume(struct soak_image *image, unsigned index, bool with_saved,
                           const wchar_t *contents)
{
    struct soak_volume *volume = &image->volumes[index];
    const uint32_t sectors = with_saved ? first_sectors(image->layout) : (uint32_t)volume->sectors;
    unsigned char *bytes = volume->requests[0].buffer;

    for (uint32_t first = 0; first < sectors; first += SECTORS_AT_ONCE) {
        const uint32_t count = min(SECTORS_AT_ONCE, sectors - first);

        read_file(contents, (uint64_t)(volume_start(image, index) + first) * SOAK_SECTOR_BYTES,
                  bytes, count * SOAK_SECTOR_BYTES);
        soak_volume_compare(volume, with_saved ? volume->saved : volume->now, first, count, bytes);
    }
    if (volume->failed)
        test_fail(__FILE__, __LINE__, "in the closed image: %s", volume->failure);
}

static void compare_file(struct soak_image *image, const wchar_t *name, bool with_saved)
{
    const bool is_raw = wcscmp(wcsrchr(name, L'.'), L".img") == 0;

    if (!is_raw)
        check_file(name);
    DeleteFileW(test_path(L"contents.img"));
    must_run(L"convert \"%ls\" \"%ls\"", test_path(name), test_path(L"contents.img"));
    for (unsigned i = 0; i < image->volume_count; i++)
        compare_volume(image, i, with_saved, test_path(L"contents.img"));
}

void soak_image_verify(struct soak_image *image)
{
    const struct soak_layout *layout = image->layout;

    if (layout->top != NULL)
        compare_file(image, layout->top, false);
    compare_file(image, layout->file, layout->top != NULL || soak_image_forgets(image));
}

void soak_image_release(struct soak_image *image)
{
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_release(&image->volumes[i]);
}
