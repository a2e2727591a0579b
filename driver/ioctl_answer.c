#include "driver/ioctl_answer.h"
#include "driver/ioctl_codes.h"
#include "driver/ioctl_property.h"
#include "engine/base/endian.h"
#include "virtualdisk/driver_abi.h"

/* Of every input only fields in its first bytes are of interest. */
#define INPUT_BYTES 16u

typedef struct _VD_QUESTION {
    const VD_VOLUME *Volume;
    const VD_ACTIVITY *Activity;
    uint8_t Input[INPUT_BYTES]; /* a copy; zero behind what was sent */
    size_t InputLength;
    size_t OutputLength;
} VD_QUESTION;

/*
 * Writes the answer into Output, which is zeroed and at least as long as the row of the table
 * says, and its length into *Information, which is that minimum already.
 */
typedef int32_t VD_ANSWER(const VD_QUESTION *Question, uint8_t *Output, size_t *Information);

typedef struct _VD_IOCTL {
    uint32_t Code;
    uint16_t InputMinimum;  /* less: STATUS_INFO_LENGTH_MISMATCH */
    uint16_t OutputMinimum; /* less: STATUS_BUFFER_TOO_SMALL */
    VD_ANSWER *Answer;      /* NULL: there is nothing to do or say */
} VD_IOCTL;

#define MEDIA_TYPE_FIXED      12u
#define DEVICE_TYPE_DISK      7u
#define NOT_PARTITIONABLE     UINT32_MAX
#define GPT_READ_ONLY         0x1000000000000000ull
#define COUNTED_MINIMUM       4u /* sizeof(MOUNTDEV_NAME), sizeof(MOUNTDEV_UNIQUE_ID) */
#define HOTPLUG_BYTES         8u
#define GEOMETRY_BYTES        24u
#define GEOMETRY_EX_BYTES     32u /* up to Data */
#define PARTITION_BYTES       32u
#define PARTITION_EX_BYTES    144u
#define DEVICE_NUMBER_BYTES   12u
#define EXTENTS_BYTES         32u
#define PROPERTY_QUERY_BYTES  8u /* up to AdditionalParameters */
#define DESCRIPTOR_HEAD_BYTES 8u

/*
 * Volumes are no part of \\.\PhysicalDrive0, 1, ...: their numbers begin where no disk's are, so
 * that no tool takes the disk of the same number for the one under the volume.
 */
#define DISK_NUMBER_BASE 0x10000u

static int32_t AnswerGeometry(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const VD_GEOMETRY Geometry = VdVolumeGeometry(Question->Volume);

    (void)Information;
    vdisk_store_le64(Output, Geometry.Cylinders);
    vdisk_store_le32(Output + 8, MEDIA_TYPE_FIXED);
    vdisk_store_le32(Output + 12, Geometry.TracksPerCylinder);
    vdisk_store_le32(Output + 16, Geometry.SectorsPerTrack);
    vdisk_store_le32(Output + 20, Question->Volume->LogicalSectorBytes);
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerGeometryEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    vdisk_store_le64(Output + 24, Question->Volume->SizeBytes);
    return AnswerGeometry(Question, Output, Information);
}

static int32_t AnswerLength(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le64(Output, Question->Volume->SizeBytes);
    return VD_STATUS_SUCCESS;
}

/* The whole volume as one partition without a table. */
static int32_t AnswerPartition(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le64(Output + 8, Question->Volume->SizeBytes);
    Output[24] = Question->Volume->PartitionType;
    Output[26] = true; /* RecognizedPartition */
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerPartitionEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le64(Output + 16, Question->Volume->SizeBytes);
    Output[32] = Question->Volume->PartitionType; /* PartitionStyle 0: MBR */
    Output[34] = true;
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerIsWritable(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Output;
    (void)Information;
    return Question->Volume->ReadOnly ? VD_STATUS_MEDIA_WRITE_PROTECTED : VD_STATUS_SUCCESS;
}

/* The media never change; whoever gives room for a count of changes gets 0. */
static int32_t AnswerCheckVerify(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Output;
    if (Question->OutputLength >= sizeof(uint32_t))
        *Information = sizeof(uint32_t);
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerDeviceNumber(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le32(Output, DEVICE_TYPE_DISK);
    vdisk_store_le32(Output + 4, DISK_NUMBER_BASE + Question->Volume->Number);
    vdisk_store_le32(Output + 8, NOT_PARTITIONABLE);
    return VD_STATUS_SUCCESS;
}

/* Neither media nor device can be pulled out. */
static int32_t AnswerHotplug(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Information;
    vdisk_store_le32(Output, HOTPLUG_BYTES);
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerProperty(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    uint8_t Descriptor[VD_PROPERTY_BYTES] = {0};
    const size_t Length =
        VdPropertyDescribe(Question->Volume, vdisk_load_le32(Question->Input), Descriptor);
    const uint32_t QueryType = vdisk_load_le32(Question->Input + 4);

    if (Length == 0 || QueryType > VD_PROPERTY_EXISTS_QUERY)
        return VD_STATUS_NOT_SUPPORTED;
    if (QueryType == VD_PROPERTY_EXISTS_QUERY)
        return VD_STATUS_SUCCESS;
    if (Question->OutputLength < DESCRIPTOR_HEAD_BYTES)
        return VD_STATUS_BUFFER_TOO_SMALL;
    /* A short buffer gets the beginning, whose Size tells how much there is. */
    *Information = Length < Question->OutputLength ? Length : Question->OutputLength;
    memcpy(Output, Descriptor, *Information);
    return VD_STATUS_SUCCESS;
}

/* A 16-bit count and as many bytes; the count alone where they do not fit. */
static int32_t AnswerCounted(const VD_QUESTION *Question, const void *Bytes, uint16_t Count,
                             uint8_t *Output, size_t *Information)
{
    vdisk_store_le16(Output, Count);
    if (Question->OutputLength - sizeof(uint16_t) < Count)
        return VD_STATUS_BUFFER_OVERFLOW;
    memcpy(Output + sizeof(uint16_t), Bytes, Count);
    *Information = sizeof(uint16_t) + Count;
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerDeviceName(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    return AnswerCounted(Question, Question->Volume->Name, Question->Volume->NameBytes, Output,
                         Information);
}

static int32_t AnswerUniqueId(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    static const char Label[] = {'V', 'i', 'r', 't', 'u', 'a', 'l', 'D', 'i', 's', 'k', ':'};
    uint8_t Id[sizeof(Label) + VD_IDENTITY_BYTES];

    memcpy(Id, Label, sizeof(Label));
    memcpy(Id + sizeof(Label), Question->Volume->Identity, VD_IDENTITY_BYTES);
    return AnswerCounted(Question, Id, sizeof(Id), Output, Information);
}

static int32_t AnswerStableGuid(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    memcpy(Output, Question->Volume->Identity, VD_IDENTITY_BYTES);
    return VD_STATUS_SUCCESS;
}

/* No letter is wished for: the mount manager chooses, and remembers what the user chose. */
static int32_t AnswerSuggestedLink(const VD_QUESTION *Question, uint8_t *Output,
                                   size_t *Information)
{
    (void)Question;
    (void)Output;
    (void)Information;
    return VD_STATUS_NOT_FOUND;
}

static int32_t AnswerExtents(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le32(Output, 1);
    vdisk_store_le32(Output + 8, DISK_NUMBER_BASE + Question->Volume->Number);
    vdisk_store_le64(Output + 24, Question->Volume->SizeBytes);
    return VD_STATUS_SUCCESS;
}

/* Success would mean that it is off line. */
static int32_t AnswerIsOffline(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Output;
    (void)Information;
    return VD_STATUS_UNSUCCESSFUL;
}

static int32_t AnswerGptAttributes(const VD_QUESTION *Question, uint8_t *Output,
                                   size_t *Information)
{
    (void)Information;
    vdisk_store_le64(Output, Question->Volume->ReadOnly ? GPT_READ_ONLY : 0);
    return VD_STATUS_SUCCESS;
}

/* The zero in the output is the answer. */
static int32_t AnswerNo(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Output;
    (void)Information;
    return VD_STATUS_SUCCESS;
}

static uint32_t StateFlags(const VD_VOLUME *Volume, const VD_ACTIVITY *Activity)
{
    uint32_t Flags = 0;

    Flags |= Volume->ReadOnly ? VIRTUALDISK_STATE_READ_ONLY : 0;
    Flags |= Volume->Optical ? VIRTUALDISK_STATE_OPTICAL : 0;
    Flags |= Volume->DiscardBytes != 0 ? VIRTUALDISK_STATE_CAN_TRIM : 0;
    Flags |= Volume->Flags & VIRTUALDISK_FLAG_PERSISTENT ? VIRTUALDISK_STATE_PERSISTENT : 0;
    Flags |= Volume->Flags & VIRTUALDISK_FLAG_MEMORY ? VIRTUALDISK_STATE_MEMORY : 0;
    Flags |= Volume->Flags & VIRTUALDISK_FLAG_RAM ? VIRTUALDISK_STATE_RAM : 0;
    Flags |= Activity->Failing ? VIRTUALDISK_STATE_FAILING : 0;
    return Flags;
}

static int32_t AnswerState(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    struct virtualdisk_state State = {
        .version = VIRTUALDISK_ABI_VERSION,
        .flags = StateFlags(Volume, Question->Activity),
        .size_bytes = Volume->SizeBytes,
        .logical_sector_bytes = Volume->LogicalSectorBytes,
        .physical_sector_bytes = Volume->PhysicalSectorBytes,
        .device_number = Volume->Number,
        .disk_number = Volume->DiskNumber,
        .partition_number = Volume->Window.number,
        .requests_in_flight = Question->Activity->RequestsInFlight,
        .offset_bytes = Volume->Window.offset_bytes,
        .used_bytes = Question->Activity->UsedBytes,
        .path_bytes = Volume->PathBytes,
        .overlay_bytes = Volume->OverlayBytes,
    };

    memcpy(State.format, Volume->Format, sizeof(State.format));
    memcpy(Output, &State, sizeof(State));
    if (Question->OutputLength - sizeof(State) < (size_t)Volume->PathBytes + Volume->OverlayBytes)
        return VD_STATUS_BUFFER_OVERFLOW;
    Output += sizeof(State);
    memcpy(Output, Volume->Path, Volume->PathBytes);
    if (Volume->OverlayBytes != 0)
        memcpy(Output + Volume->PathBytes, Volume->OverlayPath, Volume->OverlayBytes);
    *Information = sizeof(State) + Volume->PathBytes + Volume->OverlayBytes;
    return VD_STATUS_SUCCESS;
}

static int32_t AnswerStatistics(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    memcpy(Output, Question->Activity->Statistics, sizeof(struct virtualdisk_statistics));
    return VD_STATUS_SUCCESS;
}

static const VD_IOCTL Ioctls[] = {
    {VD_IOCTL_DISK_GET_DRIVE_GEOMETRY, 0, GEOMETRY_BYTES, AnswerGeometry},
    {VD_IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, 0, GEOMETRY_EX_BYTES, AnswerGeometryEx},
    {VD_IOCTL_DISK_GET_MEDIA_TYPES, 0, GEOMETRY_BYTES, AnswerGeometry},
    {VD_IOCTL_DISK_GET_LENGTH_INFO, 0, sizeof(uint64_t), AnswerLength},
    {VD_IOCTL_DISK_GET_PARTITION_INFO, 0, PARTITION_BYTES, AnswerPartition},
    {VD_IOCTL_DISK_GET_PARTITION_INFO_EX, 0, PARTITION_EX_BYTES, AnswerPartitionEx},
    {VD_IOCTL_DISK_SET_PARTITION_INFO, sizeof(uint8_t), 0, AnswerIsWritable},
    {VD_IOCTL_DISK_IS_WRITABLE, 0, 0, AnswerIsWritable},
    {VD_IOCTL_DISK_CHECK_VERIFY, 0, 0, AnswerCheckVerify},
    {VD_IOCTL_DISK_MEDIA_REMOVAL, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_DISK_UPDATE_PROPERTIES, 0, 0, NULL},

    {VD_IOCTL_STORAGE_CHECK_VERIFY, 0, 0, AnswerCheckVerify},
    {VD_IOCTL_STORAGE_CHECK_VERIFY2, 0, 0, AnswerCheckVerify},
    {VD_IOCTL_STORAGE_GET_DEVICE_NUMBER, 0, DEVICE_NUMBER_BYTES, AnswerDeviceNumber},
    {VD_IOCTL_STORAGE_GET_HOTPLUG_INFO, 0, HOTPLUG_BYTES, AnswerHotplug},
    {VD_IOCTL_STORAGE_GET_MEDIA_TYPES, 0, GEOMETRY_BYTES, AnswerGeometry},
    {VD_IOCTL_STORAGE_MEDIA_REMOVAL, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_STORAGE_QUERY_PROPERTY, PROPERTY_QUERY_BYTES, 0, AnswerProperty},

    {VD_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, 0, COUNTED_MINIMUM, AnswerDeviceName},
    {VD_IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, 0, COUNTED_MINIMUM, AnswerUniqueId},
    {VD_IOCTL_MOUNTDEV_QUERY_STABLE_GUID, 0, VD_IDENTITY_BYTES, AnswerStableGuid},
    {VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, 0, 0, AnswerSuggestedLink},
    {VD_IOCTL_MOUNTDEV_LINK_CREATED, COUNTED_MINIMUM, 0, NULL},
    {VD_IOCTL_MOUNTDEV_LINK_CREATED_OLD, COUNTED_MINIMUM, 0, NULL},
    {VD_IOCTL_MOUNTDEV_LINK_DELETED, COUNTED_MINIMUM, 0, NULL},
    {VD_IOCTL_MOUNTDEV_LINK_DELETED_OLD, COUNTED_MINIMUM, 0, NULL},

    {VD_IOCTL_VOLUME_ONLINE, 0, 0, NULL},
    {VD_IOCTL_VOLUME_POST_ONLINE, 0, 0, NULL},
    {VD_IOCTL_VOLUME_IS_OFFLINE, 0, 0, AnswerIsOffline},
    {VD_IOCTL_VOLUME_IS_IO_CAPABLE, 0, 0, NULL},
    {VD_IOCTL_VOLUME_IS_DYNAMIC, 0, sizeof(uint8_t), AnswerNo},
    {VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, 0, sizeof(uint64_t), AnswerGptAttributes},
    {VD_IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, 0, EXTENTS_BYTES, AnswerExtents},

    {VD_IOCTL_QUERY_STATE, 0, sizeof(struct virtualdisk_state), AnswerState},
    {VD_IOCTL_QUERY_STATISTICS, 0, sizeof(struct virtualdisk_statistics), AnswerStatistics},
};

static const VD_IOCTL *FindIoctl(uint32_t Code)
{
    for (size_t i = 0; i < sizeof(Ioctls) / sizeof(Ioctls[0]); i++) {
        if (Ioctls[i].Code == Code)
            return &Ioctls[i];
    }
    return NULL;
}

/* A status that lets the output reach the caller: success, or a warning as "it did not fit". */
static bool DeliversOutput(int32_t Status)
{
    return Status >= 0 || Status == VD_STATUS_BUFFER_OVERFLOW;
}

int32_t VdIoctlAnswer(const VD_VOLUME *Volume, const VD_ACTIVITY *Activity, uint32_t Code,
                      const void *UnsafeInput, size_t InputLength, void *Output,
                      size_t OutputLength, size_t *Information)
{
    const VD_IOCTL *Ioctl = FindIoctl(Code);
    VD_QUESTION Question = {.Volume = Volume,
                            .Activity = Activity,
                            .InputLength = InputLength,
                            .OutputLength = OutputLength};
    int32_t Status;

    *Information = 0;
    if (Ioctl == NULL)
        return VD_STATUS_INVALID_DEVICE_REQUEST;
    if (InputLength < Ioctl->InputMinimum)
        return VD_STATUS_INFO_LENGTH_MISMATCH;
    if (OutputLength < Ioctl->OutputMinimum)
        return VD_STATUS_BUFFER_TOO_SMALL;
    if (InputLength != 0)
        memcpy(Question.Input, UnsafeInput,
               InputLength < INPUT_BYTES ? InputLength : (size_t)INPUT_BYTES);
    if (OutputLength != 0)
        memset(Output, 0, OutputLength);

    *Information = Ioctl->OutputMinimum;
    Status =
        Ioctl->Answer == NULL ? VD_STATUS_SUCCESS : Ioctl->Answer(&Question, Output, Information);
    if (!DeliversOutput(Status))
        *Information = 0;
    return Status;
}
