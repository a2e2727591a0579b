#include "driver/ioctl_partition.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#define STYLE_MBR           0u /* PARTITION_STYLE */
#define STYLE_GPT           1u
#define NOT_PARTITIONABLE   UINT32_MAX
#define ATTRIBUTE_NO_LETTER 0x8000000000000000ull /* GPT_BASIC_DATA_ATTRIBUTE_... */
#define ATTRIBUTE_READ_ONLY 0x1000000000000000ull
#define GPT_USUAL_COUNT     128u /* of entries in a table: the smallest that a GPT has */
#define MANAGER_NAME_CHARS  8u

/*
 * Volumes are no part of \\.\PhysicalDrive0, 1, ...: their numbers begin where no disk's are, so
 * that no tool takes the disk of the same number for the one under the volume.
 */
#define DISK_NUMBER_BASE 0x10000u

static uint32_t DiskNumber(const VD_VOLUME *Volume)
{
    return DISK_NUMBER_BASE + Volume->DiskNumber;
}

static bool IsPartition(const VD_VOLUME *Volume)
{
    return Volume->Window.style != VIRTUALDISK_STYLE_NONE;
}

/* A volume without a table is, as Windows has it, the one partition of an MBR disk. */
static uint32_t Style(const VD_VOLUME *Volume)
{
    return Volume->Window.style == VIRTUALDISK_STYLE_GPT ? STYLE_GPT : STYLE_MBR;
}

static uint8_t MbrType(const VD_VOLUME *Volume)
{
    return IsPartition(Volume) ? Volume->Window.mbr_type : Volume->PartitionType;
}

static uint32_t HiddenSectors(const VD_VOLUME *Volume)
{
    return (uint32_t)vdisk_min_u64(Volume->Window.offset_bytes / Volume->LogicalSectorBytes,
                                   UINT32_MAX);
}

static void PutPartition(const VD_VOLUME *Volume, uint8_t *Output)
{
    vdisk_store_le64(Output, Volume->Window.offset_bytes);
    vdisk_store_le64(Output + 8, Volume->SizeBytes);
    vdisk_store_le32(Output + 16, HiddenSectors(Volume));
    vdisk_store_le32(Output + 20, Volume->Window.number);
    Output[24] = MbrType(Volume);
    Output[25] = Volume->Window.mbr_active != 0;
    Output[26] = true; /* RecognizedPartition */
}

static void PutGptPartition(const struct virtualdisk_window *Window, uint8_t *Output)
{
    memcpy(Output, Window->gpt_type, sizeof(Window->gpt_type));
    memcpy(Output + 16, Window->gpt_id, sizeof(Window->gpt_id));
    vdisk_store_le64(Output + 32, Window->gpt_attributes);
    for (uint32_t i = 0; i < VIRTUALDISK_PARTITION_NAME_CHARS; i++)
        vdisk_store_le16(Output + 40 + i * sizeof(uint16_t), Window->gpt_name[i]);
}

static void PutPartitionEx(const VD_VOLUME *Volume, uint8_t *Output)
{
    vdisk_store_le32(Output, Style(Volume));
    vdisk_store_le64(Output + 8, Volume->Window.offset_bytes);
    vdisk_store_le64(Output + 16, Volume->SizeBytes);
    vdisk_store_le32(Output + 24, Volume->Window.number);
    if (Style(Volume) == STYLE_GPT) {
        PutGptPartition(&Volume->Window, Output + 32);
    } else {
        Output[32] = MbrType(Volume);
        Output[33] = Volume->Window.mbr_active != 0;
        Output[34] = true; /* RecognizedPartition */
        vdisk_store_le32(Output + 36, HiddenSectors(Volume));
    }
}

/* This and the layout below have no words for a GPT. */
int32_t VdPartitionAnswer(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    if (Style(Question->Volume) == STYLE_GPT)
        return VD_STATUS_INVALID_DEVICE_REQUEST;
    PutPartition(Question->Volume, Output);
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    PutPartitionEx(Question->Volume, Output);
    return VD_STATUS_SUCCESS;
}

/* Of the disk's partitions each volume knows one: itself. */
int32_t VdPartitionAnswerLayout(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    if (Style(Question->Volume) == STYLE_GPT)
        return VD_STATUS_INVALID_DEVICE_REQUEST;
    vdisk_store_le32(Output, 1); /* PartitionCount */
    vdisk_store_le32(Output + 4, Question->Volume->Window.mbr_signature);
    PutPartition(Question->Volume, Output + 8);
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerLayoutEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    const struct virtualdisk_window *Window = &Volume->Window;

    (void)Information;
    vdisk_store_le32(Output, Style(Volume));
    vdisk_store_le32(Output + 4, 1); /* PartitionCount */
    if (Style(Volume) == STYLE_GPT) {
        memcpy(Output + 8, Window->disk_id, sizeof(Window->disk_id));
        vdisk_store_le64(Output + 24, Window->offset_bytes); /* usable, as far as is known */
        vdisk_store_le64(Output + 32, Volume->SizeBytes);
        vdisk_store_le32(Output + 40,
                         Window->number > GPT_USUAL_COUNT ? Window->number : GPT_USUAL_COUNT);
    } else {
        vdisk_store_le32(Output + 8, Window->mbr_signature);
    }
    PutPartitionEx(Volume, Output + 48);
    return VD_STATUS_SUCCESS;
}

/*
 * Formatters set the type of what they have formatted and fail where they cannot. The table, if
 * there is one, is not the volume's to write, and no file system of Windows needs its type to be
 * mounted: success, and nothing more.
 */
int32_t VdPartitionAnswerSet(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Output;
    (void)Information;
    if (Question->Volume->ReadOnly)
        return VD_STATUS_MEDIA_WRITE_PROTECTED;
    return Style(Question->Volume) == STYLE_GPT ? VD_STATUS_INVALID_DEVICE_REQUEST
                                                : VD_STATUS_SUCCESS;
}

/* In a GPT it would be the id and the attributes as well: not without doing it. */
int32_t VdPartitionAnswerSetEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    if (!Question->Volume->ReadOnly && vdisk_load_le32(Question->Input) != Style(Question->Volume))
        return VD_STATUS_INVALID_PARAMETER;
    return VdPartitionAnswerSet(Question, Output, Information);
}

static uint32_t PartitionNumber(const VD_VOLUME *Volume)
{
    return IsPartition(Volume) ? Volume->Window.number : NOT_PARTITIONABLE;
}

int32_t VdPartitionAnswerDeviceNumber(const VD_QUESTION *Question, uint8_t *Output,
                                      size_t *Information)
{
    (void)Information;
    vdisk_store_le32(Output, VdQuestionDeviceType(Question));
    vdisk_store_le32(Output + 4, DiskNumber(Question->Volume));
    vdisk_store_le32(Output + 8, PartitionNumber(Question->Volume));
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerDeviceNumberEx(const VD_QUESTION *Question, uint8_t *Output,
                                        size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;

    (void)Information;
    vdisk_store_le32(Output, VD_DEVICE_NUMBER_EX_BYTES); /* Version, then Size */
    vdisk_store_le32(Output + 4, VD_DEVICE_NUMBER_EX_BYTES);
    vdisk_store_le32(Output + 12, VdQuestionDeviceType(Question));
    vdisk_store_le32(Output + 16, DiskNumber(Volume));
    memcpy(Output + 20, Volume->DiskIdentity, VD_IDENTITY_BYTES);
    vdisk_store_le32(Output + 36, PartitionNumber(Volume));
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerExtents(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le32(Output, 1); /* NumberOfDiskExtents */
    vdisk_store_le32(Output + 8, DiskNumber(Question->Volume));
    vdisk_store_le64(Output + 16, Question->Volume->Window.offset_bytes);
    vdisk_store_le64(Output + 24, Question->Volume->SizeBytes);
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerVolumeNumber(const VD_QUESTION *Question, uint8_t *Output,
                                      size_t *Information)
{
    static const char Manager[MANAGER_NAME_CHARS] = {'V', 'I', 'R', 'T', 'D', 'I', 'S', 'K'};

    (void)Information;
    vdisk_store_le32(Output, Question->Volume->Number);
    for (uint32_t i = 0; i < MANAGER_NAME_CHARS; i++)
        vdisk_store_le16(Output + 4 + i * sizeof(uint16_t), (uint16_t)Manager[i]);
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerIsPartition(const VD_QUESTION *Question, uint8_t *Output,
                                     size_t *Information)
{
    (void)Output;
    (void)Information;
    return IsPartition(Question->Volume) ? VD_STATUS_SUCCESS : VD_STATUS_UNSUCCESSFUL;
}

int32_t VdPartitionAnswerToPhysical(const VD_QUESTION *Question, uint8_t *Output,
                                    size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    const uint64_t UnsafeOffset = vdisk_load_le64(Question->Input);

    (void)Information;
    if (UnsafeOffset >= Volume->SizeBytes)
        return VD_STATUS_INVALID_PARAMETER;
    vdisk_store_le32(Output, 1); /* NumberOfPhysicalOffsets */
    vdisk_store_le32(Output + 8, DiskNumber(Volume));
    vdisk_store_le64(Output + 16, Volume->Window.offset_bytes + UnsafeOffset);
    return VD_STATUS_SUCCESS;
}

int32_t VdPartitionAnswerToLogical(const VD_QUESTION *Question, uint8_t *Output,
                                   size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    uint64_t Offset;

    (void)Information;
    if (vdisk_load_le32(Question->Input) != DiskNumber(Volume) ||
        !vdisk_sub_u64(vdisk_load_le64(Question->Input + 8), Volume->Window.offset_bytes,
                       &Offset) ||
        Offset >= Volume->SizeBytes)
        return VD_STATUS_INVALID_PARAMETER;
    vdisk_store_le64(Output, Offset);
    return VD_STATUS_SUCCESS;
}

/* The partition's own, and what the volume was opened with: they say it of any volume. */
int32_t VdPartitionAnswerAttributes(const VD_QUESTION *Question, uint8_t *Output,
                                    size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    uint64_t Attributes = Volume->Window.gpt_attributes;

    (void)Information;
    Attributes |= Volume->ReadOnly ? ATTRIBUTE_READ_ONLY : 0;
    Attributes |= (Volume->Flags & VIRTUALDISK_FLAG_NO_LETTER) != 0 ? ATTRIBUTE_NO_LETTER : 0;
    vdisk_store_le64(Output, Attributes);
    return VD_STATUS_SUCCESS;
}
