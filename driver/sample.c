#include "driver/sample.h"
#include "engine/base/checked.h"
#include "engine/base/crc32c.h"

#define PLACE_BYTES       (VD_SAMPLE_SECTORS * VDISK_SECTOR_BYTES)
#define DESCRIPTOR_OFFSET 32768u /* sector 16 of a CD */
#define NO_FLUSH          UINT32_MAX

void VdSampleInitialize(VD_SAMPLE *Sample)
{
    memset(Sample, 0, sizeof(*Sample));
    vdisk_mutex_init(&Sample->Lock);
}

/* Where a place begins, and how much of it the disk has. */
static uint64_t FindPlace(uint64_t DiskBytes, uint32_t Place, uint64_t *Length)
{
    const uint64_t Offsets[VD_SAMPLE_PLACES] = {
        0, DESCRIPTOR_OFFSET, DiskBytes < PLACE_BYTES ? 0 : DiskBytes - PLACE_BYTES};

    *Length = 0;
    if (Offsets[Place] < DiskBytes)
        *Length = vdisk_min_u64(PLACE_BYTES, DiskBytes - Offsets[Place]);
    return Offsets[Place];
}

static void TakePlace(VD_SAMPLE *Sample, uint32_t Place, struct vdisk_disk *Disk, uint8_t *Buffer,
                      struct vdisk_error *Error)
{
    uint64_t Length;
    const uint64_t Offset = FindPlace(Sample->DiskBytes, Place, &Length);
    const bool Readable = vdisk_disk_read(Disk, Offset, Buffer, (size_t)Length, Error) == VDISK_OK;

    for (uint32_t i = 0; i < Length / VDISK_SECTOR_BYTES; i++) {
        VD_SAMPLED_SECTOR *Sector = &Sample->Sectors[Place][i];

        memset(Sector, 0, sizeof(*Sector));
        Sector->Known = Readable;
        Sector->Unsure = !Readable;
        if (Readable)
            Sector->Latest =
                vdisk_crc32c(0, Buffer + (size_t)i * VDISK_SECTOR_BYTES, VDISK_SECTOR_BYTES);
        Sector->Durable = Sector->Latest;
    }
}

enum vdisk_status VdSampleTake(VD_SAMPLE *Sample, struct vdisk_disk *Disk,
                               struct vdisk_error *Error)
{
    uint8_t *Buffer = vdisk_alloc(PLACE_BYTES);

    Sample->DiskBytes = 0;
    if (Buffer == NULL)
        return vdisk_fail(Error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    Sample->DiskBytes = Disk->size_bytes;
    for (uint32_t Place = 0; Place < VD_SAMPLE_PLACES; Place++)
        TakePlace(Sample, Place, Disk, Buffer, Error);
    vdisk_free(Buffer);
    return VDISK_OK;
}

/* Most writes touch nothing, and take no lock. */
static bool Touches(const VD_SAMPLE *Sample, uint64_t Offset, uint64_t Length)
{
    for (uint32_t Place = 0; Place < VD_SAMPLE_PLACES; Place++) {
        uint64_t PlaceLength;
        const uint64_t PlaceOffset = FindPlace(Sample->DiskBytes, Place, &PlaceLength);

        if (vdisk_ranges_overlap(Offset, Length, PlaceOffset, PlaceLength))
            return true;
    }
    return false;
}

/* Of several versions since the last flush, any may be the one in the file. */
static void WriteSector(VD_SAMPLED_SECTOR *Sector, const uint8_t *Content)
{
    const uint32_t Checksum = Content == NULL ? 0 : vdisk_crc32c(0, Content, VDISK_SECTOR_BYTES);

    if (Content != NULL && Sector->Known && Checksum == Sector->Latest)
        return;
    Sector->Unsure = Sector->Unsure || Sector->Written || Content == NULL;
    Sector->Written = true;
    Sector->Known = Content != NULL;
    Sector->Latest = Checksum;
}

static void WritePlace(VD_SAMPLE *Sample, uint32_t Place, uint64_t Offset, uint64_t Length,
                       const uint8_t *Buffer)
{
    uint64_t PlaceLength;
    const uint64_t PlaceOffset = FindPlace(Sample->DiskBytes, Place, &PlaceLength);

    for (uint32_t i = 0; i < PlaceLength / VDISK_SECTOR_BYTES; i++) {
        const uint64_t At = PlaceOffset + (uint64_t)i * VDISK_SECTOR_BYTES;

        if (At >= Offset && At - Offset < Length)
            WriteSector(&Sample->Sectors[Place][i], Buffer == NULL ? NULL : Buffer + (At - Offset));
    }
}

static void WriteAll(VD_SAMPLE *Sample, uint64_t Offset, uint64_t Length, const void *Buffer)
{
    for (uint32_t Place = 0; Place < VD_SAMPLE_PLACES; Place++)
        WritePlace(Sample, Place, Offset, Length, Buffer);
}

void VdSampleBeginWrite(VD_SAMPLE *Sample, uint64_t Offset, uint64_t Length, const void *Buffer)
{
    if (!Touches(Sample, Offset, Length))
        return;
    vdisk_mutex_lock(&Sample->Lock);
    Sample->WritesUnderWay++;
    Sample->WriteCount++;
    WriteAll(Sample, Offset, Length, Buffer);
    vdisk_mutex_unlock(&Sample->Lock);
}

void VdSampleEndWrite(VD_SAMPLE *Sample, uint64_t Offset, uint64_t Length, bool Succeeded)
{
    if (!Touches(Sample, Offset, Length))
        return;
    vdisk_mutex_lock(&Sample->Lock);
    Sample->WritesUnderWay--;
    if (!Succeeded)
        WriteAll(Sample, Offset, Length, NULL);
    vdisk_mutex_unlock(&Sample->Lock);
}

uint32_t VdSampleBeginFlush(VD_SAMPLE *Sample)
{
    uint32_t Mark;

    vdisk_mutex_lock(&Sample->Lock);
    Mark = Sample->WritesUnderWay == 0 ? Sample->WriteCount : NO_FLUSH;
    vdisk_mutex_unlock(&Sample->Lock);
    return Mark;
}

/* What was written meanwhile waits for the next flush. */
void VdSampleEndFlush(VD_SAMPLE *Sample, uint32_t Mark)
{
    vdisk_mutex_lock(&Sample->Lock);
    for (uint32_t i = 0; Mark == Sample->WriteCount && i < VD_SAMPLE_PLACES * VD_SAMPLE_SECTORS;
         i++) {
        VD_SAMPLED_SECTOR *Sector = &Sample->Sectors[i / VD_SAMPLE_SECTORS][i % VD_SAMPLE_SECTORS];

        Sector->Written = false;
        Sector->Unsure = !Sector->Known;
        Sector->Durable = Sector->Latest;
    }
    vdisk_mutex_unlock(&Sample->Lock);
}

static bool SectorMatches(const VD_SAMPLED_SECTOR *Sector, const VD_SAMPLED_SECTOR *Found)
{
    if (Sector->Unsure)
        return true;
    return Found->Known && (Found->Latest == Sector->Durable || Found->Latest == Sector->Latest);
}

bool VdSampleMatches(VD_SAMPLE *Sample, const VD_SAMPLE *Found)
{
    bool Matches = Sample->DiskBytes == Found->DiskBytes;

    vdisk_mutex_lock(&Sample->Lock);
    for (uint32_t i = 0; Matches && i < VD_SAMPLE_PLACES * VD_SAMPLE_SECTORS; i++) {
        const uint32_t Place = i / VD_SAMPLE_SECTORS, Index = i % VD_SAMPLE_SECTORS;
        uint64_t Length;

        (void)FindPlace(Sample->DiskBytes, Place, &Length);
        if (Index < Length / VDISK_SECTOR_BYTES)
            Matches = SectorMatches(&Sample->Sectors[Place][Index], &Found->Sectors[Place][Index]);
    }
    vdisk_mutex_unlock(&Sample->Lock);
    return Matches;
}
