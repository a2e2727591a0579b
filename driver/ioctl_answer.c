#include "driver/ioctl_answer.h"
#include "driver/ioctl_cd.h"
#include "driver/ioctl_geometry.h"
#include "driver/ioctl_medium.h"
#include "driver/ioctl_mount.h"
#include "driver/ioctl_partition.h"
#include "driver/ioctl_property.h"
#include "driver/ioctl_question.h"
#include "driver/ioctl_state.h"

/* Which volumes have an answer. */
#define ON_DISK 1u
#define ON_CD   2u
#define ON_BOTH (ON_DISK | ON_CD)

typedef struct _VD_IOCTL {
    uint32_t Code;
    uint8_t Volumes;        /* ON_...; others: STATUS_INVALID_DEVICE_REQUEST */
    uint8_t InputMinimum;   /* less: STATUS_INFO_LENGTH_MISMATCH */
    uint16_t OutputMinimum; /* less: STATUS_BUFFER_TOO_SMALL */
    VD_ANSWER *Answer;      /* NULL: there is nothing to do or say */
} VD_IOCTL;

/* The zero in the output is the answer. */
static int32_t AnswerNo(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Output;
    (void)Information;
    return VD_STATUS_SUCCESS;
}

/* Of questions without output, where success would mean yes. */
static int32_t AnswerNotSo(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Output;
    (void)Information;
    return VD_STATUS_UNSUCCESSFUL;
}

static const VD_IOCTL Ioctls[] = {
    {VD_IOCTL_CDROM_READ_TOC, ON_CD, 0, VD_TOC_BYTES, VdCdAnswerToc},
    {VD_IOCTL_CDROM_READ_TOC_EX, ON_CD, VD_TOC_QUERY_BYTES, VD_TOC_MINIMUM_BYTES, VdCdAnswerTocEx},
    {VD_IOCTL_CDROM_GET_LAST_SESSION, ON_CD, 0, VD_SESSION_BYTES, VdCdAnswerSession},
    {VD_IOCTL_CDROM_GET_DRIVE_GEOMETRY, ON_CD, 0, VD_GEOMETRY_BYTES, VdGeometryAnswer},
    {VD_IOCTL_CDROM_GET_DRIVE_GEOMETRY_EX, ON_CD, 0, VD_GEOMETRY_EX_BYTES, VdGeometryAnswerEx},
    {VD_IOCTL_CDROM_GET_CONFIGURATION, ON_CD, VD_CONFIGURATION_QUERY_BYTES, VD_CONFIGURATION_BYTES,
     VdCdAnswerConfiguration},
    {VD_IOCTL_CDROM_DISK_TYPE, ON_CD, 0, VD_DISK_TYPE_BYTES, VdCdAnswerDiskType},
    {VD_IOCTL_CDROM_CHECK_VERIFY, ON_CD, 0, 0, VdMediumAnswerCheckVerify},
    {VD_IOCTL_CDROM_MEDIA_REMOVAL, ON_CD, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_CDROM_LOAD_MEDIA, ON_CD, 0, 0, NULL},

    {VD_IOCTL_DISK_GET_DRIVE_GEOMETRY, ON_BOTH, 0, VD_GEOMETRY_BYTES, VdGeometryAnswer},
    {VD_IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, ON_BOTH, 0, VD_GEOMETRY_EX_BYTES, VdGeometryAnswerEx},
    {VD_IOCTL_DISK_GET_MEDIA_TYPES, ON_BOTH, 0, VD_GEOMETRY_BYTES, VdGeometryAnswer},
    {VD_IOCTL_DISK_GET_LENGTH_INFO, ON_BOTH, 0, sizeof(uint64_t), VdGeometryAnswerLength},
    {VD_IOCTL_DISK_GET_PARTITION_INFO, ON_BOTH, 0, VD_PARTITION_BYTES, VdPartitionAnswer},
    {VD_IOCTL_DISK_GET_PARTITION_INFO_EX, ON_BOTH, 0, VD_PARTITION_EX_BYTES, VdPartitionAnswerEx},
    {VD_IOCTL_DISK_GET_DRIVE_LAYOUT, ON_BOTH, 0, VD_LAYOUT_BYTES, VdPartitionAnswerLayout},
    {VD_IOCTL_DISK_GET_DRIVE_LAYOUT_EX, ON_BOTH, 0, VD_LAYOUT_EX_BYTES, VdPartitionAnswerLayoutEx},
    {VD_IOCTL_DISK_SET_PARTITION_INFO, ON_DISK, sizeof(uint8_t), 0, VdPartitionAnswerSet},
    {VD_IOCTL_DISK_SET_PARTITION_INFO_EX, ON_DISK, VD_SET_PARTITION_EX_BYTES, 0,
     VdPartitionAnswerSetEx},
    {VD_IOCTL_DISK_GET_DISK_ATTRIBUTES, ON_DISK, 0, VD_ATTRIBUTES_BYTES, VdMediumAnswerAttributes},
    {VD_IOCTL_DISK_GET_CACHE_INFORMATION, ON_DISK, 0, VD_CACHE_BYTES, VdMediumAnswerCache},
    {VD_IOCTL_DISK_IS_CLUSTERED, ON_DISK, 0, sizeof(uint8_t), AnswerNo},
    {VD_IOCTL_DISK_IS_WRITABLE, ON_BOTH, 0, 0, VdMediumAnswerIsWritable},
    {VD_IOCTL_DISK_CHECK_VERIFY, ON_BOTH, 0, 0, VdMediumAnswerCheckVerify},
    {VD_IOCTL_DISK_MEDIA_REMOVAL, ON_BOTH, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_DISK_UPDATE_PROPERTIES, ON_DISK, 0, 0, NULL},

    {VD_IOCTL_STORAGE_CHECK_VERIFY, ON_BOTH, 0, 0, VdMediumAnswerCheckVerify},
    {VD_IOCTL_STORAGE_CHECK_VERIFY2, ON_BOTH, 0, 0, VdMediumAnswerCheckVerify},
    {VD_IOCTL_STORAGE_GET_DEVICE_NUMBER, ON_BOTH, 0, VD_DEVICE_NUMBER_BYTES,
     VdPartitionAnswerDeviceNumber},
    {VD_IOCTL_STORAGE_GET_DEVICE_NUMBER_EX, ON_BOTH, 0, VD_DEVICE_NUMBER_EX_BYTES,
     VdPartitionAnswerDeviceNumberEx},
    {VD_IOCTL_STORAGE_GET_HOTPLUG_INFO, ON_BOTH, 0, VD_HOTPLUG_BYTES, VdMediumAnswerHotplug},
    {VD_IOCTL_STORAGE_GET_MEDIA_TYPES, ON_BOTH, 0, VD_GEOMETRY_BYTES, VdGeometryAnswer},
    {VD_IOCTL_STORAGE_GET_MEDIA_TYPES_EX, ON_BOTH, 0, VD_MEDIA_TYPES_BYTES,
     VdGeometryAnswerMediaTypes},
    {VD_IOCTL_STORAGE_READ_CAPACITY, ON_BOTH, 0, VD_CAPACITY_BYTES, VdGeometryAnswerCapacity},
    {VD_IOCTL_STORAGE_QUERY_PROPERTY, ON_BOTH, VD_PROPERTY_QUERY_BYTES, 0, VdPropertyAnswer},
    {VD_IOCTL_STORAGE_MEDIA_REMOVAL, ON_BOTH, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_STORAGE_EJECTION_CONTROL, ON_CD, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_STORAGE_MCN_CONTROL, ON_CD, sizeof(uint8_t), 0, NULL},
    {VD_IOCTL_STORAGE_LOAD_MEDIA, ON_CD, 0, 0, NULL},
    {VD_IOCTL_STORAGE_LOAD_MEDIA2, ON_CD, 0, 0, NULL},

    {VD_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, ON_BOTH, 0, VD_COUNTED_BYTES, VdMountAnswerDeviceName},
    {VD_IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, ON_BOTH, 0, VD_COUNTED_BYTES, VdMountAnswerUniqueId},
    {VD_IOCTL_MOUNTDEV_QUERY_STABLE_GUID, ON_BOTH, 0, VD_IDENTITY_BYTES, VdMountAnswerStableGuid},
    {VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, ON_BOTH, 0, 0, VdMountAnswerSuggestedLink},
    {VD_IOCTL_MOUNTDEV_LINK_CREATED, ON_BOTH, VD_COUNTED_BYTES, 0, NULL},
    {VD_IOCTL_MOUNTDEV_LINK_CREATED_OLD, ON_BOTH, VD_COUNTED_BYTES, 0, NULL},
    {VD_IOCTL_MOUNTDEV_LINK_DELETED, ON_BOTH, VD_COUNTED_BYTES, 0, NULL},
    {VD_IOCTL_MOUNTDEV_LINK_DELETED_OLD, ON_BOTH, VD_COUNTED_BYTES, 0, NULL},

    {VD_IOCTL_VOLUME_ONLINE, ON_BOTH, 0, 0, NULL},
    {VD_IOCTL_VOLUME_POST_ONLINE, ON_BOTH, 0, 0, NULL},
    {VD_IOCTL_VOLUME_IS_OFFLINE, ON_BOTH, 0, 0, AnswerNotSo},
    {VD_IOCTL_VOLUME_IS_IO_CAPABLE, ON_BOTH, 0, 0, NULL},
    {VD_IOCTL_VOLUME_SUPPORTS_ONLINE_OFFLINE, ON_BOTH, 0, 0, AnswerNotSo},
    {VD_IOCTL_VOLUME_IS_DYNAMIC, ON_BOTH, 0, sizeof(uint8_t), AnswerNo},
    {VD_IOCTL_VOLUME_IS_CLUSTERED, ON_BOTH, 0, 0, AnswerNotSo},
    {VD_IOCTL_VOLUME_UPDATE_PROPERTIES, ON_BOTH, 0, 0, NULL},
    {VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, ON_BOTH, 0, sizeof(uint64_t), VdPartitionAnswerAttributes},
    {VD_IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, ON_DISK, 0, VD_EXTENTS_BYTES,
     VdPartitionAnswerExtents},
    {VD_IOCTL_VOLUME_QUERY_VOLUME_NUMBER, ON_DISK, 0, VD_VOLUME_NUMBER_BYTES,
     VdPartitionAnswerVolumeNumber},
    {VD_IOCTL_VOLUME_IS_PARTITION, ON_DISK, 0, 0, VdPartitionAnswerIsPartition},
    {VD_IOCTL_VOLUME_LOGICAL_TO_PHYSICAL, ON_DISK, sizeof(uint64_t), VD_PHYSICAL_OFFSETS_BYTES,
     VdPartitionAnswerToPhysical},
    {VD_IOCTL_VOLUME_PHYSICAL_TO_LOGICAL, ON_DISK, VD_PHYSICAL_OFFSET_BYTES, sizeof(uint64_t),
     VdPartitionAnswerToLogical},

    {VD_IOCTL_QUERY_STATE, ON_BOTH, 0, sizeof(struct virtualdisk_state), VdStateAnswer},
    {VD_IOCTL_QUERY_STATISTICS, ON_BOTH, 0, sizeof(struct virtualdisk_statistics),
     VdStateAnswerStatistics},
};

static const VD_IOCTL *FindIoctl(const VD_VOLUME *Volume, uint32_t Code)
{
    const uint8_t Kind = Volume->Optical ? ON_CD : ON_DISK;

    for (size_t i = 0; i < sizeof(Ioctls) / sizeof(Ioctls[0]); i++) {
        if (Ioctls[i].Code == Code)
            return (Ioctls[i].Volumes & Kind) != 0 ? &Ioctls[i] : NULL;
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
    const VD_IOCTL *Ioctl = FindIoctl(Volume, Code);
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
        memcpy(Question.Input, UnsafeInput, vdisk_min_size(InputLength, VD_INPUT_BYTES));
    if (OutputLength != 0)
        memset(Output, 0, OutputLength);

    *Information = Ioctl->OutputMinimum;
    Status =
        Ioctl->Answer == NULL ? VD_STATUS_SUCCESS : Ioctl->Answer(&Question, Output, Information);
    if (!DeliversOutput(Status))
        *Information = 0;
    return Status;
}

bool VdIoctlEjects(const VD_VOLUME *Volume, uint32_t Code)
{
    return Volume->Optical &&
           (Code == VD_IOCTL_STORAGE_EJECT_MEDIA || Code == VD_IOCTL_DISK_EJECT_MEDIA ||
            Code == VD_IOCTL_CDROM_EJECT_MEDIA);
}
