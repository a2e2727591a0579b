#include "tests/support/cmocka_all.h"

#include "driver/volume.h"

#include <string.h>

/* The product is the size, whatever the size; no field is beyond what a BIOS parameter block has.
 */
static void test_geometry_is_exact(void **state)
{
    static const uint64_t sector_counts[] = {1,
                                             2,
                                             3,
                                             7,
                                             17,
                                             63,
                                             64,
                                             127,
                                             1009,
                                             2880,
                                             16065,
                                             20160,
                                             65536,
                                             204800,
                                             204801,
                                             1000003,
                                             104857597,
                                             (1ull << 33),
                                             (1ull << 40),
                                             4294967291,
                                             (1ull << 52)};

    (void)state;
    for (size_t i = 0; i < sizeof sector_counts / sizeof sector_counts[0]; i++) {
        const VD_VOLUME volume = {.DiskBytes = sector_counts[i] * 512, .LogicalSectorBytes = 512};
        const VD_GEOMETRY geometry = VdVolumeGeometry(&volume);

        assert_int_equal(geometry.Cylinders * geometry.TracksPerCylinder * geometry.SectorsPerTrack,
                         sector_counts[i]);
        assert_in_range(geometry.TracksPerCylinder, 1, 255);
        assert_in_range(geometry.SectorsPerTrack, 1, 63);
    }
}

static uint8_t recognize(uint64_t size_bytes, const char *name)
{
    VD_VOLUME volume = {.SizeBytes = size_bytes, .LogicalSectorBytes = 512};
    uint8_t sector[VD_BOOT_BYTES] = {0};

    if (name != NULL)
        memcpy(sector + 3, name, 8);
    VdVolumeRecognize(&volume, name == NULL ? NULL : sector);
    return volume.PartitionType;
}

static void test_partition_type(void **state)
{
    (void)state;
    assert_int_equal(recognize(1ull << 20, "NTFS    "), 0x07);
    assert_int_equal(recognize(1ull << 40, "EXFAT   "), 0x07);
    assert_int_equal(recognize(1ull << 20, "MSDOS5.0"), 0x01);
    assert_int_equal(recognize(100ull << 20, "mkfs.fat"), 0x06);
    assert_int_equal(recognize(1ull << 40, "MSDOS5.0"), 0x0c);
    assert_int_equal(recognize(100ull << 20, NULL), 0x06);
}

static uint16_t upcase(uint16_t unit)
{
    return unit >= 'a' && unit <= 'z' ? (uint16_t)(unit - 32) : unit;
}

static VD_VOLUME identify(const uint16_t *path, size_t path_bytes)
{
    VD_VOLUME volume = {.Path = path, .PathBytes = (uint32_t)path_bytes};

    VdVolumeIdentify(&volume, upcase);
    return volume;
}

static void test_identity(void **state)
{
    static const uint16_t path[] = u"\\??\\C:\\disks\\disk.img";
    static const uint16_t spelled[] = u"\\??\\c:\\Disks\\DISK.img";
    static const uint16_t other[] = u"\\??\\C:\\disks\\disk.imh";
    const VD_VOLUME first = identify(path, sizeof path - 2);
    const VD_VOLUME same = identify(spelled, sizeof spelled - 2);
    const VD_VOLUME different = identify(other, sizeof other - 2);

    (void)state;
    assert_memory_equal(first.Identity, same.Identity, VD_IDENTITY_BYTES);
    assert_memory_not_equal(first.Identity, different.Identity, 7);
    assert_memory_not_equal(first.Identity + 9, different.Identity + 9, 7);
    assert_int_equal(first.Identity[7] & 0xf0, 0x80); /* as a GUID: version 8 */
    assert_int_equal(first.Identity[8] & 0xc0, 0x80);
}

static VD_VOLUME identify_part(uint64_t offset_bytes)
{
    static const uint16_t path[] = u"\\??\\C:\\disks\\disk.img";
    VD_VOLUME volume = {.Path = path, .PathBytes = sizeof path - 2};

    volume.Window.style = VIRTUALDISK_STYLE_MBR;
    volume.Window.offset_bytes = offset_bytes;
    VdVolumeIdentify(&volume, upcase);
    return volume;
}

/* The parts of a disk differ, and the disk is the same. */
static void test_identity_of_parts(void **state)
{
    static const uint16_t path[] = u"\\??\\C:\\disks\\disk.img";
    const VD_VOLUME whole = identify(path, sizeof path - 2);
    const VD_VOLUME first = identify_part(0), second = identify_part(1048576);

    (void)state;
    assert_memory_equal(whole.Identity, whole.DiskIdentity, VD_IDENTITY_BYTES);
    assert_memory_equal(first.DiskIdentity, whole.DiskIdentity, VD_IDENTITY_BYTES);
    assert_memory_equal(second.DiskIdentity, whole.DiskIdentity, VD_IDENTITY_BYTES);
    assert_memory_not_equal(first.Identity, whole.Identity, VD_IDENTITY_BYTES);
    assert_memory_not_equal(first.Identity, second.Identity, VD_IDENTITY_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry_is_exact),
        cmocka_unit_test(test_partition_type),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_identity_of_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
