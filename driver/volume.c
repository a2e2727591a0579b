#include "driver/volume.h"

#define USUAL_HEADS           255u
#define USUAL_SECTORS         63u
#define MEGABYTE_HEADS        64u
#define MEGABYTE_SECTORS      32u
#define FNV_PRIME             0x100000001b3ull
#define FNV_BASIS             0xcbf29ce484222325ull
#define SECOND_BASIS          0x6c62272e07bb0142ull
#define HASH_BYTES            8u
#define GUID_VERSION_BYTE     7u /* of a GUID in memory: the high byte of Data3 */
#define GUID_VARIANT_BYTE     8u
#define PARTITION_FAT12       0x01u
#define PARTITION_FAT16       0x06u
#define PARTITION_IFS         0x07u /* NTFS, exFAT */
#define PARTITION_FAT32       0x0cu
#define FAT12_BELOW_BYTES     (4200u * 1024u)
#define FAT16_BELOW_BYTES     (512u * 1024u * 1024u)
#define BOOT_NAME_OFFSET      3u
#define BOOT_NAME_BYTES       8u
#define GUID_VERSION_OWN_WAYS 0x80u /* RFC 9562, version 8 */

static uint32_t LargestDivisor(uint64_t Value, uint32_t Limit)
{
    uint32_t Divisor = Limit;

    while (Value % Divisor != 0)
        Divisor--;
    return Divisor;
}

VD_GEOMETRY VdVolumeGeometry(const VD_VOLUME *Volume)
{
    const uint64_t SectorCount = Volume->DiskBytes / Volume->LogicalSectorBytes;
    VD_GEOMETRY Geometry;

    if (Volume->Optical) {
        Geometry.TracksPerCylinder = MEGABYTE_HEADS;
        Geometry.SectorsPerTrack = MEGABYTE_SECTORS;
    } else if (SectorCount % (USUAL_HEADS * USUAL_SECTORS) == 0) {
        Geometry.TracksPerCylinder = USUAL_HEADS;
        Geometry.SectorsPerTrack = USUAL_SECTORS;
    } else if (SectorCount % (MEGABYTE_HEADS * MEGABYTE_SECTORS) == 0) {
        Geometry.TracksPerCylinder = MEGABYTE_HEADS;
        Geometry.SectorsPerTrack = MEGABYTE_SECTORS;
    } else {
        Geometry.SectorsPerTrack = LargestDivisor(SectorCount, USUAL_SECTORS);
        Geometry.TracksPerCylinder =
            LargestDivisor(SectorCount / Geometry.SectorsPerTrack, USUAL_HEADS);
    }
    Geometry.Cylinders = SectorCount / Geometry.SectorsPerTrack / Geometry.TracksPerCylinder;
    return Geometry;
}

static bool HasName(const uint8_t *BootSector, const char *Name)
{
    for (uint32_t i = 0; i < BOOT_NAME_BYTES; i++) {
        if (BootSector[BOOT_NAME_OFFSET + i] != (uint8_t)Name[i])
            return false;
    }
    return true;
}

/* An empty volume is offered to FAT, the one file system that asks for its type. */
void VdVolumeRecognize(VD_VOLUME *Volume, const uint8_t *BootSector)
{
    if (BootSector != NULL && (HasName(BootSector, "NTFS    ") || HasName(BootSector, "EXFAT   ")))
        Volume->PartitionType = PARTITION_IFS;
    else if (Volume->SizeBytes < FAT12_BELOW_BYTES)
        Volume->PartitionType = PARTITION_FAT12;
    else if (Volume->SizeBytes < FAT16_BELOW_BYTES)
        Volume->PartitionType = PARTITION_FAT16;
    else
        Volume->PartitionType = PARTITION_FAT32;
}

/* FNV-1a over the path with its case folded. */
static uint64_t HashPath(const VD_VOLUME *Volume, uint16_t (*Upcase)(uint16_t Unit), uint64_t Hash)
{
    for (uint32_t i = 0; i < Volume->PathBytes / sizeof(uint16_t); i++) {
        const uint16_t Unit = Upcase(Volume->Path[i]);

        Hash = (Hash ^ (Unit & 0xffu)) * FNV_PRIME;
        Hash = (Hash ^ (Unit >> 8)) * FNV_PRIME;
    }
    return Hash;
}

/* The same, going on over where a partition begins. */
static uint64_t HashPlace(const struct virtualdisk_window *Window, uint64_t Hash)
{
    if (Window->style == VIRTUALDISK_STYLE_NONE)
        return Hash;
    for (uint32_t Shift = 0; Shift < 64; Shift += 8)
        Hash = (Hash ^ (uint8_t)(Window->offset_bytes >> Shift)) * FNV_PRIME;
    return Hash;
}

static void PutIdentity(uint8_t *Identity, uint64_t First, uint64_t Second)
{
    for (uint32_t i = 0; i < HASH_BYTES; i++) {
        Identity[i] = (uint8_t)(First >> (i * 8));
        Identity[HASH_BYTES + i] = (uint8_t)(Second >> (i * 8));
    }
    /* It also serves as a GUID. */
    Identity[GUID_VERSION_BYTE] =
        (uint8_t)((Identity[GUID_VERSION_BYTE] & 0x0fu) | GUID_VERSION_OWN_WAYS);
    Identity[GUID_VARIANT_BYTE] = (uint8_t)((Identity[GUID_VARIANT_BYTE] & 0x3fu) | 0x80u);
}

void VdVolumeIdentify(VD_VOLUME *Volume, uint16_t (*Upcase)(uint16_t Unit))
{
    const uint64_t First = HashPath(Volume, Upcase, FNV_BASIS);
    const uint64_t Second = HashPath(Volume, Upcase, SECOND_BASIS);

    PutIdentity(Volume->DiskIdentity, First, Second);
    PutIdentity(Volume->Identity, HashPlace(&Volume->Window, First),
                HashPlace(&Volume->Window, Second));
}
