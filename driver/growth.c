#include "driver/growth.h"
#include "driver/medium.h"
#include "driver/state.h"
#include "host/ntkernel/ntkernel.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"

/* What all volumes of the image say of its length, and of their own. */
static VOID TellDiskSize(VD_MEDIUM *Medium)
{
    for (LIST_ENTRY *Link = Medium->Devices.Flink; Link != &Medium->Devices; Link = Link->Flink)
        VdStateSetSize(CONTAINING_RECORD(Link, VD_DEVICE, MediumLink), Medium->Disk->size_bytes);
}

static enum vdisk_status GrowPartition(VD_DEVICE *Device, ULONGLONG SizeBytes,
                                       struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = Device->Medium;
    const struct vdisk_partition Partition = {.number = Device->Volume.Window.number,
                                              .offset_bytes = Device->Volume.Window.offset_bytes,
                                              .size_bytes = Device->Volume.SizeBytes};
    const enum vdisk_status Status =
        vdisk_image_grow_partition(Medium->Image, &Partition, SizeBytes, Error);

    return Status == VDISK_OK ? vdisk_window_resize(Device->Disk, SizeBytes, Error) : Status;
}

/* The end is elsewhere, and the partition table may be another. Without a sample all goes on. */
static VOID SampleAgain(VD_MEDIUM *Medium)
{
    VD_SAMPLE *Sample = &Medium->Identity->Sample;

    if (vdisk_disk_flush(Medium->Disk, NULL) == VDISK_OK ||
        Sample->DiskBytes != Medium->Disk->size_bytes)
        (VOID) VdSampleTake(Sample, Medium->Disk, NULL);
}

NTSTATUS VdGrowthApply(VD_DEVICE *Device, ULONGLONG SizeBytes, struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = Device->Medium;
    enum vdisk_status Status = VDISK_OK;

    PAGED_CODE();
    if (Medium->Image == NULL || Medium->Memory != NULL)
        return STATUS_NOT_SUPPORTED;
    if (Device->Volume.ReadOnly)
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (SizeBytes < Device->Volume.SizeBytes)
        return STATUS_INVALID_PARAMETER;
    if (Device->Disk == Medium->Disk)
        Status = vdisk_image_resize(Medium->Image, SizeBytes, Error);
    else if (SizeBytes > Device->Volume.SizeBytes)
        Status = GrowPartition(Device, SizeBytes, Error);
    TellDiskSize(
        Medium); /* also when the disk has grown, and then the table could not be written */
    SampleAgain(Medium);
    return Status == VDISK_OK ? STATUS_SUCCESS : vdisk_error_to_ntstatus(Error);
}
