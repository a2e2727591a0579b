#include "tests/fuzz/fuzz_image.h"
#include "engine/base/checked.h"
#include "engine/base/crc32c.h"
#include "engine/base/endian.h"
#include "engine/format/vhd/vhd_footer.h"

#include <stdlib.h>

#define KIB 1024u

static const uint64_t vhdx_headers[] = {64 * KIB, 128 * KIB};
static const uint64_t vhdx_regions[] = {192 * KIB, 256 * KIB};

static bool load(struct vdisk_file *file, uint64_t offset_bytes, void *bytes, size_t length_bytes)
{
    return vdisk_file_read(file, offset_bytes, bytes, length_bytes, NULL) == VDISK_OK;
}

/* A structure of VHDX, its CRC at 4. */
static void repair_crc(struct vdisk_file *file, uint64_t offset_bytes, const char *signature,
                       size_t length_bytes)
{
    unsigned char *bytes = malloc(length_bytes);

    if (bytes != NULL && load(file, offset_bytes, bytes, length_bytes) &&
        memcmp(bytes, signature, 4) == 0) {
        vdisk_store_le32(bytes + 4, 0);
        vdisk_store_le32(bytes + 4, vdisk_crc32c(0, bytes, length_bytes));
        vdisk_file_write(file, offset_bytes + 4, bytes + 4, 4, NULL);
    }
    free(bytes);
}

/* Every entry of the first MiB of the log; one that goes round the end stays as it is. */
static void repair_log(struct vdisk_file *file, uint64_t header_offset_bytes)
{
    unsigned char header[80], entry[12];

    if (!load(file, header_offset_bytes, header, sizeof header))
        return;
    for (uint64_t at = 0; at < KIB * KIB && at < vdisk_load_le32(header + 68); at += 4 * KIB) {
        uint64_t offset;

        if (!vdisk_add_u64(vdisk_load_le64(header + 72), at, &offset) ||
            !load(file, offset, entry, sizeof entry))
            return;
        if (memcmp(entry, "loge", 4) == 0 && vdisk_load_le32(entry + 8) >= 64 &&
            vdisk_load_le32(entry + 8) <= KIB * KIB)
            repair_crc(file, offset, "loge", vdisk_load_le32(entry + 8));
    }
}

static void repair_vhdx(struct vdisk_file *file)
{
    for (unsigned i = 0; i < 2; i++) {
        repair_log(file, vhdx_headers[i]);
        repair_crc(file, vhdx_headers[i], "head", 4 * KIB);
        repair_crc(file, vhdx_regions[i], "regi", 64 * KIB);
    }
}

/* A structure of VHD, big-endian, its sum at `position`. */
static void repair_sum(struct vdisk_file *file, uint64_t offset_bytes, size_t length_bytes,
                       size_t position)
{
    unsigned char bytes[1024];

    if (!load(file, offset_bytes, bytes, length_bytes))
        return;
    vdisk_store_be32(bytes + position, vhd_checksum(bytes, length_bytes, position));
    vdisk_file_write(file, offset_bytes + position, bytes + position, 4, NULL);
}

static void repair_vhd_footer(struct vdisk_file *file, uint64_t offset_bytes)
{
    unsigned char footer[512];
    uint64_t header;

    if (!load(file, offset_bytes, footer, sizeof footer) || memcmp(footer, "conectix", 8) != 0)
        return;
    repair_sum(file, offset_bytes, sizeof footer, 64);
    header = vdisk_load_be64(footer + 16);
    if (header != UINT64_MAX)
        repair_sum(file, header, 1024, 36);
}

void fuzz_checksum_repair(struct vdisk_file *file)
{
    uint64_t size = 0;
    unsigned char magic[8];

    vdisk_file_get_size(file, &size, NULL);
    if (load(file, 0, magic, sizeof magic) && memcmp(magic, "vhdxfile", sizeof magic) == 0)
        repair_vhdx(file);
    repair_vhd_footer(file, 0);
    if (size >= 512)
        repair_vhd_footer(file, size - 512);
}
