#include "driver/ioctl_geometry.h"
#include "engine/base/endian.h"

#define MEDIA_TYPE_REMOVABLE    11u
#define MEDIA_TYPE_FIXED        12u
#define MEDIA_TYPE_CD_ROM       0x33u
#define MEDIA_READ_ONLY         0x00000004u
#define MEDIA_READ_WRITE        0x00000008u
#define MEDIA_CURRENTLY_MOUNTED 0x80000000u

#define PARTITION_INFO_BYTES 24u /* DISK_PARTITION_INFO, in DISK_GEOMETRY_EX.Data */
#define DETECT_INFO_BYTES    8u  /* DISK_DETECTION_INFO of type DetectNone */
#define STYLE_GPT            1u

static void PutGeometry(const VD_VOLUME *Volume, uint8_t *Output)
{
    const VD_GEOMETRY Geometry = VdVolumeGeometry(Volume);

    vdisk_store_le64(Output, Geometry.Cylinders);
    vdisk_store_le32(Output + 8, Volume->Optical ? MEDIA_TYPE_REMOVABLE : MEDIA_TYPE_FIXED);
    vdisk_store_le32(Output + 12, Geometry.TracksPerCylinder);
    vdisk_store_le32(Output + 16, Geometry.SectorsPerTrack);
    vdisk_store_le32(Output + 20, Volume->LogicalSectorBytes);
}

int32_t VdGeometryAnswer(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    PutGeometry(Question->Volume, Output);
    return VD_STATUS_SUCCESS;
}

static void PutPartitionInfo(const struct virtualdisk_window *Window, uint8_t *Output)
{
    vdisk_store_le32(Output, PARTITION_INFO_BYTES);
    if (Window->style == VIRTUALDISK_STYLE_GPT) {
        vdisk_store_le32(Output + 4, STYLE_GPT);
        memcpy(Output + 8, Window->disk_id, sizeof(Window->disk_id));
    } else {
        vdisk_store_le32(Output + 8, Window->mbr_signature);
    }
}

/*
 * Of the data behind the size what there is whole room for: what the disk's table is, and that no
 * BIOS has detected the disk.
 */
int32_t VdGeometryAnswerEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    PutGeometry(Question->Volume, Output);
    vdisk_store_le64(Output + VD_GEOMETRY_BYTES, Question->Volume->DiskBytes);
    if (Question->OutputLength - VD_GEOMETRY_EX_BYTES < PARTITION_INFO_BYTES)
        return VD_STATUS_SUCCESS;
    PutPartitionInfo(&Question->Volume->Window, Output + VD_GEOMETRY_EX_BYTES);
    *Information += PARTITION_INFO_BYTES;
    if (Question->OutputLength - *Information < DETECT_INFO_BYTES)
        return VD_STATUS_SUCCESS;
    vdisk_store_le32(Output + *Information, DETECT_INFO_BYTES);
    *Information += DETECT_INFO_BYTES;
    return VD_STATUS_SUCCESS;
}

int32_t VdGeometryAnswerMediaTypes(const VD_QUESTION *Question, uint8_t *Output,
                                   size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    const VD_GEOMETRY Geometry = VdVolumeGeometry(Volume);
    const uint32_t Access =
        Volume->Optical || Volume->ReadOnly ? MEDIA_READ_ONLY : MEDIA_READ_WRITE;

    (void)Information;
    vdisk_store_le32(Output, VdQuestionDeviceType(Question));
    vdisk_store_le32(Output + 4, 1); /* MediaInfoCount */
    vdisk_store_le64(Output + 8, Geometry.Cylinders);
    vdisk_store_le32(Output + 16, Volume->Optical ? MEDIA_TYPE_CD_ROM : MEDIA_TYPE_FIXED);
    vdisk_store_le32(Output + 20, Geometry.TracksPerCylinder);
    vdisk_store_le32(Output + 24, Geometry.SectorsPerTrack);
    vdisk_store_le32(Output + 28, Volume->LogicalSectorBytes);
    vdisk_store_le32(Output + 32, 1); /* NumberMediaSides */
    vdisk_store_le32(Output + 36, Access | MEDIA_CURRENTLY_MOUNTED);
    return VD_STATUS_SUCCESS;
}

int32_t VdGeometryAnswerCapacity(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;

    (void)Information;
    vdisk_store_le32(Output, VD_CAPACITY_BYTES); /* Version, then Size */
    vdisk_store_le32(Output + 4, VD_CAPACITY_BYTES);
    vdisk_store_le32(Output + 8, Volume->LogicalSectorBytes);
    vdisk_store_le64(Output + 16, Volume->DiskBytes / Volume->LogicalSectorBytes);
    vdisk_store_le64(Output + 24, Volume->DiskBytes);
    return VD_STATUS_SUCCESS;
}

int32_t VdGeometryAnswerLength(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le64(Output, Question->Volume->SizeBytes);
    return VD_STATUS_SUCCESS;
}
